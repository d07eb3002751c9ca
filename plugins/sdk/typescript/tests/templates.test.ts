// The templates' steps: their types, their own tests, and what a failing step's bundle says.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const templates = resolve("../../templates/typescript");

/** A folder with the template's files and this SDK, as `callboard step new` makes it. */
function withStep(kind: string, body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "callboard-"));
  try {
    cpSync(join(templates, "../common", kind), folder, { recursive: true });
    cpSync(join(templates, kind), folder, { recursive: true });
    mkdirSync(join(folder, ".callboard/build"), { recursive: true });
    symlinkSync(resolve("."), join(folder, ".callboard/sdk"));
    body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runs(folder: string, command: string, ...args: string[]): { status: number | null; output: string } {
  const env = { ...process.env, CALLBOARD_KIND: "transform", NODE_TEST_CONTEXT: undefined };
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: "utf8", env });
  if (error) throw error;
  return { status, output: stdout + stderr };
}

for (const kind of ["transform", "global", "source", "model"]) {
  test(`the ${kind} template has no error of types, and passes its tests`, () => withStep(kind, (folder) => {
    const { status, output } = runs(folder, "tsc", "--project", ".");
    assert.equal(status, 0, output);
    const tested = runs(folder, process.execPath, ".callboard/sdk/build/test.mjs");
    assert.equal(tested.status, 0, tested.output);
    assert.match(tested.output, /pass 1/);
  }));
}

test("the word-count template takes at most 25 lines", () => {
  assert.ok(readFileSync(join(templates, "transform/step.ts"), "utf8").trimEnd().split("\n").length <= 25);
});

test("an error of types in a step is found", () => withStep("transform", (folder) => {
  const step = readFileSync(join(folder, "step.ts"), "utf8");
  writeFileSync(join(folder, "step.ts"), step.replace("return { n_words: words }", 'return { n_words: "three" }'));
  const { status, output } = runs(folder, "tsc", "--project", ".");
  assert.ok(status !== 0);
  assert.match(output, /step\.ts.*error TS\d+/);
}));

test("the bundle names the author's file and line when the step fails", () => withStep("transform", (folder) => {
  const step = readFileSync(join(folder, "step.ts"), "utf8");
  const failing = step.replace("    const words", "    null!.fails;\n    const words");
  writeFileSync(join(folder, "step.ts"), failing);
  const { status, output } = runs(folder, "rolldown", "--config", ".callboard/sdk/build/rolldown.mjs");
  assert.equal(status, 0, output);
  const bundle = join(folder, ".callboard/build/step.js");
  const inNode = readFileSync(bundle, "utf8").replace(/import ([\w$]+) from "callboard:step\/(\w+)";/g, "const $1 = { write() {}, add() {} };");
  writeFileSync(join(folder, "bundle.mjs"), `${inNode}
const array = (length, val) => ({ length, validity: null, values: { tag: "utf8", val }, logical: null });
const batch = (length, val) => ({ rows: length, columns: [{ name: "text", values: 0 }], arrays: [array(length, val)] });
transform.open("{}", batch(0, { offsets: [0], data: "" }));
try { transform.process(batch(1, { offsets: [0, 1], data: "a" })); } catch (error) { process.stdout.write(error.message); }
`);
  const line = failing.split("\n").findIndex((text) => text.includes("null!.fails")) + 1;
  const said = runs(folder, process.execPath, "bundle.mjs").output;
  assert.match(said, new RegExp(`^TypeError: .*\\n    at (Object\\.)?row \\(step\\.ts:${line}:\\d+\\)$`));
}));

test("the examples of the documentation have no error of types", () => withStep("transform", (folder) => {
  const page = readFileSync(resolve("../../../docs/sdk/typescript.md"), "utf8");
  const examples = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  assert.ok(examples.length >= 6);
  examples.forEach((code, i) => writeFileSync(join(folder, `example-${i}.ts`), `${code}export {};\n`));
  const { status, output } = runs(folder, "tsc", "--project", ".");
  assert.equal(status, 0, output);
}));
