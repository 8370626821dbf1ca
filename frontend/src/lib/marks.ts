export interface Segment {
  text: string;
  hit: boolean;
}

/** Cuts `text` at every occurrence of a needle (case-insensitive), for <mark> around each. */
export function segments(text: string, needles: readonly string[]): Segment[] {
  const lower = text.toLowerCase();
  // A few letters change length in lower case (İ); marks would then be off by one, so show none.
  if (needles.length === 0 || lower.length !== text.length) return [{ text, hit: false }];
  const hits = new Array<boolean>(text.length).fill(false);
  for (const needle of needles) {
    for (let at = lower.indexOf(needle); needle && at >= 0; at = lower.indexOf(needle, at + 1)) {
      hits.fill(true, at, at + needle.length);
    }
  }
  const out: Segment[] = [];
  for (let i = 0; i < text.length; i++) {
    const last = out.at(-1);
    const hit = hits[i] ?? false;
    if (last && last.hit === hit) last.text += text[i];
    else out.push({ text: text[i] ?? "", hit });
  }
  return out;
}
