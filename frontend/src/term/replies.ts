/**
 * Whether data is an answer that a terminal gives by itself (device attributes, cursor position, mode and
 * colour reports), not something a person typed. Shift+F3 looks like a cursor report of row 1 and is let through.
 */
const REPORTS = [
  /^\x1b\[[?>=][\d;]*[cnRuy]$/, // DA1 `?…c`, DA2 `>…c`, DECXCPR `?…R`, kitty `?…u`
  /^\x1b\[\?[\d;]*\$y$/, // DECRPM
  /^\x1b\[\d*n$/, // DSR
  /^\x1b\[(?!1;[2-8]R$)\d+;\d+R$/, // CPR
  /^\x1b\[\d+(;\d+){1,2}t$/, // window reports
  /^\x1bP[^\x1b]*\x1b\\$/, // DCS: DECRQSS, XTVERSION, DA3
  /^\x1b\]\d+;[^\x07\x1b]*(\x07|\x1b\\)$/, // colours
];

export function isReport(data: string): boolean {
  return REPORTS.some((report) => report.test(data));
}
