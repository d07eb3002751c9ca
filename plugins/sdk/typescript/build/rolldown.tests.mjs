// Bundles the tests of the current folder, *.test.ts; test.mjs runs them.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const sdk = dirname(dirname(fileURLToPath(import.meta.url)));
const folders = [".", "tests"].filter(existsSync);
const tests = folders.flatMap((folder) => readdirSync(folder).filter((name) => name.endsWith(".test.ts")).map((name) => join(folder, name)));
if (tests.length === 0) throw new Error("there is no *.test.ts in this folder");

const out = ".callboard/build/tests";
rmSync(out, { recursive: true, force: true });

export default {
  input: Object.fromEntries(tests.map((path) => [path.replaceAll("/", "-").replace(/\.ts$/, ""), path])),
  external: /^node:/,
  platform: "node",
  resolve: { alias: { "callboard/testing": join(sdk, "src/testing.ts"), callboard: join(sdk, "src/index.ts") } },
  output: { dir: out, format: "esm", sourcemap: "inline", entryFileNames: "[name].mjs", chunkFileNames: "chunks/[name].js" },
};
