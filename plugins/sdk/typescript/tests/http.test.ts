import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { http, postpone, transform, utf8 } from "callboard";
import { replies, run } from "callboard/testing";
import { decode, encode, lenient } from "../src/utf8.ts";

const URL = "http://localhost:1/v1/chat";
const PATH = ".callboard/build/tests/replies.jsonl";
const line = (text: string, status: number, body: unknown, more: object = {}) =>
  JSON.stringify({ method: "POST", url: URL, body: { text }, reply: { status, body }, ...more });

function played(...lines: string[]): void {
  writeFileSync(PATH, lines.join("\n"));
  replies(PATH);
}

const ask = transform({
  name: "ask",
  reads: { text: utf8 },
  writes: { said: utf8 },
  process(batch) {
    const outcomes = http.all(Array.from(batch.columns.text, (text) => http.Request.post(URL, { text })));
    const said = outcomes.map((outcome, row) => {
      if (outcome instanceof http.Reply) return outcome.json().said;
      if (outcome.passing) batch.postpone(row, outcome.message);
      else batch.reject(row, outcome.message);
      return "";
    });
    return { said };
  },
});

test("replies are played, and what is no success is a failure", () => {
  played(line("a", 200, { said: "A" }), line("b", 503, "down"), line("c", 400, "no"));
  const { rows, removed } = run(ask, { rows: ["a", "b", "c", "d"].map((text) => ({ text })) });
  assert.deepEqual(rows, [{ text: "a", said: "A" }]);
  assert.deepEqual(removed, [
    { row: 1, fate: "rejected", reason: "the server replied 503: down" },
    { row: 2, fate: "rejected", reason: "the server replied 400: no" },
    { row: 3, fate: "rejected", reason: `no reply is recorded for this request: POST ${URL} {"text":"d"}` },
  ]);
});

test("one request throws what fails", () => {
  played(line("a", 200, { said: "é" }), line("a", 200, { said: "B" }, { attempt: 1 }), line("b", 429, "slow"), line("c", 200, "no json"));
  assert.equal(http.post(URL, { text: "a" }).json().said, "é");
  assert.equal(http.post(URL, { text: "a" }, { attempt: 1 }).json().said, "B");
  assert.throws(() => http.post(URL, { text: "b" }), (thrown: unknown) => {
    const failure = thrown as http.Failure;
    return failure.passing && failure.problem === "status" && failure.reply!.status === 429;
  });
  assert.throws(() => http.get(URL), (thrown: unknown) => (thrown as http.Failure).problem === "refused");
  assert.throws(() => http.post(URL, { text: "c" }).json(), /the reply is not JSON: .*: no json/);
});

test("a row is postponed", () => {
  const step = transform({ name: "later", reads: { text: utf8 }, writes: { said: utf8 }, row: () => postpone("not now") });
  assert.deepEqual(run(step, { rows: [{ text: "a" }] }).removed, [{ row: 0, fate: "rejected", reason: "not now" }]);
});

test("bytes that are no UTF-8 are text with marks", () => {
  for (const text of ["", "a", "é€😀", "\u0000\uffff"]) assert.equal(lenient(encode(text)), text);
  const bad = [[0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf0, 0x80, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc0, 0xaf], [0x61, 0x80, 0x62], [0xe2, 0x28, 0xa1]];
  for (const bytes of bad) assert.equal(lenient(Uint8Array.from(bytes)), decode(Uint8Array.from(bytes)), String(bytes));
});
