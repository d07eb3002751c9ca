// A step that makes rows from nothing but its configuration.

import { buildBatch, given } from "./builder.ts";
import { type ConfigOf, type Options, parseConfig } from "./config.ts";
import type { RawBatch } from "./contract.ts";
import { type About, manifestOf } from "./manifest.ts";
import { rawSchema, type RecordOf, type Writes } from "./schema.ts";
import { encode } from "./utf8.ts";

type FromConfig<T, O extends Options> = T | ((config: ConfigOf<O>) => T);

interface Common<O extends Options, W extends Writes> extends About<O> {
  /** The columns of the rows that it makes. */
  readonly writes: FromConfig<W, O>;
}

export interface OfRows<O extends Options, W extends Writes> extends Common<O, W> {
  /** Makes the rows, but for the first `skip`, which were made before: a run that was interrupted goes on there. */
  rows(config: ConfigOf<O>, skip: number): Iterable<RecordOf<W>>;
}

/** Rows, and where to go on after them: whatever JSON can say, a page's token for instance. */
export interface Page<W extends Writes> { rows: readonly RecordOf<W>[]; cursor: unknown }

export interface OfPages<O extends Options, W extends Writes> extends Common<O, W> {
  /** Makes the rows page by page, going on behind the page whose cursor this is; null at the beginning. */
  pages(config: ConfigOf<O>, cursor: any): Iterable<Page<W>>;
}

/** A source, declared. */
export type Source = { readonly kind: "source"; readonly step: OfRows<any, any> | OfPages<any, any> };

/** A step that makes rows, one after the other. */
export function source<const O extends Options = {}, const W extends Writes = {}>(step: OfRows<O, W>): Source;
/** A step that makes rows page by page, with cursors of its own. */
export function source<const O extends Options = {}, const W extends Writes = {}>(step: OfPages<O, W>): Source;
export function source(step: OfRows<any, any> | OfPages<any, any>): Source {
  return { kind: "source", step };
}

/** How many rows of a generator make a batch. */
const BATCH = 1000;

interface RawPage { rows: RawBatch; cursor: Uint8Array }

function writesOf(step: Common<any, any>, config: any): Writes {
  return typeof step.writes === "function" ? step.writes(config) : step.writes;
}

/** What the contract's interface `source` exports. */
export function sourceExports({ step }: Source) {
  const parse = (json: string) => parseConfig(step.config ?? {}, json);
  let pages: Iterator<RawPage> | null = null;
  return {
    manifest: manifestOf(step),
    declare: (config: string): RawBatch => rawSchema(writesOf(step, parse(config))),
    open(json: string, cursor: Uint8Array | null): void {
      const config = parse(json);
      const writes = writesOf(step, config);
      pages = "rows" in step ? cutRows(step, config, writes, cursor) : givenPages(step, config, writes, cursor);
    },
    next(): RawPage | null {
      if (!pages) throw new Error("the step was not opened");
      const { done, value } = pages.next();
      return done ? null : value;
    },
  };
}

function batchOf(records: readonly { readonly [name: string]: unknown }[], writes: Writes): RawBatch {
  const values = (name: string) => records.map((record) => given(record, name, writes[name]!, ""));
  return buildBatch(records.length, Object.entries(writes), values);
}

/** Batches of a generator's rows. The cursor is how many rows were made: eight bytes, the least significant first. */
function* cutRows(step: OfRows<any, any>, config: any, writes: Writes, cursor: Uint8Array | null): Generator<RawPage> {
  let made = cursor ? cursor.reduceRight((number, byte) => number * 256 + byte, 0) : 0;
  let records: RecordOf<Writes>[] = [];
  const page = () => {
    made += records.length;
    const page = { rows: batchOf(records, writes), cursor: bytesOf(made) };
    records = [];
    return page;
  };
  for (const record of step.rows(config, made)) {
    if (records.push(record) === BATCH) yield page();
  }
  if (records.length > 0) yield page();
}

function bytesOf(number: number): Uint8Array {
  const bytes = new Uint8Array(8);
  for (let i = 0; i < 8; i++, number = Math.floor(number / 256)) bytes[i] = number % 256;
  return bytes;
}

function* givenPages(step: OfPages<any, any>, config: any, writes: Writes, cursor: Uint8Array | null): Generator<RawPage> {
  // JSON with everything beyond ASCII escaped, so that reading a cursor takes no decoder.
  const from = cursor ? JSON.parse(String.fromCharCode(...cursor)) : null;
  for (const page of step.pages(config, from)) {
    const json = (JSON.stringify(page.cursor) ?? "null").replace(/[^\0-\x7f]/g, (unit) =>
      `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    yield { rows: batchOf(page.rows, writes), cursor: encode(json) };
  }
}
