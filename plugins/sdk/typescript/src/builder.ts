// JavaScript values to the contract's arrays, checked against their type.

import type { Layout, RawArray, RawBatch } from "./contract.ts";
import type { Type } from "./types.ts";
import { concat, encodeAll } from "./utf8.ts";

/** The values of a column to be written: an array with null for none, or a typed array of its numbers. */
export type Written = ArrayLike<unknown>;

const typedArrays = {
  int8: Int8Array, int16: Int16Array, int32: Int32Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array,
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, uint64: BigUint64Array,
} as const;

/** A batch of these columns, each of `rows` values. */
export function buildBatch(rows: number, types: Iterable<[string, Type<any, any>]>, values: (name: string) => Written): RawBatch {
  const arrays: RawArray[] = [];
  const columns = [...types].map(([name, type]) => {
    const given = values(name);
    if (given.length !== rows) throw new RangeError(`\`${name}\` has ${given.length} values for ${rows} rows`);
    return { name, values: build(type, given, name, arrays) };
  });
  return { rows, columns, arrays };
}

/** Appends the array of these values, what it is made of before it, and gives its index. `undefined` stands under a null. */
function build(type: Type<any, any>, values: Written, path: string, arrays: RawArray[]): number {
  const length = values.length;
  const isBare = ArrayBuffer.isView(values);
  const validity = isBare ? null : validityOf(type, values, path);
  const layout = type.layout as Layout;
  const val = isBare && values instanceof (typedArrays[layout as keyof typeof typedArrays] ?? Array)
    ? values
    : payload(type, layout, values, path, arrays);
  // A schema says by an empty validity that there may be nulls.
  const shown = validity ?? (length === 0 && type.nullable && layout !== "nulls" ? new Uint8Array(0) : null);
  arrays.push({ length, validity: shown, values: val === undefined ? { tag: layout } : { tag: layout, val }, logical: type.logical });
  return arrays.length - 1;
}

function validityOf(type: Type<any, any>, values: Written, path: string): Uint8Array | null {
  if (type.layout === "nulls") return null;
  let bits: Uint8Array | null = null;
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== null) continue;
    if (!type.nullable) throw new TypeError(`\`${path}\` must not be null; its type would be \`nullable(…)\``);
    bits ??= new Uint8Array((values.length + 7) >> 3).fill(255);
    bits[i >> 3]! &= ~(1 << (i & 7));
  }
  return bits;
}

function payload(type: Type<any, any>, layout: Layout, values: Written, path: string, arrays: RawArray[]): unknown {
  switch (layout) {
    case "nulls": return undefined;
    case "booleans": return booleans(values, path);
    case "int64":
    case "uint64": return wide(layout, values, path);
    case "utf8": {
      const texts = present(values, "", (value) => typeof value === "string", type, path);
      return encodeAll(texts);
    }
    case "binary": {
      const parts = present(values, new Uint8Array(0), (value) => value instanceof Uint8Array, type, path);
      const offsets = offsetsOf(parts);
      return { offsets, data: concat(parts, offsets[parts.length]!) };
    }
    case "fixed": {
      const fits = (value: unknown) => value instanceof Uint8Array && value.length === type.width;
      const parts = present(values, new Uint8Array(type.width), fits, type, path);
      return { width: type.width, data: concat(parts, parts.length * type.width) };
    }
    case "lists": {
      const each = present<ArrayLike<unknown>>(values, [], isList, type, path);
      return { offsets: offsetsOf(each), items: build(type.items!, flat(each), `${path}[]`, arrays) };
    }
    case "vectors": {
      const fits = (value: unknown) => isList(value) && value.length === type.width;
      const filler: unknown[] = new Array(type.width).fill(undefined);
      const each = present<ArrayLike<unknown>>(values, filler, fits, type, path);
      return { width: type.width, items: build(type.items!, flat(each), `${path}[]`, arrays) };
    }
    case "structs": {
      const isObject = (value: unknown) => typeof value === "object" && !ArrayBuffer.isView(value) && !Array.isArray(value);
      const each = present<{ [name: string]: unknown } | null>(values, null, isObject, type, path);
      return Object.entries(type.fields!).map(([name, field]) => {
        const members = each.map((one) => (one === null ? undefined : given(one, name, field, path)));
        return { name, values: build(field, members, `${path}.${name}`, arrays) };
      });
    }
    default: return numbers(layout, values, path);
  }
}

/** A member of a record: it may be left out where it may be null. */
export function given(record: { readonly [name: string]: unknown }, name: string, type: Type<any, any>, path: string): unknown {
  const value = record[name];
  if (value !== undefined) return value;
  if (type.nullable) return null;
  throw new TypeError(`\`${path ? `${path}.` : ""}${name}\` is not given`);
}

function present<T>(values: Written, filler: T, fits: (value: unknown) => boolean, type: Type<any, any>, path: string): T[] {
  const all: T[] = new Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined) all[i] = filler;
    else if (fits(value)) all[i] = value as T;
    else mismatch(value, type, path);
  }
  return all;
}

function mismatch(value: unknown, type: unknown, path: string): never {
  const shown = typeof value === "bigint" ? `${value}n` : typeof value === "object" ? Object.prototype.toString.call(value) : JSON.stringify(value);
  throw new TypeError(`\`${path}\` is ${type}, and cannot be ${shown}`);
}

const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || ArrayBuffer.isView(value);

function flat(each: ArrayLike<unknown>[]): unknown[] {
  const items: unknown[] = [];
  for (const one of each) for (let i = 0; i < one.length; i++) items.push(one[i]);
  return items;
}

function offsetsOf(parts: ArrayLike<unknown>[]): Uint32Array {
  const offsets = new Uint32Array(parts.length + 1);
  for (let i = 0, end = 0; i < parts.length; i++) offsets[i + 1] = end += parts[i]!.length;
  return offsets;
}

function booleans(values: Written, path: string): Uint8Array {
  const bits = new Uint8Array((values.length + 7) >> 3);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === true) bits[i >> 3]! |= 1 << (i & 7);
    else if (value !== false && value != null) mismatch(value, "boolean", path);
  }
  return bits;
}

function numbers(layout: Exclude<keyof typeof typedArrays, "int64" | "uint64">, values: Written, path: string) {
  const array = new typedArrays[layout](values.length);
  const isFloat = layout === "float32" || layout === "float64";
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined) continue;
    if (typeof value !== "number") mismatch(value, layout, path);
    array[i] = value;
    if (!isFloat && array[i] !== value) mismatch(value, layout, path);
  }
  return array;
}

const bounds = { int64: [-(2n ** 63n), 2n ** 63n - 1n], uint64: [0n, 2n ** 64n - 1n] } as const;

/** 64-bit integers: numbers by their halves, since a bigint for each would cost more than all the rest. */
function wide(layout: "int64" | "uint64", values: Written, path: string): BigInt64Array | BigUint64Array {
  const array = new typedArrays[layout](values.length);
  const halves = new Int32Array(array.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value === "number") {
      if (!Number.isSafeInteger(value) || (value < 0 && layout === "uint64")) mismatch(value, layout, path);
      halves[2 * i] = value;
      halves[2 * i + 1] = Math.floor(value / 0x1_0000_0000);
    } else if (typeof value === "bigint") {
      if (value < bounds[layout][0] || value > bounds[layout][1]) mismatch(value, layout, path);
      array[i] = value;
    } else if (value !== null && value !== undefined) {
      mismatch(value, layout, path);
    }
  }
  return array;
}
