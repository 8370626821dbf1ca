/** Something that a terminal may not do without being told so. */
export interface Question {
  what: string;
  detail: string;
  yes: string;
  run: () => void;
}
