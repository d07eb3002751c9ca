// How a global step has its rows brought together, which the host does: on the disk where memory is not enough.

import type { Arrangement, Gathering, RawOrder } from "./contract.ts";

/** A column that rows are sorted by: `ascending("x")`, `descending("x")`, or a name, which is ascending. */
export type Order = string | RawOrder;

interface How { readonly nullsFirst?: boolean }

/** The smallest value first, rows without a value last. */
export const ascending = (column: string, { nullsFirst = false }: How = {}): Order => ({ column, descending: false, nullsFirst });
/** The largest value first, rows without a value last. NaN is larger than any number. */
export const descending = (column: string, { nullsFirst = false }: How = {}): Order => ({ column, descending: true, nullsFirst });

/** How rows are brought together: made by `byKey`, `byEach` and `inOrder`. */
export class Gather {
  readonly #kind: Gathering["tag"];
  readonly #columns: readonly (readonly string[])[];
  readonly #orders: readonly (readonly RawOrder[])[];
  readonly #asWritten: boolean;

  constructor(kind: Gathering["tag"], columns: readonly (readonly string[])[] = [], orders: readonly (readonly RawOrder[])[] = [], asWritten = kind === "all") {
    this.#kind = kind;
    this.#columns = columns;
    this.#orders = orders;
    this.#asWritten = asWritten;
  }

  /** Sorts all rows of the first input, or those of each group; rows that are equal stay in the order of the input. */
  sortedBy(...orders: Order[]): Gather {
    return this.inputSortedBy(0, ...orders);
  }

  /** The same of another input; the first is 0. */
  inputSortedBy(input: number, ...orders: Order[]): Gather {
    const more = orders.map((order) => (typeof order === "string" ? { column: order, descending: false, nullsFirst: false } : order));
    const all = Array.from({ length: Math.max(this.#orders.length, input + 1) }, (_, i) => [...(this.#orders[i] ?? []), ...(i === input ? more : [])]);
    return new Gather(this.#kind, this.#columns, all, this.#asWritten);
  }

  /** What the columns of `byKey`, or the column of `byEach`, are called in the next input; where this is not said, as in the first. */
  others(...columns: string[]): Gather {
    return new Gather(this.#kind, [...this.#columns, columns], this.#orders, this.#asWritten);
  }

  /** Rows are put out in the order of the calls, group after group; otherwise as they stand in the input. */
  asWritten(): Gather {
    return new Gather(this.#kind, this.#columns, this.#orders, true);
  }

  /** Whether the step is given groups of rows. */
  get isGrouped(): boolean {
    return this.#kind !== "all";
  }

  /** The columns that rows of an input are grouped or sorted by. */
  columnsOf(input: number): string[] {
    return [...(this.#columns[input] ?? this.#columns[0] ?? []), ...(this.#orders[input] ?? []).map(({ column }) => column)];
  }

  /** As the contract has it. */
  declared(inputs: number): { gathering: Gathering; sorted: RawOrder[][]; arrangement: Arrangement } {
    const columns = Array.from({ length: inputs }, (_, i) => [...(this.#columns[i] ?? this.#columns[0] ?? [])]);
    const gathering: Gathering = this.#kind === "all" ? { tag: "all" }
      : this.#kind === "by-key" ? { tag: "by-key", val: columns }
      : { tag: "by-each", val: columns.map(([column]) => column!) };
    const sorted = Array.from({ length: inputs }, (_, i) => [...(this.#orders[i] ?? [])]);
    return { gathering, sorted, arrangement: this.#asWritten ? "written" : "input" };
  }
}

/** Rows that agree in these columns are a group, and a group is given to one call, whole. Nulls agree, and NaNs agree. */
export const byKey = (...columns: [string, ...string[]]): Gather => new Gather("by-key", [columns]);
/** A row is in a group for each distinct item in the list of this column. Such a step keeps and removes no rows: it writes rows. */
export const byEach = (column: string): Gather => new Gather("by-each", [[column]]);
/** All rows in one call, sorted by these columns. */
export const inOrder = (...orders: [Order, ...Order[]]): Gather => new Gather("all").sortedBy(...orders);
