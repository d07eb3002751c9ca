// The types of columns, as an author writes them: `utf8`, `nullable(int64)`, `lists(structs({ name: utf8 }))`.

import type { Layout } from "./contract.ts";

/** A column of the input under another name: `utf8.named("body")`. */
export interface Named<T> { readonly column: string; readonly type: Type<T, any> }

/** What a type says beside its layout. */
interface Details {
  readonly nullable?: boolean;
  /** What the values stand for, as Arrow's C data interface writes it: "tdD" is a date in `int32`. */
  readonly logical?: string | null;
  /** Of `fixed` in bytes, of `vectors` in items. */
  readonly width?: number;
  readonly items?: Type<any, any>;
  readonly fields?: { readonly [name: string]: Type<any, any> };
}

/** The type of a column: `Read` is what its values are when read, `Write` what may be given to be written. */
export class Type<Read, Write = Read> {
  declare readonly read: Read;
  declare readonly write: Write;
  /** The contract's layout; `any` and `numeric` are for reading alone. */
  readonly layout: Layout | "any" | "numeric";
  readonly nullable: boolean;
  readonly logical: string | null;
  readonly width: number;
  readonly items: Type<any, any> | null;
  readonly fields: { readonly [name: string]: Type<any, any> } | null;

  constructor(layout: Layout | "any" | "numeric", details: Details = {}) {
    this.layout = layout;
    this.nullable = details.nullable ?? false;
    this.logical = details.logical ?? null;
    this.width = details.width ?? 0;
    this.items = details.items ?? null;
    this.fields = details.fields ?? null;
  }

  /** To read this type from a column of another name than the row's property: `{ text: utf8.named(config.column) }`. */
  named(column: string): Named<Read> {
    return { column, type: this };
  }

  /** The same layout, standing for something: `int64.as("tsu:UTC")` is a timestamp in microseconds. */
  as(logical: string): Type<Read, Write> {
    return new Type(this.layout, { ...this.details(), logical });
  }

  /** Whether a column of type `actual` can be read as this one: the same layout; nulls and meanings are not compared. */
  accepts(actual: Type<any, any>): boolean {
    if (this.layout === "any") return true;
    if (this.layout === "numeric") return /^(u?int|float)\d+$/.test(actual.layout);
    if (this.layout !== actual.layout || this.width !== actual.width) return false;
    if (this.items) return this.items.accepts(actual.items!);
    const names = Object.keys(this.fields ?? {});
    return names.every((name) => actual.fields![name] && this.fields![name]!.accepts(actual.fields![name]!));
  }

  /** What it is called in messages. */
  toString(): string {
    switch (this.layout) {
      case "utf8": return "text";
      case "numeric": return "number";
      case "lists": return `list of ${this.items}`;
      case "vectors": return `vector of ${this.width} ${this.items}`;
      case "fixed": return `fixed of ${this.width} bytes`;
      default: return this.layout;
    }
  }

  details(): Details {
    const { nullable, logical, width, items, fields } = this;
    return { nullable, logical, width, ...(items && { items }), ...(fields && { fields }) };
  }
}

type Fields = { readonly [name: string]: Type<any, any> };
type ReadFields<F extends Fields> = { [K in keyof F]: F[K]["read"] | null };
type WriteFields<F extends Fields> = { [K in keyof F]: F[K]["write"] };

export const nulls = new Type<null>("nulls", { nullable: true });
export const boolean = new Type<boolean>("booleans");
export const int8 = new Type<number>("int8");
export const int16 = new Type<number>("int16");
export const int32 = new Type<number>("int32");
/** Read as a bigint, so that no digit is lost; written from a bigint or a number. `numeric` reads it as a number. */
export const int64 = new Type<bigint, bigint | number>("int64");
export const uint8 = new Type<number>("uint8");
export const uint16 = new Type<number>("uint16");
export const uint32 = new Type<number>("uint32");
/** Read as a bigint, so that no digit is lost; written from a bigint or a number. `numeric` reads it as a number. */
export const uint64 = new Type<bigint, bigint | number>("uint64");
export const float32 = new Type<number>("float32");
export const float64 = new Type<number>("float64");
export const utf8 = new Type<string>("utf8");
export const binary = new Type<Uint8Array>("binary");
/** Bytes, `width` in each value. */
export const fixed = (width: number) => new Type<Uint8Array>("fixed", { width });
export const lists = <R, W>(items: Type<R, W>) => new Type<(R | null)[], readonly W[]>("lists", { items });
/** Lists of `width` items each. */
export const vectors = <R, W>(width: number, items: Type<R, W>) =>
  new Type<(R | null)[], readonly W[]>("vectors", { width, items });
export const structs = <F extends Fields>(fields: F) => new Type<ReadFields<F>, WriteFields<F>>("structs", { fields });

/** The same type, with nulls. */
export const nullable = <R, W>(type: Type<R, W>): Type<R, W | null> =>
  new Type(type.layout, { ...type.details(), nullable: true });

/** Reads a column of whatever type. */
export const any = new Type<unknown>("any");
/** Reads a column of any integers or floats as numbers; an integer past 2^53, which a number cannot hold, is an error. */
export const numeric = new Type<number>("numeric");
