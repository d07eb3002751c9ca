// Bundles step.ts of the current folder with the SDK: rolldown --config .callboard/sdk/build/rolldown.mjs

import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const sdk = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = process.cwd();

export default {
  input: join(sdk, "entry", `${process.env.CALLBOARD_KIND}.ts`),
  external: /^callboard:step\//,
  platform: "neutral",
  resolve: {
    mainFields: ["module", "main"],
    alias: {
      "callboard:entry": join(folder, "step.ts"),
      "callboard/testing": join(sdk, "src/testing.ts"),
      callboard: join(sdk, "src/index.ts"),
    },
  },
  plugins: [{ name: "callboard:places", generateBundle: (_options, bundle) => Object.values(bundle).forEach(appendPlaces) }],
  output: { file: join(folder, ".callboard/build/step.js"), format: "esm", sourcemap: "hidden", keepNames: true },
};

/** Says at the end of the bundle from which of the author's lines each of its places is, for the traces of errors. */
function appendPlaces(chunk) {
  if (chunk.type !== "chunk") return;
  const files = chunk.map.sources.map((source) => relative(folder, join(folder, ".callboard/build", source)));
  const isAuthors = (file) => file !== undefined && !files[file].startsWith("..") && !files[file].startsWith(".callboard");
  let [source, sourceLine, sourceColumn] = [0, 0, 0];
  const segments = chunk.map.mappings.split(";").flatMap((line, number) => {
    let column = 0;
    return line.split(",").filter(Boolean).map((segment) => {
      const [forColumn, forSource, forLine = 0, forSourceColumn = 0] = numbers(segment);
      column += forColumn;
      source += forSource ?? 0;
      sourceLine += forLine;
      sourceColumn += forSourceColumn;
      return [number, column, forSource !== undefined && isAuthors(source) ? source : -1, sourceLine, sourceColumn];
    });
  });
  const lines = new Set(segments.filter(([, , file]) => file >= 0).map(([line]) => line));
  const kept = segments.filter(([line]) => lines.has(line));
  chunk.code += `\nglobalThis.callboardPlaces = ${JSON.stringify({ files, segments: kept })};\n`;
}

/** The numbers of a segment of a source map: base 64, five bits each, the least significant first, the last bit the sign. */
function numbers(segment) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const found = [];
  for (let i = 0; i < segment.length;) {
    let [value, shift, digit] = [0, 0, 0];
    do {
      digit = digits.indexOf(segment[i++]);
      value |= (digit & 31) << shift;
      shift += 5;
    } while (digit & 32);
    found.push(value & 1 ? -(value >> 1) : value >> 1);
  }
  return found;
}
