import assert from "node:assert/strict";
import { test } from "node:test";
import { choice, column, ConfigError, flag, integer, list, number, required, table, text } from "callboard";
import { objectSchema, parseConfig } from "../src/config.ts";

const options = {
  column: column("text", "The column of text"),
  min: integer(1, { minimum: 0, maximum: 9 }),
  share: number(0.5, { minimum: 0 }),
  exact: flag(false),
  by: choice(["rows", "columns"], "rows"),
  words: list(text(required), []),
  model: table({ name: text("small"), layers: integer(3) }),
};

test("what is not given is the default, and has its type", () => {
  const config = parseConfig(options, '{"min": 3, "by": "columns", "model": {"layers": 1}}');
  assert.deepEqual(config, {
    column: "text", min: 3, share: 0.5, exact: false, by: "columns", words: [], model: { name: "small", layers: 1 },
  });
  const by: "rows" | "columns" = config.by;
  const layers: number = config.model.layers;
  // @ts-expect-error: there is no such option
  const typo = config.typo;
  assert.deepEqual([by, layers, typo], ["columns", 1, undefined]);
});

const refusals: [json: string, at: string, message: RegExp][] = [
  ['{"typo": 1}', "/typo", /there is no option `typo`; there is `column`, `min`/],
  ['{"min": -1}', "/min", /-1 is less than 0/],
  ['{"min": 10}', "/min", /10 is more than 9/],
  ['{"min": 1.5}', "/min", /a whole number \(up to 2\^53\) is expected here, not 1.5/],
  ['{"min": 9007199254740993}', "/min", /a whole number/],
  ['{"min": "3"}', "/min", /a whole number \(up to 2\^53\) is expected here, not "3"/],
  ['{"share": null}', "/share", /a number is expected here, not null/],
  ['{"exact": 1}', "/exact", /true or false/],
  ['{"by": "row"}', "/by", /one of "rows", "columns" is expected here, not "row"/],
  ['{"words": ["a", 2]}', "/words/1", /a string is expected here, not 2/],
  ['{"model": {"a/b": 1}}', "/model/a~1b", /there is no option `a\/b`/],
  ["[]", "", /a table is expected here/],
];

for (const [json, at, message] of refusals) {
  test(`${json} is refused at "${at}"`, () => {
    assert.throws(() => parseConfig(options, json), (thrown) =>
      thrown instanceof ConfigError && thrown.at === at && message.test(thrown.message));
  });
}

test("what is required must be given", () => {
  assert.throws(() => parseConfig({ url: text(required) }, "{}"), { message: "the option `url` must be given", at: "/url" });
  assert.throws(() => parseConfig({ api: table({ url: text(required) }) }, "{}"), { at: "/api" });
});

test("the JSON Schema says types, bounds, defaults and descriptions, and refuses the rest", () => {
  const { column, min, by } = options;
  assert.deepEqual(objectSchema({ column, min, by, url: text(required) }), {
    type: "object",
    properties: {
      column: { type: "string", description: "The column of text", default: "text" },
      min: { type: "integer", minimum: 0, maximum: 9, default: 1 },
      by: { enum: ["rows", "columns"], default: "rows" },
      url: { type: "string" },
    },
    required: ["url"],
    additionalProperties: false,
  });
});
