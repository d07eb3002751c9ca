// Reads every column and writes it anew, by rows or by columns: what comes out equals what went in.

import { choice, transform, type Schema } from "callboard";

const everything = (_config: unknown, input: Schema) => Object.fromEntries(input);

export default transform({
  name: "mirror",
  summary: "Puts out what comes in, written anew",
  config: { by: choice(["rows", "columns"], "rows", "How the columns are read and written") },
  reads: everything,
  writes: everything,

  process(batch, { by }) {
    const columns = Object.entries(batch.columns);
    if (by === "rows") {
      const rows = [...batch];
      return Object.fromEntries(columns.map(([name]) => [name, rows.map((row) => row[name])]));
    }
    return Object.fromEntries(columns.map(([name, column]) => {
      const isNumeric = /^(u?int|float)/.test(column.type.layout);
      return [name, isNumeric && !column.hasNulls ? column.values : column.toArray()];
    }));
  },
});
