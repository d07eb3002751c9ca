import { column, int64, integer, transform, utf8 } from "callboard";

export default transform({
  name: "chunk",
  summary: "Cuts long texts into pieces of whole words that overlap, a row each",
  config: {
    column: column("text", "The column of text"),
    words: integer(200, { minimum: 1 }, "Words of a piece, at most"),
    overlap: integer(20, { minimum: 0 }, "Words that a piece has of the one before it"),
  },
  reads: (config) => ({ text: utf8.named(config.column) }),
  writes: (config) => ({ [config.column]: utf8, chunk: int64 }),

  row({ text }, { column, words, overlap }) {
    // Each word with the white space behind it, so that pieces keep their lines.
    const all = (text ?? "").match(/\S+\s*/g) ?? [];
    const step = Math.max(1, words - overlap);
    const pieces = [];
    for (let from = 0; from === 0 || from + overlap < all.length; from += step) {
      pieces.push({ [column]: all.slice(from, from + words).join("").trimEnd(), chunk: pieces.length });
    }
    return pieces;
  },
});
