import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "callboard/testing";
import step from "./step.ts";

test("words are counted, and texts with few left out", () => {
  const { rows, removed } = run(step, { config: { min: 2 }, rows: [{ text: "two words" }, { text: "one" }, { text: null }] });
  assert.deepEqual(rows, [{ text: "two words", n_words: 2 }]);
  assert.deepEqual(removed, [
    { row: 1, fate: "dropped", reason: "1 words, fewer than 2" },
    { row: 2, fate: "rejected", reason: "no text" },
  ]);
});
