// Rows brought together as the host would do it, for tests.

import type { Gathering, RawOrder } from "./contract.ts";

interface Row { readonly [column: string]: unknown }
/** A row that a call is given: its group, and its number in the input. */
export interface Member { readonly group: number; readonly row: number }
interface Shape { readonly gathering: Gathering; readonly sorted: readonly (readonly RawOrder[])[] }

/** The rows of each input, by calls: all groups in one, or each in one of its own. */
export function calls({ gathering, sorted }: Shape, inputs: readonly (readonly Row[])[], each: boolean): Member[][][] {
  const numbers = new Map<string, number>();
  const whole = inputs.map((rows, input) => {
    const members = rows.flatMap((row, number) => keys(gathering, input, row).map((key): Member => {
      const group = numbers.get(key) ?? numbers.size;
      numbers.set(key, group);
      return { group, row: number };
    }));
    return members.sort((a, b) => a.group - b.group || compare(sorted[input] ?? [], rows[a.row]!, rows[b.row]!) || a.row - b.row);
  });
  if (!each || gathering.tag === "all") return [whole];
  return [...numbers.values()].map((group) =>
    whole.map((members) => members.filter((member) => member.group === group).map(({ row }) => ({ group: 0, row }))));
}

/** The groups that a row is in. */
function keys(gathering: Gathering, input: number, row: Row): string[] {
  if (gathering.tag === "all") return [""];
  if (gathering.tag === "by-key") return [gathering.val[input]!.map((column) => canonical(row[column])).join()];
  return [...new Set(((row[gathering.val[input]!] ?? []) as unknown[]).map(canonical))];
}

/** The value as text: NaNs agree, and so do both zeros. */
const canonical = (value: unknown): string => JSON.stringify(value ?? null, (_key, inner) =>
  typeof inner === "bigint" ? Number(inner) === 0 ? 0 : `${inner}n`
    : typeof inner === "number" && !Number.isFinite(inner) ? `${inner}`
    : inner === 0 ? 0 : inner);

function compare(orders: readonly RawOrder[], a: Row, b: Row): number {
  for (const { column, descending, nullsFirst } of orders) {
    const [ours, theirs] = [a[column] ?? null, b[column] ?? null];
    const found = ours === null || theirs === null
      ? (Number(ours === null) - Number(theirs === null)) * (nullsFirst ? -1 : 1)
      : values(ours, theirs) * (descending ? -1 : 1);
    if (found) return found;
  }
  return 0;
}

/** NaN is larger than any number; text is compared by its characters, not by UTF-16. */
function values(a: any, b: any): number {
  if (a !== a || b !== b) return Number(a !== a) - Number(b !== b);
  if (typeof a === "string") [a, b] = [[...a], [...b]].map((text) => text.map((c) => c.codePointAt(0)!.toString(16).padStart(6, "0")).join("")) as [string, string];
  if (Array.isArray(a)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) if (values(a[i], b[i])) return values(a[i], b[i]);
    return a.length - b.length;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
