import { column, drop, int64, integer, reject, transform, utf8 } from "callboard";

export default transform({
  name: "word-count",
  summary: "Adds the number of words of a text, and drops texts with too few",
  config: {
    column: column("text", "The column of text"),
    min: integer(1, { minimum: 0 }, "Rows with fewer words are dropped"),
  },
  reads: (config) => ({ text: utf8.named(config.column) }),
  writes: { n_words: int64 },

  row({ text }, { min }) {
    if (text === null) return reject("no text");
    const words = text.match(/[^ \t\n\r\v\f]+/g)?.length ?? 0;
    if (words < min) return drop(`${words} words, fewer than ${min}`);
    return { n_words: words };
  },
});
