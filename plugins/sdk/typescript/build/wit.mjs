// The contract as QuickJS is to see it: node wit.mjs WIT-FOLDER OUT-FOLDER
//
// componentize-qjs hands a `list<s64>` over as numbers, which are rounded past 2^53, and a column of text as bytes, which QuickJS
// has nothing to decode with. In memory, though, a list of 64-bit integers is a list of pairs of 32-bit ones, and a list of bytes
// is a string. So the batches that go *in* are described by types of their own that say so; those that come out stay as they are.
// seal.mjs puts the contract's types back into the finished component, which then is one of the contract, and of nothing else.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [from, to] = process.argv.slice(2);

function replaced(text, what, by) {
  if (text.split(what).length !== 2) throw new Error(`the contract has no single \`${what}\`: build/wit.mjs must learn its new form`);
  return text.replace(what, () => by);
}

/** The lines from the one that begins with `start` to the brace that closes it. */
function block(text, start) {
  const begin = text.indexOf(`  ${start} {`);
  for (let i = begin, depth = 0; begin >= 0 && i < text.length; i++) {
    if (text[i] === "{") depth++;
    if (text[i] === "}" && --depth === 0) return text.slice(begin, i + 1);
  }
  throw new Error(`the contract has no \`${start}\`: build/wit.mjs must learn its new form`);
}

let columns = readFileSync(join(from, "columns.wit"), "utf8");
let values = replaced(block(columns, "variant values"), "variant values {", "variant values-in {");
values = replaced(values, " int64(list<s64>)", " int64(list<tuple<u32, s32>>)");
values = replaced(values, "uint64(list<u64>)", "uint64(list<tuple<u32, u32>>)");
values = replaced(values, "utf8(bytes)", "utf8(text-in)");
let array = replaced(block(columns, "record array"), "record array {", "record array-in {");
array = replaced(array, "values: values", "values: values-in");
const batch = block(columns, "record batch").replace("record batch", "record batch-in").replace("list<array>", "list<array-in>");
const text = "  record text-in { offsets: list<u32>, data: string }";
columns = `${columns.slice(0, columns.lastIndexOf("}"))}\n${[text, values, array, batch].join("\n")}\n}\n`;

let step = readFileSync(join(from, "step.wit"), "utf8");
for (const name of ["transform", "exchange"]) {
  const begin = step.indexOf(`interface ${name} {`);
  step = step.slice(0, begin) + step.slice(begin).replace("use columns.{batch};", "use columns.{batch, batch-in};");
}
step = replaced(step, "process: func(input: batch)", "process: func(input: batch-in)");
// Types are put into a component in the order of the functions that use them, and seal.mjs needs `bytes` before `text-in`: so the
// resource that takes batches out goes first.
const reader = block(step, "resource reader");
const writer = block(step, "resource writer");
step = replaced(replaced(step, writer, "  WRITER"), reader, writer);
step = replaced(step, "  WRITER", reader);
const page = block(step, "record page");
step = replaced(step, page, replaced(page, "rows: batch,", "rows: batch-in,"));
// A schema is a batch of no rows, and comes in as well as it goes out: it stays as it is, with nothing in it to decode.

mkdirSync(to, { recursive: true });
writeFileSync(join(to, "columns.wit"), columns);
writeFileSync(join(to, "step.wit"), step);
writeFileSync(join(to, "http.wit"), readFileSync(join(from, "http.wit")));
