/** Applies the touch row's held Ctrl and Alt to what the soft keyboard typed. */
export function withModifiers(data: string, ctrl: boolean, alt: boolean): string {
  let out = data;
  if (ctrl && data.length === 1) {
    const code = data.toUpperCase().charCodeAt(0);
    if (code >= 0x40 && code <= 0x5f) out = String.fromCharCode(code & 0x1f);
    else if (data === " ") out = "\0";
    else if (data === "?") out = "\x7f";
  } else if (ctrl || alt) {
    // Arrows carry their modifiers as a parameter: 3 = Alt, 5 = Ctrl, 7 = both.
    const arrow = /^\x1b[[O]([A-D])$/.exec(data);
    if (arrow) return `\x1b[1;${1 + (alt ? 2 : 0) + (ctrl ? 4 : 0)}${arrow[1]}`;
  }
  return alt ? `\x1b${out}` : out;
}
