const BLOCK_BYTES = 4096;

interface Block {
  start: number;
  length: number;
  data: Uint8Array<ArrayBuffer>;
}

/**
 * Typed bytes by absolute offset: `base ≤ sent ≤ end`. What is below `sent` went out on some connection, but
 * the server confirms input only in its next hello, so the newest `keepBytes` of it stay for sending again.
 */
export class InputLog {
  #blocks: Block[] = [];
  #base = 0;
  #sent = 0;
  #end = 0;

  /** @param keepBytes Most bytes kept for sending again. */
  constructor(readonly keepBytes: number) {}

  get base(): number {
    return this.#base;
  }
  get sent(): number {
    return this.#sent;
  }
  get end(): number {
    return this.#end;
  }
  /** Bytes that no connection has taken yet. */
  get unsent(): number {
    return this.#end - this.#sent;
  }

  push(bytes: Uint8Array): void {
    let last = this.#blocks.at(-1);
    if (!last || last.length + bytes.length > last.data.length) {
      // Single keys share blocks: hours of typing must not become a list of a million arrays.
      last = { start: this.#end, length: 0, data: new Uint8Array(Math.max(BLOCK_BYTES, bytes.length)) };
      this.#blocks.push(last);
    }
    last.data.set(bytes, last.length);
    last.length += bytes.length;
    this.#end += bytes.length;
  }

  /** The next at most `most` bytes to send, now counted as sent; null when there are none. */
  take(most: number): Uint8Array<ArrayBuffer> | null {
    const block = this.#blockAt(this.#sent);
    if (!block) return null;
    const from = this.#sent - block.start;
    const bytes = block.data.slice(from, Math.min(block.length, from + most));
    this.#sent += bytes.length;
    this.#trim(this.#sent - this.keepBytes);
    return bytes;
  }

  /**
   * The server holds input up to `offset`: forget what is below, send the rest again.
   *
   * Returns false when bytes between are no longer here (or were never ours); then everything sent is
   * forgotten and counting goes on from `offset` with what was not sent yet.
   */
  rewind(offset: number): boolean {
    if (offset >= this.#base && offset <= this.#end) {
      this.#sent = offset;
      this.#trim(offset);
      return true;
    }
    const rest = this.takeUnsent();
    this.#blocks = [];
    this.#base = offset;
    this.#sent = offset;
    this.#end = offset;
    if (rest.length > 0) this.push(rest);
    return false;
  }

  /** All bytes that no connection has taken, taken out. */
  takeUnsent(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.unsent);
    let at = 0;
    for (let part = this.take(Number.MAX_SAFE_INTEGER); part; part = this.take(Number.MAX_SAFE_INTEGER)) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  #blockAt(offset: number): Block | undefined {
    // From the end: what is asked for is almost always in the newest block.
    for (let i = this.#blocks.length - 1; i >= 0; i--) {
      const block = this.#blocks[i] as Block;
      if (block.start <= offset) return offset < block.start + block.length ? block : undefined;
    }
    return undefined;
  }

  #trim(offset: number): void {
    if (offset <= this.#base) return;
    this.#base = offset;
    let drop = 0;
    for (const block of this.#blocks) {
      if (block.start + block.length > offset) break;
      drop += 1;
    }
    // The newest block stays: it may have room for the next key.
    this.#blocks.splice(0, Math.min(drop, this.#blocks.length - 1));
  }
}
