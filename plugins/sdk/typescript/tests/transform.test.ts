import assert from "node:assert/strict";
import { test } from "node:test";
import {
  any, choice, column, ConfigError, count, drop, float64, InputError, int64, integer, keep, lists, nullable, numeric, reject, text,
  transform, utf8,
} from "callboard";
import { run } from "callboard/testing";

test("a row becomes a record, many, none, or is removed with a reason", () => {
  const step = transform({
    name: "each",
    reads: { n: numeric },
    writes: { i: int64 },
    row({ n }) {
      if (n === null) return reject("no n");
      if (n < 0) return drop("less than none");
      if (n === 0) return;
      return n === 1 ? { i: 0 } : Array.from({ length: n - 1 }, (_, i) => ({ i }));
    },
  });
  const { rows, removed } = run(step, { rows: [1, 3, 0, -1, null, 1].map((n, id) => ({ id, n })) });
  assert.deepEqual(rows, [
    { id: 0, n: 1, i: 0 }, { id: 1, n: 3, i: 0 }, { id: 1, n: 3, i: 1 }, { id: 5, n: 1, i: 0 },
  ]);
  assert.deepEqual(removed, [
    { row: 3, fate: "dropped", reason: "less than none" }, { row: 4, fate: "rejected", reason: "no n" },
  ]);
});

test("columns are read and written under names that the configuration says, and dropped", () => {
  const step = transform({
    name: "rename",
    config: { from: column("text"), to: text("copy") },
    reads: ({ from }) => ({ value: utf8.named(from) }),
    writes: ({ to }) => ({ [to]: nullable(utf8) }),
    drops: ({ from }) => [from],
    row: ({ value }, { to }) => ({ [to]: value && value.toUpperCase() }),
  });
  const { rows } = run(step, { config: { from: "body", to: "loud" }, rows: [{ id: 1, body: "é" }, { id: 2, body: null }] });
  assert.deepEqual(rows, [{ id: 1, loud: "É" }, { id: 2, loud: null }]);
});

test("a column that is not there, or is of another type, is an error at the option that names it", () => {
  const step = transform({
    name: "picky", config: { column: column("text"), other: text("text") },
    reads: ({ column }) => ({ value: utf8.named(column) }), row: () => keep,
  });
  const throws = (given: Parameters<typeof run>[1], message: string) =>
    assert.throws(() => run(step, given), (thrown) => thrown instanceof ConfigError && thrown.at === "/column" && thrown.message === message);
  throws({ rows: [{ body: "" }] }, "there is no column `text`");
  throws({ rows: [{ text: 1 }] }, "column `text` is no text");
  const fixed = transform({ name: "fixed", reads: { text: utf8, tags: lists(utf8) }, row: () => keep });
  assert.throws(() => run(fixed, { rows: [{ text: 1 }] }), (thrown) => thrown instanceof InputError);
  assert.throws(() => run(fixed, { rows: [{ text: "", tags: [1] }] }), { message: "column `tags` is no list of text" });
});

test("a batch is worked on by columns: what is removed is left out of the values", () => {
  const step = transform({
    name: "half", reads: { x: float64 }, writes: { half: float64, name: utf8 },
    process(batch) {
      const { x } = batch.columns;
      const half = Float64Array.from(x.values as Float64Array, (value) => value / 2);
      for (let i = 0; i < batch.rows; i++) if (x.isNull(i)) batch.reject(i, "no x");
      return { half, name: Array.from(half, String) };
    },
  });
  const { rows, removed } = run(step, { rows: [{ x: 1.5 }, { x: null }, { x: 5 }], types: { x: nullable(float64) } });
  assert.deepEqual(rows, [{ x: 1.5, half: 0.75, name: "0.75" }, { x: 5, half: 2.5, name: "2.5" }]);
  assert.deepEqual(removed.map(({ row }) => row), [1]);
});

test("a batch may say which rows it puts out", () => {
  const step = transform({
    name: "twice", reads: { n: int64 }, writes: { copy: int64 },
    process(batch) {
      batch.origins = Array.from({ length: batch.rows * 2 }, (_, i) => i >> 1);
      return { copy: batch.origins.map((_, i) => i % 2) };
    },
  });
  assert.deepEqual(run(step, { rows: [{ n: 7 }, { n: 8 }] }).rows, [
    { n: 7, copy: 0 }, { n: 7, copy: 1 }, { n: 8, copy: 0 }, { n: 8, copy: 1 },
  ]);
});

test("64-bit integers are bigints, and `numeric` refuses to round", () => {
  const exact = transform({ name: "next", reads: { n: int64 }, writes: { n: int64 }, row: ({ n }) => ({ n: n! + 1n }) });
  assert.deepEqual(run(exact, { rows: [{ n: 2n ** 60n }, { n: 1 }] }).rows, [{ n: 2n ** 60n + 1n }, { n: 2 }]);
  const rounded = transform({ name: "round", reads: { n: numeric }, row: () => keep });
  assert.throws(() => run(rounded, { rows: [{ n: 2n ** 60n }] }), /1152921504606846976 is past 2\^53/);
});

test("what `open` returns is handed to each call; counts and the log are the host's", () => {
  let opened = 0;
  const step = transform({
    name: "state", config: { by: choice(["a", "b"], "a"), n: integer(2) }, reads: { x: any },
    open: ({ by, n }) => ({ label: by.repeat(n), opened: ++opened }),
    writes: { label: utf8 },
    row(_row, _config, { label }) {
      count("rows", 1);
      console.warn("label", { label });
      return { label };
    },
  });
  const outcome = run(step, { rows: [{ x: 1 }, { x: 2 }] });
  assert.deepEqual(outcome.rows.map(({ label }) => label), ["aa", "aa"]);
  assert.deepEqual([opened, outcome.counts], [2, { rows: 2 }]);
  assert.deepEqual(outcome.log[1], { level: "warn", message: 'label {"label":"aa"}' });
});

test("a step whose output depends on how rows are cut into batches is found out", () => {
  let seen = 0;
  const step = transform({ name: "stateful", writes: { i: int64 }, process: (batch) => ({ i: Array.from({ length: batch.rows }, () => seen++) }) });
  assert.throws(() => run(step, { rows: [{ a: 1 }, { a: 2 }] }), /depend on how rows are cut into batches/);
});

test("a row may be a generator of records", () => {
  const step = transform({
    name: "lines", reads: { text: utf8 }, writes: { line: utf8 },
    *row({ text }) {
      for (const line of text!.split("\n")) if (line) yield { line };
    },
  });
  assert.deepEqual(run(step, { rows: [{ text: "a\nb" }, { text: "" }] }).rows, [{ text: "a\nb", line: "a" }, { text: "a\nb", line: "b" }]);
});

test("a promise is refused: nobody would wait for it", () => {
  const step = transform({ name: "async", reads: { a: any }, row: async () => keep });
  assert.throws(() => run(step, { rows: [{ a: 1 }] }), /`row` returns a promise/);
});

test("results that are no records are refused", () => {
  const returning = (result: any) => () => run(transform({ name: "odd", reads: { a: any }, writes: { b: utf8 }, row: () => result }), { rows: [{ a: 1 }] });
  assert.throws(returning(5), /`row` returns a record, and not number/);
  assert.throws(returning({}), /`b` is not given/);
  assert.throws(returning({ b: null }), /`b` must not be null/);
  const short = transform({ name: "short", reads: { a: any }, writes: { b: utf8 }, process: () => ({ b: ["x"] }) });
  assert.throws(() => run(short, { rows: [{ a: 1 }, { a: 2 }] }), /`b` has 1 values for 2 rows/);
});

test("types are checked where they are written", () => {
  transform({
    name: "typed", config: { min: integer(1) }, reads: { text: utf8, n: int64 }, writes: { out: int64, note: nullable(utf8) },
    // @ts-expect-error: `out` is an integer
    row: ({ text }) => ({ out: text }),
  });
  transform({
    name: "typed", reads: { text: utf8 }, writes: { out: int64, note: nullable(utf8) },
    // @ts-expect-error: text may be null
    row: ({ text }) => ({ out: text.length }),
  });
  transform({
    name: "typed", config: { min: integer(1) }, reads: { text: utf8 }, writes: { out: int64 },
    // @ts-expect-error: there is no such option
    row: ({ text }, { max }) => ({ out: max }),
  });
});
