// A step's verdict on a row.

import type { Fate, RawRemoval } from "./contract.ts";
import { tryAgain } from "./http.ts";

/** A row that goes no further, and why. */
export class Removal {
  readonly fate: Fate;
  readonly reason: string;
  constructor(fate: Fate, reason: string) {
    this.fate = fate;
    this.reason = reason;
  }

}

/** Rows that go no further, by their reasons. */
export class Removals {
  #rows = new Map<string, { fate: Fate; reason: string; rows: number[] }>();
  /** How many rows there are. */
  count = 0;

  add(row: number, fate: Fate, reason: string): void {
    const key = `${fate} ${reason}`;
    const known = this.#rows.get(key);
    if (known) known.rows.push(row);
    else this.#rows.set(key, { fate, reason: String(reason), rows: [row] });
    this.count++;
  }

  /** All that were added, which are forgotten. */
  take(): RawRemoval[] {
    const taken = [...this.#rows.values()].map(({ fate, reason, rows }) => ({ rows: rowNumbers(rows), fate, reason }));
    this.#rows = new Map();
    this.count = 0;
    return taken;
  }
}

/** Numbers of rows, as they go out. */
export function rowNumbers(rows: readonly number[]): BigUint64Array {
  const halves = new Uint32Array(rows.length * 2);
  rows.forEach((row, i) => {
    if (!Number.isSafeInteger(row) || row < 0) throw new RangeError(`${row} is no number of a row`);
    halves[2 * i] = row;
    halves[2 * i + 1] = row / 0x1_0000_0000;
  });
  return new BigUint64Array(halves.buffer);
}

/** Leaves the row out, as the step is meant to. */
export const drop = (reason: string) => new Removal("dropped", reason);
/** Says that the step could not handle the row. */
export const reject = (reason: string) => new Removal("rejected", reason);
/** Says that the step could not handle the row now, for a reason that passes, such as a server that is down: it counts as rejected, and
 * the next run gives it to the step again. */
export const postpone = (reason: string) => (tryAgain(), reject(reason));
/** Lets the row through, for a step that writes nothing. */
export const keep = Object.freeze({});

/** What a step's function returned, unless it is a promise: there is nobody who would wait for it. */
export function settled<T>(name: string, result: T): T {
  if (result instanceof Promise) throw new TypeError(`\`${name}\` returns a promise: it must not be async, a step cannot wait`);
  return result;
}
