import { int64, integer, source, utf8 } from "callboard";

export default source({
  name: "sequence",
  summary: "Makes rows with the numbers of a sequence",
  config: {
    start: integer(1, {}, "The first number"),
    count: integer(10, { minimum: 0 }, "How many rows"),
  },
  writes: { n: int64, text: utf8 },

  *rows({ start, count }, skip) {
    for (let i = skip; i < count; i++) yield { n: start + i, text: `row ${start + i}` };
  },
});
