import { Emitter } from "../lib/emitter.ts";

export interface Toast {
  id: number;
  level: "info" | "warning" | "error";
  text: string;
  quiet?: string;
  action?: { label: string; run: () => void };
}

const SHOWN_MS = { info: 4_000, warning: 8_000, error: 12_000 };
/** More at once is a storm that hides the page; the oldest go. */
const MOST = 4;

export class Toasts {
  readonly changed = new Emitter();
  list: Toast[] = [];
  #next = 1;

  show(text: string, options: Partial<Omit<Toast, "id" | "text">> = {}): void {
    const toast: Toast = { id: this.#next++, level: "info", text, ...options };
    // The same words again only renew the first.
    this.list = [...this.list.filter((other) => other.text !== text), toast].slice(-MOST);
    this.changed.emit();
    setTimeout(() => this.close(toast.id), SHOWN_MS[toast.level]);
  }

  close(id: number): void {
    if (!this.list.some((toast) => toast.id === id)) return;
    this.list = this.list.filter((toast) => toast.id !== id);
    this.changed.emit();
  }
}
