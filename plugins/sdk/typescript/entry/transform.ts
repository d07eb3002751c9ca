// What a transform's component exports. The step's own file is found by the name `callboard:entry`.

import { connected } from "./host.ts";
import { guarded } from "../src/errors.ts";
import type { RawBatch } from "../src/contract.ts";
import { transformExports } from "../src/transform.ts";
import step from "callboard:entry";

const exports = transformExports(step);

export const manifest = { describe: () => exports.manifest };
export const transform = {
  declare: (config: string, input: RawBatch) => (connected(), guarded(() => exports.declare(config, input))),
  open: (config: string, input: RawBatch) => (connected(), guarded(() => exports.open(config, input))),
  process: (input: RawBatch) => guarded(() => exports.process(input)),
};
