/** What a word of the filter may be said of. */
export type Field = "host" | "user" | "session" | "command" | "dir" | "state";

export const FIELDS: readonly Field[] = ["host", "user", "session", "command", "dir", "state"];

/** One condition: the text, in lower case, in one field or (null) anywhere. */
export interface Token {
  field: Field | null;
  text: string;
}

// `dir:"/srv/my app"` and `"two words"` hold spaces; a quote that is not closed goes to the end.
const CHUNKS = /(?:"[^"]*"?|[^\s"])+/g;

/** All tokens must hold. `host:` with nothing after it is still being typed and holds for everything. */
export function parseFilter(text: string): Token[] {
  return (text.match(CHUNKS) ?? []).map(tokenOf).filter((token) => token.text !== "");
}

function tokenOf(chunk: string): Token {
  const colon = chunk.indexOf(":");
  const name = chunk.slice(0, Math.max(0, colon)).toLowerCase();
  const field = FIELDS.find((known) => known === name) ?? null; // 10:30 and http://… are words like any other
  const text = field === null ? chunk : chunk.slice(colon + 1);
  return { field, text: text.replaceAll('"', "").toLowerCase() };
}

/** What one thing (a host, a tmux user, a session) says of itself, in lower case, by field. */
export type Facts = Partial<Record<Field | "more", string>>;

export function factsOf(values: Facts): Facts {
  const facts: Facts = {};
  for (const [name, text] of Object.entries(values)) facts[name as Field] = text.toLowerCase();
  return facts;
}

/**
 * States as `state:` reads them, from the beginning of any of their words: `state:refused` finds sudo_refused
 * and `state:key` both of a host's key, but `state:known` finds nothing.
 */
export function stateFacts(...words: string[]): string {
  return words.map((word) => `_${word.replace(/[\s_]+/g, "_")}`).join("\n");
}

export function holds(token: Token, facts: Facts): boolean {
  if (token.field === "state")
    return facts.state?.includes(`_${token.text.replace(/[\s_]+/g, "_")}`) ?? false;
  if (token.field !== null) return facts[token.field]?.includes(token.text) ?? false;
  for (const text of Object.values(facts)) if (text.includes(token.text)) return true;
  return false;
}

/** The tokens that these facts leave open. */
export function open(tokens: readonly Token[], facts: Facts): readonly Token[] {
  return tokens.length === 0 ? tokens : tokens.filter((token) => !holds(token, facts));
}

/** What to mark in each field. */
export type Marks = Record<Field, string[]>;

export function marksOf(tokens: readonly Token[]): Marks {
  const of = (field: Field): string[] =>
    tokens.filter((token) => token.field === field || token.field === null).map((token) => token.text);
  return {
    host: of("host"),
    user: of("user"),
    session: of("session"),
    command: of("command"),
    dir: of("dir"),
    state: of("state"),
  };
}
