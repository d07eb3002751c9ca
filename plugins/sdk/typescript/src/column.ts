// The columns of a batch, to be read: value by value, or as typed arrays.

import type { RawArray, RawBatch } from "./contract.ts";
import { Type } from "./types.ts";
import { unitOffsets } from "./utf8.ts";

/** A 64-bit integer as it comes: its lower 32 bits, and its upper. (What is without a sign here and in `uint32` comes with one.) */
type Halves = readonly [low: number, high: number];

const typedArrays = {
  int8: Int8Array, int16: Int16Array, int32: Int32Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array,
  float32: Float32Array, float64: Float64Array,
} as const;

export type Values = InstanceType<(typeof typedArrays)[keyof typeof typedArrays]> | BigInt64Array | BigUint64Array;

/** A column of a batch, or the items of one. */
export class Column<T = unknown> implements Iterable<T | null> {
  readonly length: number;
  readonly type: Type<T, any>;
  readonly #raw: RawArray;
  readonly #arrays: readonly RawArray[];
  #value: ((row: number) => T) | null = null;

  constructor(raw: RawArray, arrays: readonly RawArray[], type: Type<T, any> = typeOf(raw, arrays)) {
    this.length = raw.length;
    this.type = type;
    this.#raw = raw;
    this.#arrays = arrays;
  }

  get hasNulls(): boolean {
    return this.#raw.validity !== null || this.#raw.values.tag === "nulls";
  }

  isNull(row: number): boolean {
    const { validity, values } = this.#raw;
    if (values.tag === "nulls") return true;
    return validity !== null && (validity[row >> 3]! & (1 << (row & 7))) === 0;
  }

  /** The value of a row, or null. */
  get(row: number): T | null {
    return this.isNull(row) ? null : (this.#value ??= reader(this.#raw, this) as (row: number) => T)(row);
  }

  *[Symbol.iterator](): Iterator<T | null> {
    for (let row = 0; row < this.length; row++) yield this.get(row);
  }

  /** All values, in an array. */
  toArray(): (T | null)[] {
    const value = (this.#value ??= reader(this.#raw, this) as (row: number) => T);
    const all = new Array(this.length);
    for (let row = 0; row < this.length; row++) all[row] = this.isNull(row) ? null : value(row);
    return all;
  }

  /** The numbers of a column of integers or floats as a typed array; what stands in the place of a null means nothing. */
  get values(): Values {
    const { tag, val } = this.#raw.values;
    if (tag === "int64" || tag === "uint64") return bigints(tag, val);
    const array = typedArrays[tag as keyof typeof typedArrays];
    if (!array) throw new TypeError(`a column of ${this.type} has no array of numbers; its \`get\` and \`toArray\` give its values`);
    return val instanceof array ? (val as Values) : new array(val as number[]);
  }

  /**
   * A column of text as one string: value `i` is `data.slice(offsets[i], offsets[i + 1])`. For binary data, `data` is bytes;
   * for lists, `items` is what the offsets count.
   */
  get offsets(): ArrayLike<number> {
    const { tag, val } = this.#raw.values;
    if (tag === "utf8") return unitOffsets(val.offsets, val.data);
    if (tag === "binary" || tag === "lists") return val.offsets;
    throw new TypeError(`a column of ${this.type} has no offsets`);
  }

  get data(): T extends string ? string : Uint8Array {
    const { tag, val } = this.#raw.values;
    if (tag === "utf8" || tag === "binary" || tag === "fixed") return val.data;
    throw new TypeError(`a column of ${this.type} has no \`data\``);
  }

  /** What lists and vectors are made of. */
  get items(): Column {
    const { tag, val } = this.#raw.values;
    if (tag !== "lists" && tag !== "vectors") throw new TypeError(`a column of ${this.type} has no items`);
    return new Column(this.#arrays[val.items]!, this.#arrays);
  }

  /** The members of structs. */
  get fields(): { [name: string]: Column } {
    const { tag, val } = this.#raw.values;
    if (tag !== "structs") throw new TypeError(`a column of ${this.type} has no fields`);
    return columnsOf(val, this.#arrays);
  }
}

function columnsOf(columns: RawBatch["columns"], arrays: readonly RawArray[]): { [name: string]: Column } {
  return Object.fromEntries(columns.map(({ name, values }) => [name, new Column(arrays[values]!, arrays)]));
}

/** How a value that is no null is read. */
function reader({ values: { tag, val } }: RawArray, column: Column): (row: number) => unknown {
  const numeric = column.type.layout === "numeric";
  switch (tag) {
    case "nulls": return () => null;
    case "booleans": return (row) => (val[row >> 3] & (1 << (row & 7))) !== 0;
    case "int64": return numeric ? (row) => safe(val[row], val[row][1]) : (row) => bigint(val[row], val[row][1]);
    case "uint64": return numeric ? (row) => safe(val[row], val[row][1] >>> 0) : (row) => bigint(val[row], val[row][1] >>> 0);
    case "uint32": return (row) => val[row] >>> 0;
    case "utf8": {
      const { data } = val;
      const offsets = column.offsets;
      return (row) => data.slice(offsets[row], offsets[row + 1]);
    }
    case "binary": return (row) => val.data.slice(val.offsets[row], val.offsets[row + 1]);
    case "fixed": return (row) => val.data.slice(row * val.width, (row + 1) * val.width);
    case "lists":
    case "vectors": {
      const items = column.items.toArray();
      return tag === "lists"
        ? (row) => items.slice(val.offsets[row], val.offsets[row + 1])
        : (row) => items.slice(row * val.width, (row + 1) * val.width);
    }
    case "structs": {
      const fields = Object.entries(column.fields);
      return (row) => Object.fromEntries(fields.map(([name, field]) => [name, field.get(row)]));
    }
    default: return (row) => val[row];
  }
}

function bigint([low]: Halves, high: number): bigint {
  return high === low >> 31 ? BigInt(low | 0) : (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function safe(halves: Halves, high: number): number {
  const value = high * 0x1_0000_0000 + (halves[0] >>> 0);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${bigint(halves, high)} is past 2^53, and no \`numeric\`: read the column as \`int64\` or \`uint64\``);
}

function bigints(tag: "int64" | "uint64", pairs: readonly Halves[]): BigInt64Array | BigUint64Array {
  const halves = new Uint32Array(pairs.length * 2);
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i]!;
    halves[2 * i] = pair[0];
    halves[2 * i + 1] = pair[1];
  }
  return new (tag === "int64" ? BigInt64Array : BigUint64Array)(halves.buffer);
}

/** The type of an array of the contract. It may have nulls where it says which of its values are. */
export function typeOf({ values: { tag, val }, validity, logical }: RawArray, arrays: readonly RawArray[]): Type<any, any> {
  const nullable = validity !== null || tag === "nulls";
  const of = (array: number) => typeOf(arrays[array]!, arrays);
  switch (tag) {
    case "fixed": return new Type(tag, { nullable, logical, width: val.width });
    case "lists": return new Type(tag, { nullable, logical, items: of(val.items) });
    case "vectors": return new Type(tag, { nullable, logical, width: val.width, items: of(val.items) });
    case "structs": {
      const fields = (val as RawBatch["columns"]).map(({ name, values }) => [name, of(values)]);
      return new Type(tag, { nullable, logical, fields: Object.fromEntries(fields) });
    }
    default: return new Type(tag, { nullable, logical });
  }
}
