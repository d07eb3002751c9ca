// Puts the contract's types in the place of those that wit.mjs invented: node seal.mjs COMPONENT KIND
//
// Only the types of the component change, and no code: (tuple u32 s32) lies in memory as s64 does, the lower half first, and a
// string as a list of bytes. What is patched is a byte or two in each place, so that nothing moves; the host validates the whole.

import { readFileSync, writeFileSync } from "node:fs";

const [path, kind] = process.argv.slice(2);
const component = readFileSync(path);

const S64 = 0x78, U64 = 0x77, S32 = 0x7a, U32 = 0x79, STRING = 0x73;
const TUPLE = 0x6f, LIST = 0x70, RECORD = 0x72;
/** Before each type of an instance's or a component's type stands this byte; in a section of types there is none. */
const DECLARED = 0x01;

/** Calls `write` with the end of each `pattern`, and counts where it returns true. */
function patch(pattern, write) {
  let count = 0;
  for (let at = component.indexOf(pattern); at >= 0; at = component.indexOf(pattern, at + 1)) {
    if (write(at + pattern.length)) count++;
  }
  return count;
}

const name = (text) => [text.length, ...Buffer.from(text)];

function sealed(declared) {
  const type = (...bytes) => [...declared, ...bytes];
  // (type (tuple u32 X)) (type (list N)): the list becomes one of the integers that the tuple stands for.
  const wide = (upper, integer) =>
    patch(Buffer.from([...type(TUPLE, 2, U32, upper), ...type(LIST)]), (at) => {
      component[at] = integer;
      return true;
    });
  // (type (record (field "offsets" O) (field "data" string))): its string becomes what `data` is in the record `bytes` before it.
  const data = Buffer.from(name("data"));
  let bytes = null;
  const text = patch(Buffer.from([...type(RECORD, 2), ...name("offsets")]), (at) => {
    const typeAt = at + 1 + data.length;
    if (!component.subarray(at + 1, typeAt).equals(data)) return false;
    if (component[typeAt] !== STRING) bytes = component[typeAt];
    else if (bytes === null) throw new Error("the record `text-in` stands before `bytes`");
    else component[typeAt] = bytes;
    return component[typeAt] === bytes;
  });
  return [wide(S32, S64), wide(U32, U64), text];
}

// Types stand in the component's imports, and again in what it exports where that uses them.
const inImports = sealed([DECLARED]);
const inExports = sealed([]);
// A source is given no batches.
if (kind !== "source" && inImports.includes(0)) {
  throw new Error(`${path} does not have the types that build/wit.mjs makes: is componentize-qjs 0.4.5 used?`);
}
writeFileSync(path, component);
