// Runs the tests of the current folder, *.test.ts, in Node: node .callboard/sdk/build/test.mjs

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const build = dirname(fileURLToPath(import.meta.url));
const tests = ".callboard/build/tests";
const env = { ...process.env, PATH: [resolve("node_modules/.bin"), process.env.PATH].join(delimiter) };

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", env });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

run("rolldown", "--config", join(build, "rolldown.tests.mjs"), "--log-level", "warn");
run(process.execPath, "--enable-source-maps", "--test", ...readdirSync(tests).filter((name) => name.endsWith(".mjs")).map((name) => join(tests, name)));
