import { span } from "../lib/words.ts";
import type { FieldError, Problem, ProblemCode } from "./types.gen.ts";

/** `offline`: no answer at all. `unknown`: an answer that is not a problem document (a proxy's page). */
export type FailureCode = ProblemCode | "offline" | "unknown";

/** What any call of this folder throws. `message` is a sentence that a person can act on. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: FailureCode,
    message: string,
    readonly requestId: string = "",
    readonly errors: readonly FieldError[] = [],
    /** Seconds; 0 = the server did not say. */
    readonly retryAfter: number = 0,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Worth trying again by itself: the service or the way to it is away for a moment. */
  get passing(): boolean {
    return (
      this.code === "offline" || this.code === "draining" || (this.code === "unknown" && this.status >= 500)
    );
  }
}

export function offline(): ApiError {
  return new ApiError(
    0,
    "offline",
    "The muxboard service does not answer. Check the network, then try again.",
  );
}

/** Reads an error answer. Trusts nothing in it: every field may be absent or of another type. */
export function problemFrom(status: number, body: unknown, retryAfter: string | null): ApiError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<Problem>;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const seconds = Number(retryAfter ?? "");
  const wait = Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
  let message = text(problem.detail) || text(problem.title) || `The service answered with status ${status}.`;
  if (status === 429 && wait > 0) message = `${message.replace(/\.?$/, ".")} Try again in ${span(wait)}.`;
  const errors = Array.isArray(problem.errors)
    ? problem.errors.filter((e) => typeof e?.path === "string" && typeof e?.reason === "string")
    : [];
  const code = (text(problem.code) || "unknown") as FailureCode;
  return new ApiError(status, code, message, text(problem.request_id), errors, wait);
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, "unknown", error instanceof Error ? error.message : String(error));
}
