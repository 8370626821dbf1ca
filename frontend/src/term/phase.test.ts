import { expect, test } from "vitest";
import { connectionWords, endOf, loggedOut } from "./phase.ts";

test("every phase is told in words", () => {
  expect(connectionWords("connecting", false, 0, null).word).toBe("connecting…");
  expect(connectionWords("connected", false, 0, null).word).toBe("connected");
  expect(connectionWords("connected", true, 0, null).word).toBe("view only");
  expect(connectionWords("cut", false, 0, null).word).toBe("reconnecting…");
  expect(connectionWords("cut", false, 3, null).word).toBe("reconnecting… (3 keys waiting)");
  expect(connectionWords("ended", false, 0, endOf("killed", "")).word).toBe("ended: the session was killed");
});

test("withdrawn access is not offered again", () => {
  expect(endOf("revoked", "").again).toBe(false);
  expect(endOf("exited", "").again).toBe(true);
});

test("an ended login asks for another one, not for another attach", () => {
  expect(loggedOut(false)).toMatchObject({ why: "you were logged out", again: false, login: true });
  expect(loggedOut(true)).toMatchObject({ why: "your login expired", again: false, login: true });
});
