// What a global step's component exports. The step's own file is found by the name `callboard:entry`.

import { connected } from "./host.ts";
import { guarded } from "../src/errors.ts";
import type { RawBatch, RawReader, RawWriter } from "../src/contract.ts";
import { globalExports } from "../src/global.ts";
import step from "callboard:entry";

const exports = globalExports(step);

export const manifest = { describe: () => exports.manifest };
export const global = {
  declare: (config: string, inputs: RawBatch[]) => (connected(), guarded(() => exports.declare(config, inputs))),
  open: (config: string, inputs: RawBatch[]) => (connected(), guarded(() => exports.open(config, inputs))),
  run: (inputs: RawReader[], output: RawWriter) => guarded(() => exports.run(inputs, output)),
};
