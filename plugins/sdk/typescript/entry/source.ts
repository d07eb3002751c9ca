// What a source's component exports. The step's own file is found by the name `callboard:entry`.

import { connected } from "./host.ts";
import { guarded } from "../src/errors.ts";
import { sourceExports } from "../src/source.ts";
import step from "callboard:entry";

const exports = sourceExports(step);

export const manifest = { describe: () => exports.manifest };
export const source = {
  declare: (config: string) => (connected(), guarded(() => exports.declare(config))),
  open: (config: string, cursor: Uint8Array | null) => (connected(), guarded(() => exports.open(config, cursor))),
  next: () => guarded(() => exports.next()),
};
