// A step that needs every row before it puts out the first.

import { buildBatch, given } from "./builder.ts";
import { type ConfigOf, type Options, parseConfig } from "./config.ts";
import type { RawBatch, RawReader, RawRemoval, RawWriter } from "./contract.ts";
import { type About, manifestOf } from "./manifest.ts";
import { settled } from "./outcome.ts";
import {
  type AnyColumns, columnNames, type ColumnsOf, rawSchema, readColumns, type Reading, readings, type Reads, type RecordOf, type Row,
  rowsOf, Schema, type Writes,
} from "./schema.ts";

/** The rows of an input, to be gone through as often as wanted: `for (const row of input)`. */
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

  /** The rows in batches of columns; row 0 of a batch is row `first` of the input. */
  *batches(): Generator<{ first: number; rows: number; columns: ColumnsOf<R> }> {
    for (let at = 0; ;) {
      const batch = this.#read(at);
      if (!batch) return;
      yield { first: at, rows: batch.rows, columns: batch.columns as ColumnsOf<R> };
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
  #read(at: number): { rows: number; columns: AnyColumns } | null {
    if (this.#next !== at) this.#reader.seek(at);
    const raw = this.#reader.next();
    this.#next = at + (raw?.rows ?? 0);
    return raw && { rows: raw.rows, columns: readColumns(raw, this.#reads) };
  }
}

/** How many rows are put out by one call of the host. */
const BATCH = 4096;

/** The way out of a global step. Rows come out in the order of the calls. */
export class Output<W extends Writes = Writes> {
  readonly #writer: RawWriter;
  readonly #types: [string, W[string]][];
  #pending: { kept: number[] | null; values: unknown[][]; rows: number };
  #removed: RawRemoval[] = [];

  constructor(writer: RawWriter, writes: W) {
    this.#writer = writer;
    this.#types = Object.entries(writes) as [string, W[string]][];
    this.#pending = this.#empty(null);
  }

  #empty(kept: number[] | null) {
    return { kept, values: this.#types.map(() => [] as unknown[]), rows: 0 };
  }

  /** Puts out a row of the first input with its other columns, and the written ones where the step writes any. */
  keep(row: number, ...record: {} extends RecordOf<W> ? [record?: RecordOf<W>] : [record: RecordOf<W>]): void {
    if (!this.#pending.kept) this.#flush([]);
    this.#pending.kept!.push(row);
    this.#put(record[0] ?? {});
  }

  /** Puts out a row that comes from no one row of the input, for a step that carries no columns of its input. */
  write(record: RecordOf<W>): void {
    if (this.#pending.kept) this.#flush(null);
    this.#put(record);
  }

  /** Leaves a row of the first input out, as the step is meant to. */
  drop(row: number, reason: string): void {
    this.#remove({ row, fate: "dropped", reason });
  }

  /** Says that the step could not handle a row of the first input. */
  reject(row: number, reason: string): void {
    this.#remove({ row, fate: "rejected", reason });
  }

  /** Hands over what is still here; the SDK calls it when `run` has ended. */
  end(): void {
    this.#flush(null);
    this.#writer.remove(this.#removed.splice(0));
  }

  #put(record: { readonly [name: string]: unknown }): void {
    const { values } = this.#pending;
    this.#types.forEach(([name, type], k) => values[k]!.push(given(record, name, type, "")));
    if (++this.#pending.rows === BATCH) this.#flush(this.#pending.kept && []);
  }

  #remove(removal: RawRemoval): void {
    if (this.#removed.push(removal) === BATCH) this.#writer.remove(this.#removed.splice(0));
  }

  #flush(kept: number[] | null): void {
    const { kept: rows, values, rows: count } = this.#pending;
    this.#pending = this.#empty(kept);
    if (count === 0) return;
    const index = new Map(this.#types.map(([name], k) => [name, values[k]!]));
    const columns = buildBatch(count, this.#types, (name) => index.get(name)!);
    if (rows) this.#writer.keep(rowNumbers(rows), this.#types.length > 0 ? columns : null);
    else this.#writer.write(columns);
  }
}

function rowNumbers(rows: number[]): BigUint64Array {
  const halves = new Uint32Array(rows.length * 2);
  rows.forEach((row, i) => {
    if (!Number.isSafeInteger(row) || row < 0) throw new RangeError(`${row} is no number of a row`);
    halves[2 * i] = row;
    halves[2 * i + 1] = row / 0x1_0000_0000;
  });
  return new BigUint64Array(halves.buffer);
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
  /** Called once, before `run`. */
  readonly open?: (config: ConfigOf<O>, ...inputs: Schema[]) => S;
  /** Called once. The rows of `inputs[0]` are those that are kept or removed, any other input is only read. */
  run(inputs: [Input<R>, ...Input<Q>[]], output: Output<W>, config: ConfigOf<O>, state: S): void;
}

/** A global step, declared. */
export type Global = { readonly kind: "global"; readonly step: ByInputs<any, any, any, any, any> };

/** A step over all rows at once. */
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
  return { config, inputs, reads, writes: from<Writes>(step.writes, {}), drops: from<readonly string[]>(step.drops, []) };
}

/** What the contract's interface `global` exports. */
export function globalExports(declared: Global) {
  const { step } = declared;
  let bound: (ReturnType<typeof bind> & { state: unknown }) | null = null;
  return {
    manifest: manifestOf(step),
    declare(config: string, inputs: RawBatch[]) {
      const { reads, writes, drops } = bind(declared, config, inputs);
      return { reads: reads.map(columnNames), writes: rawSchema(writes), drops: [...drops] };
    },
    open(config: string, inputs: RawBatch[]): void {
      const opened = bind(declared, config, inputs);
      bound = { ...opened, state: step.open?.(opened.config, ...opened.inputs) };
    },
    run(readers: RawReader[], writer: RawWriter): void {
      if (!bound) throw new Error("the step was not opened");
      const { reads, writes, config, state } = bound;
      const output = new Output(writer, writes);
      const inputs = readers.map((reader, i) => new Input(reader, reads[i]!));
      settled("run", step.run(inputs as [Input, ...Input[]], output as Output<any>, config, state));
      output.end();
    },
  };
}
