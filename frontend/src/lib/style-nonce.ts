/**
 * xterm.js creates <style> elements at run time (DOM renderer, scroll bar). The page's policy is
 * `style-src 'self' 'nonce-…'`, so each needs the nonce of this response *before* it is filled. xterm takes
 * no option for it; the one place where all of them pass is document.createElement.
 *
 * The nonce is read from the property: browsers hide the attribute from scripts that come later.
 */
export function giveStylesTheNonce(page: Document = document): void {
  const nonce = page.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce;
  if (!nonce) return;
  const create = page.createElement.bind(page) as (
    name: string,
    options?: ElementCreationOptions,
  ) => HTMLElement;
  page.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = create(name, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  }) as Document["createElement"];
}
