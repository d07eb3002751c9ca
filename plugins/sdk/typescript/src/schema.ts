// What columns there are, which a step reads, and whether they are what it wants.

import { Column, typeOf } from "./column.ts";
import type { Options } from "./config.ts";
import type { RawBatch } from "./contract.ts";
import { ConfigError, InputError } from "./errors.ts";
import { buildBatch } from "./builder.ts";
import { Type, type Named } from "./types.ts";

/** The columns of an input, in order. */
export class Schema implements Iterable<[name: string, type: Type<any, any>]> {
  readonly columns: ReadonlyMap<string, Type<any, any>>;

  constructor(raw: RawBatch) {
    this.columns = new Map(raw.columns.map(({ name, values }) => [name, typeOf(raw.arrays[values]!, raw.arrays)]));
  }

  [Symbol.iterator](): Iterator<[string, Type<any, any>]> {
    return this.columns.entries();
  }
}

/** What a step reads: a property of its rows for each column. */
export type Reads = { readonly [property: string]: Type<any, any> | Named<any> };
/** What a step writes: columns by name. */
export type Writes = { readonly [column: string]: Type<any, any> };

/** A row as a step sees it. */
export type Row<R extends Reads> = {
  readonly [K in keyof R]: (R[K] extends Type<infer T, any> ? T : R[K] extends Named<infer T> ? T : never) | null;
};
/** The columns of a batch as a step sees them. */
export type ColumnsOf<R extends Reads> = {
  readonly [K in keyof R]: R[K] extends Type<infer T, any> ? Column<T> : R[K] extends Named<infer T> ? Column<T> : never;
};
export type AnyColumns = { readonly [property: string]: Column<any> };
/** The written columns of a row: what may be null may be left out. */
export type RecordOf<W extends Writes> =
  & { [K in keyof W as null extends W[K]["write"] ? never : K]: W[K]["write"] }
  & { [K in keyof W as null extends W[K]["write"] ? K : never]?: W[K]["write"] };

/** A column that is read: the property of the row, the column, and its type. */
export interface Reading { property: string; column: string; type: Type<any, any> }

/** What is read, against what is there. `options` tell which option names a column that is not there or of another type. */
export function readings(reads: Reads, input: Schema, config: { readonly [key: string]: unknown }, options: Options): Reading[] {
  return Object.entries(reads).map(([property, read]) => {
    const { column, type } = read instanceof Type ? { column: property, type: read } : read;
    const actual = input.columns.get(column);
    if (actual && type.accepts(actual)) return { property, column, type: type.layout === "numeric" ? type : actual };
    throw unfit(column, actual ? `column \`${column}\` is no ${type}` : `there is no column \`${column}\``, config, options);
  });
}

/** An error about a column, at the option that names it. */
function unfit(column: string, message: string, config: { readonly [key: string]: unknown }, options: Options): Error {
  const named = Object.keys(options).find((key) => options[key]!.isColumn && config[key] === column);
  return named === undefined ? new InputError(message) : new ConfigError(message, `/${named}`);
}

/** Columns that must be there, whatever their types. */
export function present(names: readonly string[], input: Schema, config: { readonly [key: string]: unknown }, options: Options): void {
  const absent = names.find((name) => !input.columns.has(name));
  if (absent !== undefined) throw unfit(absent, `there is no column \`${absent}\``, config, options);
}

/** The names of what is read, each once. */
export const columnNames = (readings: readonly Reading[]) => [...new Set(readings.map(({ column }) => column))];

/** Columns of no rows: a schema as the contract has it. */
export const rawSchema = (writes: Writes) => buildBatch(0, Object.entries(writes), () => []);

/** The columns that are read, by the properties they have in a row. */
export function readColumns(raw: RawBatch, readings: readonly Reading[]): AnyColumns {
  const index = new Map(raw.columns.map(({ name, values }) => [name, values]));
  return Object.fromEntries(readings.map(({ property, column, type }) =>
    [property, new Column(raw.arrays[index.get(column)!]!, raw.arrays, type)]));
}

/** The rows of these columns, one object each. */
export function* rowsOf(columns: AnyColumns, rows: number): Generator<{ [property: string]: unknown }> {
  const names = Object.keys(columns);
  const values = names.map((name) => columns[name]!.toArray());
  for (let i = 0; i < rows; i++) {
    const row: { [property: string]: unknown } = {};
    for (let k = 0; k < names.length; k++) row[names[k]!] = values[k]![i];
    yield row;
  }
}
