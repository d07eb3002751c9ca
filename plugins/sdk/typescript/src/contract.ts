// The contract's records (wit/*.wit) as QuickJS hands them over, and as it takes them back.
//
// Going in, a column of text is one JavaScript string and a 64-bit integer is a pair of 32-bit ones: build/wit.mjs says why.
// Other lists of numbers are arrays, those of bytes typed arrays. Going out, lists of numbers are typed arrays, text is bytes.

/** The layouts of the contract, by their names. */
export type Layout =
  | "nulls" | "booleans"
  | "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64"
  | "float32" | "float64"
  | "utf8" | "binary" | "fixed" | "lists" | "vectors" | "structs";

export interface RawArray {
  length: number;
  validity: Uint8Array | null;
  // What `val` is depends on `tag`; column.ts and builder.ts are the only readers and writers.
  values: { tag: Layout; val?: any };
  logical: string | null;
}

export interface RawColumn { name: string; values: number }

export interface RawBatch { rows: number; columns: RawColumn[]; arrays: RawArray[] }

export type Fate = "dropped" | "rejected";

export interface RawRemoval { rows: BigUint64Array; fate: Fate; reason: string }

export type Gathering = { tag: "all" } | { tag: "by-key"; val: string[][] } | { tag: "by-each"; val: string[] };

export interface RawOrder { column: string; descending: boolean; nullsFirst: boolean }

export type Arrangement = "input" | "written";

export interface RawRun { group: number; rows: number }

export interface RawPage { rows: RawBatch; groups: RawRun[] }

export type ErrorKind = "config" | "input" | "transient" | "failed";

export interface RawError { kind: ErrorKind; message: string; at: string | null }

export interface RawReader {
  rows(): number;
  next(): RawPage | null;
  seek(row: number): void;
  /** Numbers come in as far as they are whole: positions are less than 2^53. */
  positions(first: number, count: number): ArrayLike<number | bigint>;
}

export interface RawWriter {
  keep(rows: BigUint64Array, columns: RawBatch | null): void;
  write(rows: RawBatch, at: BigUint64Array): void;
  remove(rows: RawRemoval[]): void;
}

export interface RawManifest { name: string; version: string; summary: string; configSchema: string }

export type Level = "trace" | "debug" | "info" | "warn" | "error";

export interface RawHeader { name: string; value: string }

export interface RawRequest { method: string; url: string; headers: RawHeader[]; body: Uint8Array; attempt: number }

export interface RawReply { status: number; headers: RawHeader[]; body: ArrayLike<number> }

export type RawOutcome =
  | { tag: "ok"; val: RawReply }
  | { tag: "err"; val: { kind: "refused" | "unreachable" | "timeout" | "too-large"; message: string } };

/** What sends requests. */
export interface RawHttp {
  send(requests: RawRequest[]): RawOutcome[];
  tryAgain(): void;
}

/** What the host offers a step. */
export interface Host {
  log(level: Level, message: string): void;
  count(name: string, amount: number): void;
}
