import assert from "node:assert/strict";
import { test } from "node:test";
import {
  binary, boolean, fixed, float32, float64, int16, int32, int64, int8, lists, nullable, nulls, structs, type Type, uint16,
  uint32, uint64, uint8, utf8, vectors,
} from "callboard";
import { buildBatch } from "../src/builder.ts";
import { Column } from "../src/column.ts";
import { asItComes } from "../src/testing.ts";
import { unitOffsets } from "../src/utf8.ts";

function through(type: Type<any, any>, values: ArrayLike<unknown>): Column {
  const { columns, arrays } = asItComes(buildBatch(values.length, [["c", type]], () => values));
  return new Column(arrays[columns[0]!.values]!, arrays);
}

const person = structs({ name: nullable(utf8), age: nullable(int64) });
const every: [Type<any, any>, unknown[]][] = [
  [boolean, [true, false, true, true, false, true, false, false, true]],
  [int8, [-128, 127]], [int16, [-32768, 32767]], [int32, [-(2 ** 31), 2 ** 31 - 1]],
  [int64, [-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n, 2n ** 53n + 1n, 2n ** 31n, -(2n ** 31n) - 1n, 2n ** 32n]],
  [uint8, [0, 255]], [uint16, [65535]], [uint32, [2 ** 32 - 1, 2 ** 31, 0]],
  [uint64, [2n ** 64n - 1n, 2n ** 63n, 2n ** 53n + 1n, 2n ** 32n, 2n ** 31n, 0n]],
  [float32, [1.5, -0, Infinity, 2 ** -149]], [float64, [0.1, -0, -Infinity, 5e-324]],
  [utf8, ["plain", "", "déjà", "日本", "😀a😀", "\0", "\u07ff\u0800\uffff"]],
  [binary, [Uint8Array.of(0, 255), new Uint8Array(0)]], [fixed(2), [Uint8Array.of(0, 128), Uint8Array.of(1, 2)]],
  [lists(nullable(int64)), [[1n, null], [], [3n]]], [lists(lists(utf8)), [[["é"], []], []]],
  [vectors(2, float32), [[1, -0], [Infinity, 2]]],
  [person, [{ name: "é", age: null }, { name: null, age: 2n ** 60n }]],
  [lists(nullable(person)), [[{ name: "a", age: 1n }, null], []]],
];

for (const [type, values] of every) {
  test(`${type}: what is written is read`, () => {
    assert.deepEqual(through(type, values).toArray(), values);
    const withNulls = values.flatMap((value) => [null, value]);
    const column = through(nullable(type), withNulls);
    assert.deepEqual([...column], withNulls);
    assert.deepEqual([column.isNull(0), column.isNull(1), column.hasNulls], [true, false, true]);
    assert.deepEqual(through(type, []).toArray(), []);
  });
}

test("a schema keeps what its types say", () => {
  for (const type of [nullable(int64.as("tsu:UTC")), fixed(3), nullable(vectors(2, nullable(int8))), structs({ a: utf8 })]) {
    assert.deepEqual(through(type, []).type, type);
  }
  assert.deepEqual(through(nulls, [null, null]).toArray(), [null, null]);
});

test("typed arrays are written as they are, and read without a loss", () => {
  const wide = BigInt64Array.of(-1n, 2n ** 60n);
  assert.deepEqual(through(int64, wide).values, wide);
  assert.deepEqual(through(float32, Float32Array.of(1.5)).values, Float32Array.of(1.5));
  assert.deepEqual(through(uint32, Uint32Array.of(2 ** 32 - 1)).values, Uint32Array.of(2 ** 32 - 1));
  assert.throws(() => through(utf8, ["a"]).values, /a column of text has no array of numbers/);
});

test("numbers are written as 64-bit integers by their halves", () => {
  const values = [0, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 - 1, -(2 ** 53) + 1];
  assert.deepEqual(through(int64, values).toArray(), values.map(BigInt));
});

test("text is one string, with offsets in its units", () => {
  const column = through(utf8, ["aé", "", "😀", "b"]);
  assert.equal(column.data as unknown, "aé😀b");
  assert.deepEqual([...Array.from(column.offsets)], [0, 2, 2, 4, 5]);
});

test("offsets between bytes are found at every place of a text", () => {
  const texts = ["", "é", "x", "日é", "", "😀", "abc", "ß", ""];
  const encoded = texts.map((text) => new TextEncoder().encode(text).length);
  const ends = (lengths: number[]) => lengths.reduce((all, length) => [...all, all.at(-1)! + length], [0]);
  assert.deepEqual(Array.from(unitOffsets(ends(encoded), texts.join(""))), ends(texts.map((text) => text.length)));
});

const misfits: [Type<any, any>, unknown, RegExp][] = [
  [int8, 128, /`c` is int8, and cannot be 128/], [uint32, -1, /cannot be -1/], [int32, 1.5, /cannot be 1.5/],
  [int64, 2 ** 53, /`c` is int64, and cannot be 9007199254740992/], [uint64, -1n, /cannot be -1n/], [int64, 2n ** 63n, /cannot be/],
  [utf8, 5, /`c` is text, and cannot be 5/], [boolean, 1, /`c` is boolean, and cannot be 1/], [float64, "1", /cannot be "1"/],
  [fixed(2), Uint8Array.of(1), /`c` is fixed of 2 bytes, and cannot be \[object Uint8Array\]/],
  [vectors(2, int8), [1], /`c` is vector of 2 int8/], [lists(int8), [null], /`c\[\]` must not be null/],
  [person, { name: "a", age: "b" }, /`c.age` is int64, and cannot be "b"/],
  [structs({ a: utf8 }), {}, /`c.a` is not given/], [utf8, null, /`c` must not be null/],
];

for (const [type, value, message] of misfits) {
  test(`${type}: a value that does not fit is refused (${message.source})`, () => {
    assert.throws(() => through(type, [value]), message);
  });
}

declare const TextEncoder: new () => { encode(text: string): Uint8Array };
