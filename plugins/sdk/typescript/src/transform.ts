// A step that works on one batch at a time: by rows, or by columns.

import { buildBatch, given, type Written } from "./builder.ts";
import { type ConfigOf, type Options, parseConfig } from "./config.ts";
import type { Fate, RawBatch, RawRemoval } from "./contract.ts";
import { tryAgain } from "./http.ts";
import { Removal, Removals, settled } from "./outcome.ts";
import {
  type AnyColumns, columnNames, type ColumnsOf, rawSchema, readColumns, readings, type Reads, type RecordOf, type Row, rowsOf, Schema,
  type Writes,
} from "./schema.ts";
import { type About, manifestOf } from "./manifest.ts";

/** What may depend on the configuration and the input's columns. */
export type From<T, O extends Options> = T | ((config: ConfigOf<O>, input: Schema) => T);

/** The fate of a row: its written columns, many rows, a removal with a reason, or nothing: dropped without one. */
export type RowResult<W extends Writes> = RecordOf<W> | Iterable<RecordOf<W>> | Removal | null | undefined | void;

/** A batch as a step by columns sees it. */
export class Batch<R extends Reads = Reads> implements Iterable<Row<R>> {
  readonly rows: number;
  readonly columns: ColumnsOf<R>;
  /** For each row put out, the row of the batch that it carries on; without it, all rows that are not removed, in order. */
  origins: readonly number[] | Uint32Array | null = null;
  readonly #removed = new Map<number, { fate: Fate; reason: string }>();

  constructor(rows: number, columns: AnyColumns) {
    this.rows = rows;
    this.columns = columns as ColumnsOf<R>;
  }

  /** The batch row by row: `for (const row of batch)`. */
  [Symbol.iterator](): Iterator<Row<R>> {
    return rowsOf(this.columns as AnyColumns, this.rows) as Iterator<Row<R>>;
  }

  /** Leaves a row out, as the step is meant to. */
  drop(row: number, reason: string): void {
    this.#removed.set(row, { fate: "dropped", reason });
  }

  /** Says that the step could not handle a row. */
  reject(row: number, reason: string): void {
    this.#removed.set(row, { fate: "rejected", reason });
  }

  /** Says that the step could not handle a row now, for a reason that passes, such as a server that is down: it counts as rejected, and
   * the next run gives it to the step again. */
  postpone(row: number, reason: string): void {
    tryAgain();
    this.reject(row, reason);
  }

  isRemoved(row: number): boolean {
    return this.#removed.has(row);
  }

  get removals(): number {
    return this.#removed.size;
  }

  get removed(): RawRemoval[] {
    const removals = new Removals();
    for (const [row, { fate, reason }] of this.#removed) removals.add(row, fate, reason);
    return removals.take();
  }
}

/** The written columns of a batch: a value for each of its rows (what stands for a removed row is left out), or for each of its `origins`. */
export type Columns<W extends Writes> = { readonly [K in keyof W]: ArrayLike<W[K]["write"]> };

interface Common<O extends Options, R extends Reads, W extends Writes, S> extends About<O> {
  /** The columns that the step sees, as properties of a row. */
  readonly reads?: From<R, O>;
  /** The columns that it adds, or writes in the place of those of the same name. */
  readonly writes?: From<W, O>;
  /** The columns of the input that go no further. */
  readonly drops?: From<readonly string[], O>;
  /** Called once in an instance, before any row: what it returns is handed to each call. The place for tables and models. */
  readonly open?: (config: ConfigOf<O>, input: Schema) => S;
}

export interface ByRows<O extends Options, R extends Reads, W extends Writes, S> extends Common<O, R, W, S> {
  row(row: Row<R>, config: ConfigOf<O>, state: S): RowResult<W>;
}

export interface ByColumns<O extends Options, R extends Reads, W extends Writes, S> extends Common<O, R, W, S> {
  process(batch: Batch<R>, config: ConfigOf<O>, state: S): Columns<W>;
}

/** A transform, declared. */
export type Transform = { readonly kind: "transform"; readonly step: ByRows<any, any, any, any> | ByColumns<any, any, any, any> };

/** A step by rows: `row` is called for each. What it puts out depends on that row and the configuration alone. */
export function transform<
  const O extends Options = {}, const R extends Reads = {}, const W extends Writes = {}, S = undefined,
>(step: ByRows<O, R, W, S>): Transform;
/** A step by columns: `process` is called for each batch. */
export function transform<
  const O extends Options = {}, const R extends Reads = {}, const W extends Writes = {}, S = undefined,
>(step: ByColumns<O, R, W, S>): Transform;
export function transform(step: ByRows<any, any, any, any> | ByColumns<any, any, any, any>): Transform {
  return { kind: "transform", step };
}

const resolved = <T>(from: From<T, any> | undefined, config: any, input: Schema, otherwise: T): T =>
  typeof from === "function" ? (from as (config: any, input: Schema) => T)(config, input) : from ?? otherwise;

/** The step against a configuration and an input: what the contract's functions of one instance are made of. */
function bind({ step }: Transform, json: string, raw: RawBatch) {
  const options: Options = step.config ?? {};
  const config = parseConfig(options, json);
  const input = new Schema(raw);
  const reads = readings(resolved(step.reads, config, input, {}), input, config, options);
  const writes: Writes = resolved(step.writes, config, input, {});
  return { config, input, reads, writes, drops: resolved(step.drops, config, input, [] as readonly string[]) };
}

type Bound = ReturnType<typeof bind> & { state: unknown };

/** What the contract's interface `transform` exports. */
export function transformExports(declared: Transform) {
  const { step } = declared;
  let bound: Bound | null = null;
  return {
    manifest: manifestOf(step),
    declare(config: string, input: RawBatch) {
      const { reads, writes, drops } = bind(declared, config, input);
      return { reads: columnNames(reads), writes: rawSchema(writes), drops: [...drops] };
    },
    open(config: string, input: RawBatch): void {
      const opened = bind(declared, config, input);
      bound = { ...opened, state: step.open?.(opened.config, opened.input) };
    },
    process(raw: RawBatch) {
      if (!bound) throw new Error("the step was not opened");
      const columns = readColumns(raw, bound.reads);
      return "row" in step ? byRows(step, bound, columns, raw.rows) : byColumns(step, bound, columns, raw.rows);
    },
  };
}

function byRows(step: ByRows<any, any, any, any>, { config, state, writes }: Bound, columns: AnyColumns, rows: number) {
  const types = Object.entries(writes);
  const written: unknown[][] = types.map(() => []);
  const origins: number[] = [];
  const removed = new Removals();
  const put = (record: { [name: string]: unknown }, row: number) => {
    for (let k = 0; k < types.length; k++) written[k]!.push(given(record, types[k]![0], types[k]![1], ""));
    origins.push(row);
  };
  let i = 0;
  for (const row of rowsOf(columns, rows)) {
    const result = settled("row", step.row(row as any, config, state) as RowResult<Writes>);
    if (result instanceof Removal) removed.add(i, result.fate, result.reason);
    else if (typeof result === "object" && result !== null) {
      if (Symbol.iterator in result) for (const record of result as Iterable<RecordOf<Writes>>) put(record, i);
      else put(result, i);
    } else if (result !== null && result !== undefined) throw new TypeError(`\`row\` returns a record, and not ${typeof result}`);
    i++;
  }
  const index = new Map(types.map(([name], k) => [name, written[k]!]));
  const output = buildBatch(origins.length, types, (name) => index.get(name)!);
  return { origins: origins.length === rows ? straight(origins) : Uint32Array.from(origins), columns: output, removed: removed.take() };
}

/** `null` where every row is put out once, in order. */
const straight = (origins: number[]) => (origins.every((row, i) => row === i) ? null : Uint32Array.from(origins));

function byColumns(step: ByColumns<any, any, any, any>, { config, state, writes }: Bound, columns: AnyColumns, rows: number) {
  const batch = new Batch(rows, columns);
  const written: { [name: string]: Written } = settled("process", step.process(batch as any, config, state)) ?? {};
  const { origins } = batch;
  const types = Object.entries(writes);
  const values = (name: string) => {
    const column = written[name];
    if (column === undefined) throw new TypeError(`\`${name}\` is not given`);
    if (origins || batch.removals === 0) return column;
    if (column.length !== rows) throw new RangeError(`\`${name}\` has ${column.length} values for ${rows} rows`);
    return (Array.prototype.filter as (this: ArrayLike<unknown>, keep: (value: unknown, i: number) => boolean) => unknown[])
      .call(column, (_value, i) => !batch.isRemoved(i));
  };
  const count = origins?.length ?? rows - batch.removals;
  return { origins: origins && Uint32Array.from(origins), columns: buildBatch(count, types, values), removed: batch.removed };
}
