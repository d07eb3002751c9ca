import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  ascending, byEach, byKey, descending, float64, global, inOrder, int64, lists, nullable, numeric, utf8,
} from "callboard";
import { run } from "callboard/testing";
import longest from "./longest.ts";

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

const domains = ["a", null, "b", "a", "a", null, "a"];
const lengths = [1, 2, 3, 9, null, 2, 9];
const texts = domains.map((domain, i) => ({ id: i + 1, domain, n_chars: lengths[i]! }));

test("the group-by of the documentation keeps the longest of each domain", () => {
  const page = readFileSync(resolve("../../../docs/sdk/typescript.md"), "utf8");
  assert.ok(page.includes(`\`\`\`ts\n${readFileSync(resolve("tests/longest.ts"), "utf8")}\`\`\``), "the page has another step than tests/longest.ts");
  const kept = (most: number) => run(longest, { rows: texts, config: { most } }).rows.map(({ id, n_in_domain }) => [id, n_in_domain]);
  assert.deepEqual(kept(1), [[2, 2], [3, 1], [4, 4]]);
  assert.deepEqual(kept(2), [[2, 2], [3, 1], [4, 4], [6, 2], [7, 4]]);
  assert.equal(kept(9).length, 7);
});

test("groups are whole and sorted, have one number for every input, and rows their positions", () => {
  const step = global({
    name: "grouped", reads: { k: utf8 }, others: {}, drops: ["k", "v"], writes: { k: nullable(utf8), rows: lists(int64), others: int64 },
    gather: byKey("k").others("key").sortedBy(descending("v")),
    run([rows, others], output) {
      const counts = new Map<number, number>();
      for (const group of others?.groups() ?? []) counts.set(group.number, [...group].length);
      for (const group of rows.groups()) {
        const members = [...group];
        const places = members.flatMap(([i]) => rows.positions(i, 1));
        output.write({ k: members[0]![1].k, rows: places, others: counts.get(group.number) ?? 0 }, members[0]![0]);
      }
    },
  });
  const rows = [..."abcabca"].map((k, v) => ({ k, v }));
  assert.deepEqual(run(step, { rows, others: [[{ key: "b" }, { key: "x" }, { key: "b" }]] }).rows, [
    { k: "b", rows: [4, 1], others: 2 }, { k: "c", rows: [5, 2], others: 0 }, { k: "a", rows: [6, 3, 0], others: 0 },
  ]);
});

test("a row is in a group for each item of a list, and groups come as they are written", () => {
  const step = global({
    name: "shared", reads: { id: numeric }, drops: ["id", "tags"], writes: { ids: lists(int64) }, gather: byEach("tags"),
    run([rows], output) {
      for (const group of rows.groups()) {
        const members = [...group];
        output.write({ ids: members.map(([, { id }]) => id!) }, members[0]![0]);
      }
    },
  });
  const rows = [["x", "y", "x"], null, ["y"], [], ["z", "y"]].map((tags, id) => ({ id, tags }));
  assert.deepEqual(run(step, { rows }).rows, [{ ids: [0] }, { ids: [0, 2, 4] }, { ids: [4] }]);
  const written = global({
    name: "written", gather: byKey("k").sortedBy(descending("v")).asWritten(),
    run([rows], output) {
      for (const group of rows.groups()) for (const [i] of group) output.keep(i);
    },
  });
  assert.deepEqual(run(written, { rows: [..."abca"].map((k, v) => ({ k, v })) }).rows.map(({ v }) => v), [3, 0, 1, 2]);
});

test("all rows in order, with nulls and NaN in their places, and groups passed over", () => {
  const sorted = (...orders: Parameters<typeof inOrder>) => run(
    global({ name: "sorted", gather: inOrder(...orders), run: ([rows], output) => { for (let i = 0; i < rows.length; i++) output.keep(i); } }),
    { rows: [1.5, null, NaN, -0, 0, null].map((v, i) => ({ v, k: "abdcbA"[i] })), types: { v: nullable(float64) } },
  ).rows.map(({ k }) => k).join("");
  assert.equal(sorted(descending("v", { nullsFirst: true }), "k"), "Abdabc");
  assert.equal(sorted(ascending("v"), "k"), "bcadAb");
  const counted = global({
    name: "counted", gather: byKey("k"), drops: ["k"], writes: { first: int64 },
    run([rows], output) {
      for (const group of rows.groups()) for (const [i] of group) { output.write({ first: rows.positions(i, 1)[0]! }, i); break; }
    },
  });
  assert.deepEqual(run(counted, { rows: [..."aab"].map((k) => ({ k })) }).rows, [{ first: 0 }, { first: 2 }]);
});

test("misuse of groups is reported", () => {
  const rows = [{ k: "a" }, { k: "b" }];
  const step = (gather: Parameters<typeof global>[0]["gather"], act: (rows: any, output: any) => void) =>
    global({ name: "wrong", gather: gather!, drops: ["k"], writes: { n: int64 }, run: ([rows], output) => act(rows, output) });
  assert.throws(() => run(step(inOrder("k"), (rows) => [...rows.groups()]), { rows }), /rows are not grouped/);
  assert.throws(() => run(step(byKey("k"), (_rows, output) => output.write({ n: 1 })), { rows }), /names the row of the first input/);
  assert.throws(() => run(step(inOrder("k"), (_rows, output) => output.write({ n: 1 }, 0)), { rows }), /goes with rows that are grouped/);
  assert.throws(() => run(step(byKey("nothing"), () => {}), { rows }), /there is no column `nothing`/);
  assert.throws(() => run(step(byKey("k"), (_rows, output) => output.write({ n: 1 }, 0)), { rows }), /groups given to calls/);
});
