import { column, global, utf8 } from "callboard";

export default global({
  name: "first-of-each",
  summary: "Keeps the first row for each value of a column",
  config: { column: column("source", "The column whose values are compared") },
  reads: (config) => ({ value: utf8.named(config.column) }),

  run([rows, known], output) {
    const unwanted = new Set<string | null>();
    for (const { value } of known ?? []) unwanted.add(value);

    const seen = new Set<string | null>();
    for (const [i, { value }] of rows.entries()) {
      if (unwanted.has(value)) output.drop(i, "known");
      else if (seen.has(value)) output.drop(i, "duplicate");
      else {
        seen.add(value);
        output.keep(i);
      }
    }
  },
});
