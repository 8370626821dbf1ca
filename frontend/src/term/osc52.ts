/** Most clipboard bytes that a program may set: what a person copies is far below, a flood is far above. */
export const CLIPBOARD_BYTES = 1_000_000;

export type Osc52 = { kind: "copy"; text: string } | { kind: "refused"; why: "read" | "size" | "broken" };

/**
 * One OSC 52 body, `targets;base64`. tmux sends an empty list of targets, which means the clipboard as well.
 * Reading (`?`) is refused: a program on a host must never learn what is in somebody's clipboard.
 */
export function readOsc52(body: string): Osc52 {
  const cut = body.indexOf(";");
  if (cut < 0) return { kind: "refused", why: "broken" };
  const data = body.slice(cut + 1);
  if (data === "?") return { kind: "refused", why: "read" };
  if (data.length > Math.ceil(CLIPBOARD_BYTES / 3) * 4) return { kind: "refused", why: "size" };
  try {
    const bytes = Uint8Array.from(atob(data.replace(/\s/g, "")), (c) => c.charCodeAt(0));
    return { kind: "copy", text: new TextDecoder().decode(bytes) };
  } catch {
    return { kind: "refused", why: "broken" };
  }
}
