import { readNames, writeNames } from "../lib/storage.ts";

/** What this person has folded away, remembered by this browser: host keys; and which lots of hosts are unfolded. */
export class Folds {
  hosts: ReadonlySet<string> = readNames("folded");
  lots: ReadonlySet<string> = readNames("lots");

  fold(host: string, yes: boolean): void {
    this.hosts = withName(this.hosts, host, yes);
    writeNames("folded", this.hosts);
  }

  /** Only those that are there: hosts that went away are forgotten. */
  foldAll(hosts: Iterable<string>): void {
    this.hosts = new Set(hosts);
    writeNames("folded", this.hosts);
  }

  open(lot: string, yes: boolean): void {
    this.lots = withName(this.lots, lot, yes);
    writeNames("lots", this.lots);
  }
}

/** A set of its own, so that whoever holds the old one sees a change. */
export function withName(names: ReadonlySet<string>, name: string, yes: boolean): ReadonlySet<string> {
  const next = new Set(names);
  if (yes) next.add(name);
  else next.delete(name);
  return next;
}
