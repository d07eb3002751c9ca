// What a step says of a row.

import type { Fate, RawRemoval } from "./contract.ts";

/** A row that goes no further, and why. */
export class Removal {
  readonly fate: Fate;
  readonly reason: string;
  constructor(fate: Fate, reason: string) {
    this.fate = fate;
    this.reason = reason;
  }

  of(row: number): RawRemoval {
    return { row, fate: this.fate, reason: this.reason };
  }
}

/** Leaves the row out, as the step is meant to. */
export const drop = (reason: string) => new Removal("dropped", reason);
/** Says that the step could not handle the row. */
export const reject = (reason: string) => new Removal("rejected", reason);
/** Lets the row through, for a step that writes nothing. */
export const keep = Object.freeze({});

/** What a step's function returned, unless it is a promise: there is nobody who would wait for it. */
export function settled<T>(name: string, result: T): T {
  if (result instanceof Promise) throw new TypeError(`\`${name}\` returns a promise: it must not be async, a step cannot wait`);
  return result;
}
