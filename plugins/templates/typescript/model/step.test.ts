import assert from "node:assert/strict";
import { test } from "node:test";
import { replies, run } from "callboard/testing";
import step from "./step.ts";

test("replies are taken, and what fails is rejected", () => {
  replies("replies.jsonl");
  const prompts = ["Name the capital of France in one word.", null, "Tell me a secret."];
  const { rows, removed } = run(step, { rows: prompts.map((prompt) => ({ prompt })) });
  assert.deepEqual(rows, [{ prompt: prompts[0], reply: "Paris" }]);
  assert.deepEqual(removed, [
    { row: 1, fate: "rejected", reason: "no prompt" },
    { row: 2, fate: "rejected", reason: "the server replied 400: no secrets" },
  ]);
});
