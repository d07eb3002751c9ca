import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { ConfigError, InputError, TransientError } from "callboard";
import { guarded } from "../src/errors.ts";
import { connect, console as stepConsole, count } from "../src/host.ts";

afterEach(() => { globalThis.callboardPlaces = undefined; });

function caught(thrown: unknown): any {
  try {
    guarded(() => { throw thrown; });
  } catch (error) {
    return error;
  }
}

test("exceptions become the contract's errors, each of its kind", () => {
  assert.deepEqual(caught(new ConfigError("wrong", "/min")), { kind: "config", message: "wrong", at: "/min" });
  assert.deepEqual(caught(new InputError("cannot")), { kind: "input", message: "cannot", at: null });
  assert.deepEqual(caught(new TransientError("busy")), { kind: "transient", message: "busy", at: null });
  assert.deepEqual(caught("text"), { kind: "failed", message: "thrown: text", at: null });
  const { kind, message } = caught(new RangeError("far"));
  assert.equal(kind, "failed");
  assert.match(message, /^RangeError: far\n {4}at .*errors\.test/);
});

test("places in the bundle become places in the author's files, and the SDK's are left out", () => {
  globalThis.callboardPlaces = {
    files: ["sdk.ts", "step.ts", "lib/dig.ts"],
    segments: [[9, 0, 1, 4, 2], [9, 20, 1, 5, 6], [11, 0, 2, 0, 0], [11, 8, -1, 0, 0]],
  };
  const error = new TypeError("no");
  error.stack = "    at dig (/build/step.js:12:3)\n    at <anonymous> (/build/step.js:10:25)\n    at row (/build/step.js:10:2)\n"
    + "    at process (/build/step.js:3:1)\n    at late (/build/step.js:12:9)\n    at map (native)\n";
  assert.equal(caught(error).message,
    "TypeError: no\n    at dig (lib/dig.ts:1:1)\n    at <anonymous> (step.ts:6:7)\n    at row (step.ts:5:3)");
});

test("console's lines go to the log with their level, those from before there was a host first", () => {
  stepConsole.log("early");
  const lines: string[] = [];
  connect({ log: (level, message) => lines.push(`${level} ${message}`), count: () => {} });
  const loop: { self?: unknown } = {};
  loop.self = loop;
  stepConsole.warn("n is", 1, 2n, { a: [1n, null], m: new Map([["k", new Set([1])]]) }, undefined, loop);
  stepConsole.debug(Uint8Array.of(1, 2));
  stepConsole.assert(true, "never");
  stepConsole.assert(false, "always");
  assert.deepEqual(lines, [
    "info early", 'warn n is 1 2n {"a":["1n",null],"m":{"k":[1]}} undefined {"self":"…"}', "debug [1,2]",
    "error assertion failed: always",
  ]);
});

test("counts are whole numbers", () => {
  assert.throws(() => count("tokens", 1.5), /`tokens` is counted in whole numbers, not 1.5/);
});
