import assert from "node:assert/strict";
import { test } from "node:test";
import { global, int64, numeric, utf8 } from "callboard";
import { run } from "callboard/testing";

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));

test("rows are gone through as often as wanted, by several loops at once, and by number", () => {
  const step = global({
    name: "pairs", reads: { n: numeric }, writes: { sum: int64 },
    run([rows], output) {
      for (const [i, a] of rows.entries()) {
        let sum = 0;
        for (const b of rows) sum += a.n! * b.n!;
        output.keep(i, { sum: sum + rows.row(rows.length - 1).n! });
      }
    },
  });
  assert.deepEqual(run(step, { rows: numbers(3) }).rows, [{ n: 0, sum: 2 }, { n: 1, sum: 5 }, { n: 2, sum: 8 }]);
});

test("rows come out in the order of the calls, however many, and removals with them", () => {
  const step = global({
    name: "odd", reads: { n: numeric },
    run([rows], output) {
      for (let i = rows.length - 1; i >= 0; i--) i % 2 === 1 ? output.keep(i) : i % 4 === 0 ? output.drop(i, "even") : output.reject(i, "two");
    },
  });
  const { rows, removed } = run(step, { rows: numbers(10_000) });
  assert.deepEqual(rows.map(({ n }) => n), numbers(5000).map(({ n }) => 9999 - 2 * n));
  assert.equal(removed.length, 5000);
  assert.deepEqual(removed.slice(0, 2), [{ row: 0, fate: "dropped", reason: "even" }, { row: 2, fate: "rejected", reason: "two" }]);
});

test("rows are made where nothing is carried", () => {
  const step = global({
    name: "total", reads: { n: numeric }, writes: { total: int64 }, drops: ["n"],
    run([rows], output) {
      let total = 0;
      for (const { columns, rows: count } of rows.batches()) for (let i = 0; i < count; i++) total += columns.n.get(i)!;
      output.write({ total });
    },
  });
  assert.deepEqual(run(step, { rows: numbers(5) }).rows, [{ total: 10 }]);
});

test("other inputs may be read otherwise", () => {
  const step = global({
    name: "join", reads: { id: numeric }, others: { key: numeric, name: utf8 }, writes: { name: utf8 },
    run([rows, ...others], output) {
      const names = new Map<number | null, string>();
      for (const other of others) for (const { key, name } of other) names.set(key, name!);
      for (const [i, { id }] of rows.entries()) output.keep(i, { name: names.get(id) ?? "?" });
    },
  });
  const { rows } = run(step, { rows: [{ id: 1 }, { id: 2 }], others: [[{ key: 2, name: "two" }]] });
  assert.deepEqual(rows, [{ id: 1, name: "?" }, { id: 2, name: "two" }]);
});

test("a wrong number of a row is refused", () => {
  const step = (row: number) => global({ name: "wrong", run: (_inputs, output) => output.keep(row) });
  assert.throws(() => run(step(-1), { rows: numbers(1) }), /-1 is no number of a row/);
  assert.throws(() => run(global({ name: "far", run: ([rows]) => void rows.row(1) }), { rows: numbers(1) }), /there is no row 1 among 1/);
});
