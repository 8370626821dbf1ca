/** What a framed page and the element around it say to each other. */

/** Said by the element after each load of the frame; the token only when there is one to be opened. */
export interface EmbedWord {
  muxboard: "embed";
  token: string | null;
}

/** Said by the framed page, to the embedding page alone. Nothing in it is a secret. */
export type FrameWord =
  | { muxboard: "ready" }
  | { muxboard: "open" }
  | { muxboard: "exit"; reason: string }
  | { muxboard: "error"; code: string; message: string };
