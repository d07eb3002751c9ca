// A step that needs rows of the whole input together before it puts out the first.

import { buildBatch, given } from "./builder.ts";
import { type ConfigOf, type Options, parseConfig } from "./config.ts";
import type { Fate, RawBatch, RawReader, RawRun, RawWriter } from "./contract.ts";
import { InputError } from "./errors.ts";
import { Gather } from "./gather.ts";
import { type About, manifestOf } from "./manifest.ts";
import { Removals, rowNumbers, settled } from "./outcome.ts";
import {
  type AnyColumns, columnNames, type ColumnsOf, present, rawSchema, readColumns, type Reading, readings, type Reads, type RecordOf, type Row,
  rowsOf, Schema, type Writes,
} from "./schema.ts";

/** The rows of a group, one after another, once: `for (const [i, row] of group)`. */
export class Group<R extends Reads = Reads> implements Iterable<[number, Row<R>]> {
  /** The number of the group in this call: the same for every input, and another in the next call. */
  readonly number: number;
  readonly #rows: Iterator<[number, Row<R>]>;

  constructor(number: number, rows: Iterator<[number, Row<R>]>) {
    this.number = number;
    this.#rows = rows;
  }

  [Symbol.iterator](): Iterator<[number, Row<R>]> {
    return this.#rows;
  }
}

/** Rows of a batch that are of one group. */
export interface GroupRows { readonly number: number; readonly start: number; readonly end: number }

/**
 * The rows of an input that a call is given, all of them or whole groups, to be gone through as often as wanted:
 * `for (const row of input)`.
 */
export class Input<R extends Reads = Reads> implements Iterable<Row<R>> {
  /** How many rows there are. */
  readonly length: number;
  readonly #reader: RawReader;
  readonly #reads: readonly Reading[];
  /** The row that the reader's next batch begins with. */
  #next = 0;
  #last: { first: number; columns: AnyColumns; rows: number } | null = null;

  constructor(reader: RawReader, reads: readonly Reading[]) {
    this.length = reader.rows();
    this.#reader = reader;
    this.#reads = reads;
  }

  *[Symbol.iterator](): Generator<Row<R>> {
    for (const [, row] of this.entries()) yield row;
  }

  /** The rows with their numbers, from 0: `for (const [i, row] of input.entries())`. */
  *entries(): Generator<[number, Row<R>]> {
    for (const { first, rows, columns } of this.batches()) {
      let i = first;
      for (const row of rowsOf(columns as AnyColumns, rows)) yield [i++, row as Row<R>];
    }
  }

  /**
   * The rows group by group, where the step has them grouped. A group's rows are read as they are asked for: those that are not
   * asked for before the next group are passed over.
   */
  *groups(): Generator<Group<R>> {
    const members = this.#members();
    let next = members.next();
    const within = (number: number) => !next.done && next.value[0] === number;
    function* rows(number: number): Generator<[number, Row<R>]> {
      while (within(number)) {
        const [, i, row] = next.value as [number, number, Row<R>];
        next = members.next();
        yield [i, row];
      }
    }
    while (!next.done) {
      const [number] = next.value;
      yield new Group(number, rows(number));
      while (within(number)) next = members.next();
    }
  }

  /** The rows, each with its group and its number. */
  *#members(): Generator<[number, number, Row<R>]> {
    for (const { first, rows, columns, groups } of this.batches()) {
      if (rows > 0 && groups.length === 0) throw new InputError("rows are not grouped: `gather: byKey(…)` groups them");
      const all = rowsOf(columns as AnyColumns, rows);
      for (const { number, start, end } of groups) {
        for (let i = start; i < end; i++) yield [number, first + i, all.next().value as Row<R>];
      }
    }
  }

  /**
   * Where `count` rows from row `first` on stand in the whole input, from 0: the same whatever rows a call is given. At most
   * 1,048,576 at a time.
   */
  positions(first = 0, count = this.length - first): number[] {
    if (!(first >= 0 && count >= 0 && first + count <= this.length)) {
      throw new RangeError(`there are no ${count} rows from ${first} on among ${this.length}`);
    }
    return Array.from(this.#reader.positions(first, count), Number);
  }

  /** The rows in batches of columns; row 0 of a batch is row `first` of the input. Where rows are grouped, `groups` says which are of which. */
  *batches(): Generator<{ first: number; rows: number; columns: ColumnsOf<R>; groups: readonly GroupRows[] }> {
    for (let at = 0; ;) {
      const batch = this.#read(at);
      if (!batch) return;
      yield { first: at, rows: batch.rows, columns: batch.columns as ColumnsOf<R>, groups: batch.groups };
      at += batch.rows;
    }
  }

  /** The row of this number. Rows near each other are cheap one after the other. */
  row(number: number): Row<R> {
    if (!(number >= 0 && number < this.length)) throw new RangeError(`there is no row ${number} among ${this.length}`);
    if (!this.#last || number < this.#last.first || number >= this.#last.first + this.#last.rows) {
      this.#last = { first: number, ...this.#read(number)! };
    }
    const { first, columns } = this.#last;
    return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.get(number - first)])) as Row<R>;
  }

  /** The batch that begins with this row. Several may be going through the rows at once: each says where it is. */
  #read(at: number): { rows: number; columns: AnyColumns; groups: GroupRows[] } | null {
    if (this.#next !== at) this.#reader.seek(at);
    const page = this.#reader.next();
    this.#next = at + (page?.rows.rows ?? 0);
    return page && { rows: page.rows.rows, columns: readColumns(page.rows, this.#reads), groups: groupsOf(page.groups) };
  }
}

function groupsOf(runs: readonly RawRun[]): GroupRows[] {
  let start = 0;
  return runs.map(({ group, rows }) => ({ number: group, start, end: (start += rows) }));
}

/** How many rows are put out by one call of the host. */
const BATCH = 4096;

/** The way out of a global step. Rows come out in the order of the calls; where rows are grouped, as they stand in the input. */
export class Output<W extends Writes = Writes> {
  readonly #writer: RawWriter;
  readonly #types: [string, W[string]][];
  readonly #isGrouped: boolean;
  #pending: { kept: number[] | null; at: number[]; values: unknown[][]; rows: number };
  readonly #removed = new Removals();

  constructor(writer: RawWriter, writes: W, isGrouped = false) {
    this.#writer = writer;
    this.#isGrouped = isGrouped;
    this.#types = Object.entries(writes) as [string, W[string]][];
    this.#pending = this.#empty(null);
  }

  #empty(kept: number[] | null) {
    return { kept, at: [] as number[], values: this.#types.map(() => [] as unknown[]), rows: 0 };
  }

  /** Puts out a row of the first input with its other columns, and the written ones where the step writes any. */
  keep(row: number, ...record: {} extends RecordOf<W> ? [record?: RecordOf<W>] : [record: RecordOf<W>]): void {
    if (!this.#pending.kept) this.#flush([]);
    this.#pending.kept!.push(row);
    this.#put(record[0] ?? {});
  }

  /**
   * Puts out a row that comes from no one row of the input, for a step that carries no columns of its input. Where rows are grouped,
   * `at` is the row of the first input in whose place it is put out.
   */
  write(record: RecordOf<W>, at?: number): void {
    if (this.#isGrouped !== (at !== undefined)) {
      throw new TypeError(this.#isGrouped
        ? "rows are grouped: `write(record, i)` names the row of the first input in whose place it is put out"
        : "`write(record, i)` goes with rows that are grouped, by `byKey` or `byEach`");
    }
    if (this.#pending.kept) this.#flush(null);
    if (at !== undefined) this.#pending.at.push(at);
    this.#put(record);
  }

  /** Leaves a row of the first input out, as the step is meant to. */
  drop(row: number, reason: string): void {
    this.#remove(row, "dropped", reason);
  }

  /** Says that the step could not handle a row of the first input. */
  reject(row: number, reason: string): void {
    this.#remove(row, "rejected", reason);
  }

  /** Hands over what is still here; the SDK calls it when `run` has ended. */
  end(): void {
    this.#flush(null);
    if (this.#removed.count > 0) this.#writer.remove(this.#removed.take());
  }

  #put(record: { readonly [name: string]: unknown }): void {
    const { values } = this.#pending;
    this.#types.forEach(([name, type], k) => values[k]!.push(given(record, name, type, "")));
    if (++this.#pending.rows === BATCH) this.#flush(this.#pending.kept && []);
  }

  #remove(row: number, fate: Fate, reason: string): void {
    this.#removed.add(row, fate, reason);
    if (this.#removed.count === BATCH) this.#writer.remove(this.#removed.take());
  }

  #flush(kept: number[] | null): void {
    const { kept: rows, at, values, rows: count } = this.#pending;
    this.#pending = this.#empty(kept);
    if (count === 0) return;
    const index = new Map(this.#types.map(([name], k) => [name, values[k]!]));
    const columns = buildBatch(count, this.#types, (name) => index.get(name)!);
    if (rows) this.#writer.keep(rowNumbers(rows), this.#types.length > 0 ? columns : null);
    else this.#writer.write(columns, rowNumbers(at));
  }
}

/** What may depend on the configuration and the columns of the inputs. */
export type FromAll<T, O extends Options> = T | ((config: ConfigOf<O>, ...inputs: Schema[]) => T);

export interface ByInputs<O extends Options, R extends Reads, W extends Writes, S, Q extends Reads> extends About<O> {
  /** The columns that the step sees, of each of its inputs. */
  readonly reads?: FromAll<R, O>;
  /** The same for the inputs behind the first, where they are read otherwise. */
  readonly others?: FromAll<Q, O>;
  /** The columns that it adds, or writes in the place of those of the same name. */
  readonly writes?: FromAll<W, O>;
  /** The columns of the first input that go no further. */
  readonly drops?: FromAll<readonly string[], O>;
  /** How rows are brought together: all in one call, unless it says `byKey(…)`, `byEach(…)` or `inOrder(…)`. */
  readonly gather?: FromAll<Gather, O>;
  /** Called once in an instance, before `run`. */
  readonly open?: (config: ConfigOf<O>, ...inputs: Schema[]) => S;
  /**
   * Called once; where rows are grouped, any number of times, each time with other groups: what comes of a group depends on the
   * configuration and its rows alone. The rows of `inputs[0]` are those that are kept or removed, any other input is only read.
   */
  run(inputs: [Input<R>, ...Input<Q>[]], output: Output<W>, config: ConfigOf<O>, state: S): void;
}

/** A global step, declared. */
export type Global = { readonly kind: "global"; readonly step: ByInputs<any, any, any, any, any> };

/** A step over rows that are brought together. */
export function global<
  const O extends Options = {}, const R extends Reads = {}, const W extends Writes = {}, S = undefined, const Q extends Reads = R,
>(step: ByInputs<O, R, W, S, Q>): Global {
  return { kind: "global", step };
}

function bind({ step }: Global, json: string, raws: RawBatch[]) {
  const options: Options = step.config ?? {};
  const config = parseConfig(options, json);
  const inputs = raws.map((raw) => new Schema(raw));
  const from = <T>(wanted: FromAll<T, any> | undefined, otherwise: T): T =>
    typeof wanted === "function" ? (wanted as (config: any, ...inputs: Schema[]) => T)(config, ...inputs) : wanted ?? otherwise;
  const first: Reads = from(step.reads, {});
  const reads = inputs.map((input, i) => readings(i === 0 ? first : from(step.others, first), input, config, options));
  const gather = from(step.gather, new Gather("all"));
  return { config, inputs, reads, gather, options, writes: from<Writes>(step.writes, {}), drops: from<readonly string[]>(step.drops, []) };
}

/** What the contract's interface `global` exports. */
export function globalExports(declared: Global) {
  const { step } = declared;
  let bound: (ReturnType<typeof bind> & { state: unknown }) | null = null;
  return {
    manifest: manifestOf(step),
    declare(config: string, inputs: RawBatch[]) {
      const bound = bind(declared, config, inputs);
      const { reads, writes, drops, gather } = bound;
      bound.inputs.forEach((input, i) => present(gather.columnsOf(i), input, bound.config, bound.options));
      return { reads: reads.map(columnNames), writes: rawSchema(writes), drops: [...drops], ...gather.declared(inputs.length) };
    },
    open(config: string, inputs: RawBatch[]): void {
      const opened = bind(declared, config, inputs);
      bound = { ...opened, state: step.open?.(opened.config, ...opened.inputs) };
    },
    run(readers: RawReader[], writer: RawWriter): void {
      if (!bound) throw new Error("the step was not opened");
      const { reads, writes, config, state } = bound;
      const output = new Output(writer, writes, bound.gather.isGrouped);
      const inputs = readers.map((reader, i) => new Input(reader, reads[i]!));
      settled("run", step.run(inputs as [Input, ...Input[]], output as Output<any>, config, state));
      output.end();
    },
  };
}
