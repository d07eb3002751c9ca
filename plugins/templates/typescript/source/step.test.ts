import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "callboard/testing";
import step from "./step.ts";

test("the sequence begins where it should, and ends", () => {
  assert.deepEqual(run(step, { config: { start: 5, count: 2 } }).rows, [{ n: 5, text: "row 5" }, { n: 6, text: "row 6" }]);
});
