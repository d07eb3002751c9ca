// The contract's kinds of error as exceptions, and how whatever was thrown becomes the contract's error.

import type { ErrorKind, RawError } from "./contract.ts";

/** The configuration is wrong; `at` is a JSON pointer to the place in it, such as "/min". */
export class ConfigError extends Error {
  override name = "ConfigError";
  readonly at: string | null;
  constructor(message: string, at: string | null = null) {
    super(message);
    this.at = at;
  }
}

/** This step cannot work on these rows. */
export class InputError extends Error {
  override name = "InputError";
}

/** The same call may succeed later: the host tries it again. */
export class TransientError extends Error {
  override name = "TransientError";
}

/** Which place in which of the author's files a place in the bundle is from: build/bundle.mjs appends it to the bundle. */
interface Places { files: string[]; segments: [line: number, column: number, file: number, sourceLine: number, sourceColumn: number][] }
declare global { var callboardPlaces: Places | undefined }

/** `work`'s result; what it throws is thrown as the contract's error. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw toRaw(thrown);
  }
}

function toRaw(thrown: unknown): RawError {
  const kind: ErrorKind = thrown instanceof ConfigError ? "config"
    : thrown instanceof InputError ? "input"
    : thrown instanceof TransientError ? "transient"
    : "failed";
  const at = thrown instanceof ConfigError ? thrown.at : null;
  if (!(thrown instanceof Error)) return { kind, message: `thrown: ${String(thrown)}`, at };
  const message = kind === "failed" ? [`${thrown.name}: ${thrown.message}`, ...trace(thrown)].join("\n") : thrown.message;
  return { kind, message, at };
}

/** Where it was thrown, the innermost call first: the author's own files and lines, without the SDK's and the engine's. */
export function trace(error: Error): string[] {
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const places = globalThis.callboardPlaces;
  if (!places) return frames.filter((frame) => !frame.includes("node:"));
  return frames.flatMap((frame) => {
    const [, call, line, column] = /^\s+at (.*?) ?\(?[^( ]*:(\d+):(\d+)\)?$/.exec(frame) ?? [];
    const place = line === undefined ? null : original(places, Number(line) - 1, Number(column) - 1);
    return place ? [`    at ${call ? `${call} (${place})` : place}`] : [];
  });
}

function original({ files, segments }: Places, line: number, column: number): string | null {
  // A segment holds from its place to the next one's; the last at or before the place that is asked for, on its line.
  const segment = segments.findLast((s) => s[0] === line && s[1] <= column) ?? segments.find((s) => s[0] === line);
  if (!segment || segment[2] < 0) return null;
  return `${files[segment[2]]}:${segment[3] + 1}:${segment[4] + 1}`;
}
