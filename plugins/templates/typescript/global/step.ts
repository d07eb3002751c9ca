import { byKey, column, global, utf8 } from "callboard";

export default global({
  name: "first-of-each",
  summary: "Keeps the first row for each value of a column",
  config: { column: column("source", "The column whose values are compared") },
  reads: (config) => ({ value: utf8.named(config.column) }),
  gather: (config) => byKey(config.column),

  run([rows, known], output) {
    const old = new Set<number>();
    for (const { number } of known?.groups() ?? []) old.add(number);

    for (const group of rows.groups()) {
      let reason = old.has(group.number) ? "known" : null;
      for (const [i] of group) {
        if (reason) output.drop(i, reason);
        else {
          output.keep(i);
          reason = "duplicate";
        }
      }
    }
  },
});
