// A step's description of itself.

import { objectSchema, type Options } from "./config.ts";
import type { RawManifest } from "./contract.ts";

export interface About<O extends Options> {
  readonly name: string;
  readonly version?: string;
  /** What it does, in a sentence. */
  readonly summary?: string;
  /** Its options; none if it is left out. */
  readonly config?: O;
}

export const manifestOf = ({ name, version = "0.1.0", summary = "", config = {} }: About<Options>): RawManifest =>
  ({ name, version, summary, configSchema: JSON.stringify(objectSchema(config)) });
