import type { ClientMessage, ServerMessage } from "../api/types.gen.ts";

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** One text frame of the server. Unknown or broken messages are null: a newer server must not break the page. */
export function readMessage(text: string): ServerMessage | null {
  let value: Record<string, unknown>;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return null;
    value = parsed as Record<string, unknown>;
  } catch {
    return null;
  }
  switch (value.type) {
    case "hello":
      return isCount(value.offset) && isCount(value.input_offset) && isCount(value.window)
        ? (value as unknown as ServerMessage)
        : null;
    case "reset":
      return isCount(value.offset) ? (value as unknown as ServerMessage) : null;
    case "notice":
    case "exit":
      return value as unknown as ServerMessage;
    default:
      return null;
  }
}

export function writeMessage(message: ClientMessage): string {
  return JSON.stringify(message);
}
