import assert from "node:assert/strict";
import { test } from "node:test";
import { int64, integer, source, utf8 } from "callboard";
import { run } from "callboard/testing";
import { sourceExports } from "../src/source.ts";

const sequence = source({
  name: "sequence", config: { count: integer(2500) }, writes: { n: int64 },
  *rows({ count }, skip) {
    for (let n = skip; n < count; n++) yield { n };
  },
});

test("rows come in batches of 1,000, and a source goes on behind each", () => {
  const { open, next } = sourceExports(sequence);
  open("{}", null);
  const pages = [next(), next(), next()];
  assert.deepEqual(pages.map((page) => page!.rows.rows), [1000, 1000, 500]);
  assert.deepEqual(pages[1]!.cursor, Uint8Array.of(208, 7, 0, 0, 0, 0, 0, 0));
  assert.equal(next(), null);
  // `run` goes on from the cursor of each page.
  assert.deepEqual(run(sequence).rows.map(({ n }) => n), Array.from({ length: 2500 }, (_, n) => n));
});

test("pages have cursors of their own", () => {
  const step = source({
    name: "pages", writes: { text: utf8 },
    *pages(_config, cursor: { after: string } | null) {
      const pages = ["é", "😀", "end"];
      for (const page of pages.slice(cursor ? pages.indexOf(cursor.after) + 1 : 0)) yield { rows: [{ text: page }], cursor: { after: page } };
    },
  });
  assert.deepEqual(run(step).rows, [{ text: "é" }, { text: "😀" }, { text: "end" }]);
});
