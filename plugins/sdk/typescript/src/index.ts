// Callboard's SDK for TypeScript: `import { transform, utf8, … } from "callboard"`.

export { transform, type Batch, type Columns, type RowResult, type Transform } from "./transform.ts";
export { global, type Global, type Group, type Input, type Output } from "./global.ts";
export { ascending, byEach, byKey, descending, inOrder, type Gather, type Order } from "./gather.ts";
export { source, type Page, type Source } from "./source.ts";
export { drop, keep, postpone, reject, type Removal } from "./outcome.ts";
export { choice, column, flag, integer, list, number, required, table, text, type ConfigOf, type Option } from "./config.ts";
export {
  any, binary, boolean, fixed, float32, float64, int8, int16, int32, int64, lists, nullable, nulls, numeric, structs, Type,
  uint8, uint16, uint32, uint64, utf8, vectors, type Named,
} from "./types.ts";
export { ConfigError, InputError, TransientError } from "./errors.ts";
export { count } from "./host.ts";
export * as http from "./http.ts";
export type { Column } from "./column.ts";
export type { Schema } from "./schema.ts";
