/** What a WebSocket's close says, said by the status of a plain answer; 1006 = come back and see. */
export function closeCode(response: Response): number {
  // A proxy whose login has run out sends everything to its login page.
  if (response.type === "opaqueredirect" || response.status === 401) return 4401;
  // A proxy's own page says nothing about the terminal.
  const ours = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  return ours && [403, 404, 429].includes(response.status) ? 4000 + response.status : 1006;
}
