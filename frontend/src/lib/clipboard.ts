/**
 * Copies text. The asynchronous clipboard exists only on https and loopback; on plain http the old command
 * is what is left.
 *
 * Returns false where neither is allowed, so that the caller can offer a button.
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not focused, or refused: try the old way.
  }
  return copyByCommand(text);
}

function copyByCommand(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "offscreen";
  field.value = text;
  // Beside an open dialog everything is inert, and cannot be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}

/** The clipboard's text, or null where the browser does not let pages read it. */
export async function readClipboard(): Promise<string | null> {
  try {
    return navigator.clipboard ? await navigator.clipboard.readText() : null;
  } catch {
    return null;
  }
}
