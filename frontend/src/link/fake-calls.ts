import type { Call, CallOptions } from "../api/terminals.ts";

/** One request of a test, to be answered by it. */
export class FakeCall {
  answered = false;
  #answer!: (response: Response) => void;
  #refuse!: (error: Error) => void;
  readonly response = new Promise<Response>((answer, refuse) => {
    this.#answer = answer;
    this.#refuse = refuse;
  });

  constructor(
    readonly path: string,
    readonly options: CallOptions,
  ) {
    options.signal?.addEventListener("abort", () => this.fail());
  }

  get text(): string {
    const { body } = this.options;
    return typeof body === "string" ? body : new TextDecoder().decode(body);
  }
  answer(status = 200, body: BodyInit | null = null, headers: Record<string, string> = {}): Promise<void> {
    this.answered = true;
    this.#answer(new Response(body, { status, headers }));
    return settled();
  }
  fail(): Promise<void> {
    this.answered = true;
    this.#refuse(new TypeError("Failed to fetch"));
    return settled();
  }
}

/** The requests of a test. */
export class FakeCalls {
  all: FakeCall[] = [];
  readonly call: Call = (path, options = {}) => {
    const made = new FakeCall(path, options);
    this.all.push(made);
    return made.response;
  };

  get paths(): string[] {
    return this.all.map((each) => each.path);
  }
  get last(): FakeCall {
    return this.all.at(-1) as FakeCall;
  }
  /** Those that are under way. */
  open(prefix = ""): FakeCall[] {
    return this.all.filter((each) => !each.answered && each.path.startsWith(prefix));
  }
}

export const PROBLEM = { "Content-Type": "application/problem+json" };

/** Lets promises and streams go as far as they can. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

export const hello = (offset: number, inputOffset: number): string =>
  JSON.stringify({
    type: "hello",
    id: "t",
    mode: "control",
    offset,
    input_offset: inputOffset,
    window: 1024,
    cols: 80,
    rows: 24,
  });
