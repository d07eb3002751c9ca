// Reads every column and writes it anew: what comes out equals what went in.

import { choice, column, transform, type Schema } from "callboard";

const everything = (_config: unknown, input: Schema) => Object.fromEntries(input);

const by = choice(["rows", "columns"], "rows", "How the columns are read and written");

export default transform({
  name: "mirror",
  summary: "Puts out what comes in, written anew",
  config: { by },
  reads: everything,
  writes: everything,
  row: (row) => row,
});
