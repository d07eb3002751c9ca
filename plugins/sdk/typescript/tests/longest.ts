import { byKey, descending, global, int64, integer } from "callboard";

export default global({
  name: "longest",
  summary: "Keeps the longest texts of each domain, and says how many it has",
  config: { most: integer(3, { minimum: 1 }, "How many texts of each domain are kept") },
  gather: byKey("domain").sortedBy(descending("n_chars")),
  writes: { n_in_domain: int64 },

  run([rows], output, { most }) {
    for (const group of rows.groups()) {
      const numbers = [...group].map(([i]) => i);
      for (const i of numbers.slice(0, most)) output.keep(i, { n_in_domain: numbers.length });
    }
  },
});
