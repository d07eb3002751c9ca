import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "callboard/testing";
import step from "./step.ts";

test("the first row of each value is kept, and none whose value is known", () => {
  const rows = [{ source: "web" }, { source: null }, { source: "web" }, { source: "book" }];
  const kept = run(step, { rows, others: [[{ source: "book" }]] });
  assert.deepEqual(kept.rows, [{ source: "web" }, { source: null }]);
  assert.deepEqual(kept.removed.map(({ reason }) => reason), ["duplicate", "known"]);
});
