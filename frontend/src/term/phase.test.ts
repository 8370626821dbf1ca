import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError, offline } from "../api/problem.ts";
import { CutClock, connectionWords, endOf, failedAttach, loggedOut, OFFER_MS, wayWords } from "./phase.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("every phase is told in words", () => {
  expect(connectionWords("connecting", false, 0, null).word).toBe("connecting…");
  expect(connectionWords("connected", false, 0, null).word).toBe("connected");
  expect(connectionWords("connected", true, 0, null).word).toBe("view only");
  expect(connectionWords("cut", false, 0, null).word).toBe("reconnecting…");
  expect(connectionWords("cut", false, 3, null).word).toBe("reconnecting… 3 keys wait");
  expect(connectionWords("cut", false, 1, null).word).toBe("reconnecting… 1 key waits");
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

test("a login that is over, an access that is refused and a failure are told apart", () => {
  expect(failedAttach(new ApiError(401, "unauthenticated", "Log in."))).toMatchObject({
    login: true,
    again: false,
  });
  expect(failedAttach(new ApiError(403, "forbidden", "Not yours.", "r1"))).toMatchObject({
    why: "you may not use this session",
    detail: "Not yours. (request r1)",
    again: false,
  });
  expect(failedAttach(new ApiError(404, "session_not_found", "No."))).toMatchObject({
    detail: "",
    again: true,
  });
  expect(failedAttach(new ApiError(502, "host_unreachable", "Away."))).toMatchObject({ again: true });
  expect(failedAttach(offline()).login).toBeUndefined();
});

test("a cut counts its seconds, and offers ways out when it lasts", () => {
  let drawn = 0;
  const clock = new CutClock(() => {
    drawn += 1;
  });
  clock.follow("connected");
  expect(clock.now).toBeNull();
  clock.follow("cut");
  expect(clock.now).toEqual({ seconds: 0, long: false });
  vi.advanceTimersByTime(3_000);
  clock.follow("cut");
  expect(clock.now).toEqual({ seconds: 3, long: false });
  expect(drawn).toBe(3);
  vi.advanceTimersByTime(OFFER_MS - 3_000);
  expect(clock.now).toEqual({ seconds: 10, long: true });
  clock.follow("connected");
  expect(clock.now).toBeNull();
  vi.advanceTimersByTime(5_000);
  expect(drawn).toBe(10);
});

test("only a slow way is worth words", () => {
  expect(wayWords("websocket")).toBeNull();
  expect(wayWords("sse")?.word).toBe("slow path: events");
  expect(wayWords("poll")?.word).toBe("slow path: requests");
});
