// Runs a step in Node, over rows, as the host would: `import { run } from "callboard/testing"`.

import { buildBatch } from "./builder.ts";
import { Column } from "./column.ts";
import type { Fate, Level, RawArray, RawBatch, RawReader, RawRemoval, RawRun, RawWriter } from "./contract.ts";
import { calls } from "./gathered.ts";
import { type Global, globalExports } from "./global.ts";
import { readFileSync } from "node:fs";
import { connect, console } from "./host.ts";
import { sendBy } from "./http.ts";
import { player } from "./replies.ts";
import { type Source, sourceExports } from "./source.ts";
import { type Transform, transformExports } from "./transform.ts";
import { boolean, float64, int64, lists, nullable, structs, type Type, utf8 } from "./types.ts";

declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };

// Outside a component nothing is sent.
sendBy(player(""));

/** Plays the replies of a file, in place of those that were played before; what is not among them is refused. */
export function replies(path: string): void {
  sendBy(player(readFileSync(path, "utf8")));
}

export interface TestRow { readonly [column: string]: unknown }

export interface Given {
  /** The step's configuration; `{}` if it is left out. */
  readonly config?: { readonly [key: string]: unknown };
  /** The rows of its (first) input. */
  readonly rows?: readonly TestRow[];
  /** The rows of a global step's other inputs. */
  readonly others?: readonly (readonly TestRow[])[];
  /** The types of columns. All other types are guessed: text, true or false, 64-bit integers, floats, lists, structs; all with nulls. */
  readonly types?: { readonly [column: string]: Type<any, any> };
}

export interface Outcome {
  /** The rows put out, with all their columns. 64-bit integers are numbers where no digit is lost, and bigints elsewhere. */
  rows: { [column: string]: unknown }[];
  /** The rows that were removed with a reason, by their number from 0. */
  removed: { row: number; fate: Fate; reason: string }[];
  log: { level: Level; message: string }[];
  counts: { [name: string]: number };
}

/**
 * Runs a step over rows. It is run twice, over one batch and over batches of one row, with each group in a call of its own, and what
 * it puts out must be the same.
 * What it throws is thrown: `ConfigError`, `InputError`, or what went wrong.
 */
export function run(step: Transform | Global | Source, given: Given = {}): Outcome {
  const whole = runOnce(step, given, Infinity);
  const single = runOnce(step, given, 1);
  for (const part of ["rows", "removed"] as const) {
    const [left, right] = [shown(whole[part]), shown(single[part])];
    if (left !== right) throw new Error(`${part} depend on how rows are cut into batches, or groups given to calls: ${left} in one, ${right} one by one`);
  }
  return whole;
}

const shown = (value: unknown) => JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));

function runOnce(step: Transform | Global | Source, given: Given, cut: number): Outcome {
  const outcome: Outcome = { rows: [], removed: [], log: [], counts: {} };
  connect({
    log: (level, message) => outcome.log.push({ level, message }),
    count: (name, amount) => { outcome.counts[name] = (outcome.counts[name] ?? 0) + amount; },
  });
  const usual = globalThis.console;
  globalThis.console = console;
  try {
    runOn(step, given, cut, outcome);
  } finally {
    globalThis.console = usual;
  }
  outcome.removed.sort((a, b) => a.row - b.row);
  return outcome;
}

function runOn(step: Transform | Global | Source, given: Given, cut: number, outcome: Outcome): void {
  const config = JSON.stringify(given.config ?? {});
  const inputs = [given.rows ?? [], ...(given.others ?? [])].map((rows) => new Table(rows, given.types ?? {}));
  if (step.kind === "transform") runTransform(step, config, inputs[0]!, cut, outcome);
  else if (step.kind === "global") runGlobal(step, config, inputs, cut, outcome);
  else runSource(step, config, outcome);
}

function runTransform(step: Transform, config: string, table: Table, cut: number, outcome: Outcome): void {
  const { declare, open, process } = transformExports(step);
  const shape = declare(config, table.batch(0, 0));
  open(config, table.batch(0, 0, shape.reads));
  for (let first = 0; first < table.rows.length || first === 0; first += cut) {
    const count = Math.min(cut, table.rows.length - first);
    const { origins, columns, removed } = process(table.batch(first, count, shape.reads));
    const gone = new Set(removed.flatMap(({ rows }) => Array.from(rows, Number)));
    const kept = origins ? [...origins] : Array.from({ length: count }, (_, row) => row).filter((row) => !gone.has(row));
    if (kept.some((row) => gone.has(row))) throw new Error("a row is both put out and removed");
    outcome.rows.push(...table.carry(kept.map((row) => first + row), shape.drops, columns));
    outcome.removed.push(...removed.flatMap((removal) => removedRows(removal, (row) => first + row)));
  }
}

function runGlobal(step: Global, config: string, tables: Table[], cut: number, outcome: Outcome): void {
  const { declare, open, run } = globalExports(step);
  const shape = declare(config, tables.map((table) => table.batch(0, 0)));
  open(config, tables.map((table, i) => table.batch(0, 0, shape.reads[i])));
  const isGrouped = shape.gathering.tag !== "all";
  // Rows put out, each with the row in whose place it is.
  const out: [number, TestRow][] = [];
  for (const part of calls(shape, tables.map(({ rows }) => rows), cut === 1)) {
    const firsts = new Map<number, number>();
    for (const { group, row } of part[0]!) firsts.set(group, Math.min(row, firsts.get(group) ?? row));
    const original = (row: number | bigint) => {
      const member = part[0]![Number(row)];
      if (!member) throw new Error(`there is no row ${row} among ${part[0]!.length}`);
      return member;
    };
    const place = (row: number | bigint) => {
      const { group, row: at } = original(row);
      return shape.arrangement === "input" ? at : isGrouped ? firsts.get(group)! : 0;
    };
    const readers = part.map((members, i): RawReader => {
      const table = tables[i]!.of(members.map(({ row }) => row));
      let at = 0;
      return {
        rows: () => members.length,
        seek: (row) => { at = row; },
        positions: (first, count) => members.slice(first, first + count).map(({ row }) => row),
        next: () => {
          const [first, count] = [at, Math.min(cut, members.length - at)];
          at += count;
          const groups: RawRun[] = [];
          for (const { group } of isGrouped ? members.slice(first, at) : []) {
            if (groups.at(-1)?.group === group) groups.at(-1)!.rows++;
            else groups.push({ group, rows: 1 });
          }
          return count > 0 ? { rows: table.batch(first, count, shape.reads[i]), groups } : null;
        },
      };
    });
    const writer: RawWriter = {
      keep: (rows, columns) => {
        const kept = tables[0]!.carry(Array.from(rows, (row) => original(row).row), shape.drops, columns);
        kept.forEach((row, i) => out.push([place(rows[i]!), row]));
      },
      write: (rows, at) => {
        if (at.length !== (isGrouped ? rows.rows : 0)) throw new Error(`${rows.rows} rows are written in the places of ${at.length}`);
        rowsOf(rows).forEach((row, i) => out.push([isGrouped ? place(at[i]!) : 0, row]));
      },
      remove: (removed) => outcome.removed.push(...removed.flatMap((removal) => removedRows(removal, (row) => original(row).row))),
    };
    run(readers, writer);
  }
  outcome.rows.push(...out.sort(([a], [b]) => a - b).map(([, row]) => row));
}

/** The rows of a removal, one by one. */
const removedRows = ({ rows, fate, reason }: RawRemoval, place: (row: number) => number) =>
  Array.from(rows, (row) => ({ row: place(Number(row)), fate, reason }));

/** Goes on from the cursor of each page in an instance of its own, as a host does that was interrupted. */
function runSource(step: Source, config: string, outcome: Outcome): void {
  sourceExports(step).declare(config);
  for (let cursor: Uint8Array | null = null; ;) {
    const { open, next } = sourceExports(step);
    open(config, cursor);
    const page = next();
    if (!page) return;
    outcome.rows.push(...rowsOf(page.rows));
    cursor = page.cursor;
  }
}

/** The rows of an input. */
class Table {
  readonly rows: readonly TestRow[];
  readonly types: [string, Type<any, any>][];

  constructor(rows: readonly TestRow[], types: { readonly [column: string]: Type<any, any> } | [string, Type<any, any>][]) {
    this.rows = rows;
    if (Array.isArray(types)) {
      this.types = types;
      return;
    }
    const names = new Set([...rows.flatMap((row) => Object.keys(row)), ...(rows.length === 0 ? Object.keys(types) : [])]);
    this.types = [...names].map((name) => [name, types[name] ?? guessed(name, rows.map((row) => row[name]))]);
  }

  /** Some of the rows, with the same types. */
  of(numbers: readonly number[]): Table {
    return new Table(numbers.map((row) => this.rows[row]!), this.types);
  }

  batch(first: number, count: number, names?: string[]): RawBatch {
    const rows = this.rows.slice(first, first + count);
    const types = names ? names.map((name) => this.types.find(([one]) => one === name)!) : this.types;
    return asItComes(buildBatch(count, types, (name) => rows.map((row) => row[name] ?? null)));
  }

  carry(numbers: number[], drops: readonly string[], columns: RawBatch | null): { [column: string]: unknown }[] {
    const written = columns ? rowsOf(columns) : [];
    return numbers.map((number, i) => {
      const row = this.rows[number];
      if (!row) throw new Error(`there is no row ${number} to be put out`);
      const carried = Object.entries(row).filter(([name]) => !drops.includes(name));
      return { ...Object.fromEntries(carried), ...written[i] };
    });
  }
}

function guessed(path: string, all: readonly unknown[]): Type<any, any> {
  const values = all.filter((value) => value !== null && value !== undefined);
  const every = (is: (value: any) => boolean) => values.length > 0 && values.every(is);
  const within = (type: Type<any, any>) => nullable(type);
  if (every((value) => typeof value === "boolean")) return within(boolean);
  if (every((value) => typeof value === "bigint" || Number.isSafeInteger(value))) return within(int64);
  if (every((value) => typeof value === "number")) return within(float64);
  if (every(Array.isArray)) return within(lists(guessed(`${path}[]`, values.flat(1))));
  if (values.length === 0 || every((value) => typeof value === "string")) return within(utf8);
  if (every((value) => typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype)) {
    const names = new Set(values.flatMap((value) => Object.keys(value as object)));
    const field = (name: string) => [name, guessed(`${path}.${name}`, values.map((value) => (value as TestRow)[name] ?? null))];
    return within(structs(Object.fromEntries([...names].map(field))));
  }
  throw new TypeError(`the type of \`${path}\` cannot be guessed: say it in \`types\``);
}

/** A batch that a step put out, as QuickJS would hand it to one: see contract.ts. */
export function asItComes({ rows, columns, arrays }: RawBatch): RawBatch {
  const halves = (values: BigInt64Array | BigUint64Array) => {
    const all = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    return Array.from(values, (_value, i) => [all[2 * i], all[2 * i + 1]]);
  };
  const come = (array: RawArray): RawArray => {
    const { tag, val } = array.values;
    switch (tag) {
      case "int64":
      case "uint64": return { ...array, values: { tag, val: halves(val) } };
      case "uint32": return { ...array, values: { tag, val: Array.from(new Int32Array(val.buffer, val.byteOffset, val.length)) } };
      case "int16": case "int32": case "uint16": case "float32": case "float64":
        return { ...array, values: { tag, val: Array.from(val as number[]) } };
      case "utf8": return { ...array, values: { tag, val: { offsets: Array.from(val.offsets as number[]), data: new TextDecoder().decode(val.data) } } };
      case "binary":
      case "lists": return { ...array, values: { tag, val: { ...val, offsets: Array.from(val.offsets as number[]) } } };
      default: return array;
    }
  };
  return { rows, columns, arrays: arrays.map(come) };
}

function rowsOf(written: RawBatch): { [column: string]: unknown }[] {
  const { rows, columns, arrays } = asItComes(written);
  const values = columns.map(({ name, values }) => [name, new Column(arrays[values]!, arrays).toArray()] as const);
  return Array.from({ length: rows }, (_, row) => Object.fromEntries(values.map(([name, column]) => [name, plain(column[row])])));
}

/** Bigints as numbers, where they fit. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
