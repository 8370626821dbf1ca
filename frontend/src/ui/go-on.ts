/** A plain click stays in this page; every other click is the browser's (new tab, download, …). */
export function plainClick(event: MouseEvent): boolean {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return false;
  event.preventDefault();
  return true;
}
