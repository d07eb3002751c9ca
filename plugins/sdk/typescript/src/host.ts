// The host of this instance, and `console` on the run's log.

import type { Host, Level } from "./contract.ts";
import { trace } from "./errors.ts";

let host: Host | null = null;
/** What was said before there was a host: while the step's modules were evaluated, which is when it was built. */
let early: [Level, string][] = [];

/** Says who the host is, for this instance's first and all later calls. */
export function connect(to: Host): void {
  host = to;
  for (const [level, message] of early) host.log(level, message);
  early = [];
}

function log(level: Level, message: string): void {
  if (host) host.log(level, message);
  else early.push([level, message]);
}

/** Adds to a number of the run's report: tokens, calls, cost. */
export function count(name: string, amount: number): void {
  if (!Number.isSafeInteger(amount)) throw new TypeError(`\`${name}\` is counted in whole numbers, not ${amount}`);
  if (!host) throw new Error(`\`${name}\` is counted before the step runs`);
  host.count(name, amount);
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return [`${value.name}: ${value.message}`, ...trace(value)].join("\n");
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  const seen = new Set<unknown>();
  const plain = (_key: string, inner: unknown): unknown => {
    if (typeof inner === "bigint") return `${inner}n`;
    if (typeof inner !== "object" || inner === null) return inner;
    if (seen.has(inner)) return "…";
    seen.add(inner);
    if (inner instanceof Map) return Object.fromEntries(inner);
    return inner instanceof Set || ArrayBuffer.isView(inner) ? Array.from(inner as Iterable<unknown>) : inner;
  };
  return JSON.stringify(value, plain) ?? String(value);
}

const at = (level: Level) => (...values: unknown[]) => log(level, values.map(shown).join(" "));

/** What `console` is in a step: each call is a line of the run's log. */
export const console = {
  log: at("info"), info: at("info"), warn: at("warn"), error: at("error"), debug: at("debug"), trace: at("trace"),
  assert(condition: unknown, ...values: unknown[]): void {
    if (!condition) at("error")("assertion failed:", ...values);
  },
};
