// A step's options: from one declaration come the type that the author sees, the checks, and the JSON Schema that users see.

import { ConfigError } from "./errors.ts";

/** One option of a step's configuration. */
export interface Option<T> {
  /** What it is where the configuration does not say; `required` where it must. */
  readonly fallback: T | typeof required;
  /** Its JSON Schema, without description and default. */
  readonly schema: { readonly [key: string]: unknown };
  readonly description: string;
  /** Whether it names a column of the input. */
  readonly isColumn?: boolean;
  /** The value, checked; `at` is a JSON pointer to it. */
  parse(value: unknown, at: string): T;
}

/** Instead of a default: the configuration must say it. */
export const required = Symbol("required");

export type Options = { readonly [key: string]: Option<any> };
/** The configuration that these options make. */
export type ConfigOf<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

type Fallback<T> = T | typeof required;

function refuse(at: string, expected: string, value: unknown): never {
  throw new ConfigError(`${expected} is expected here, not ${JSON.stringify(value)}`, at);
}

function option<T>(
  fallback: Fallback<T>, description: string, schema: Option<T>["schema"], parse: Option<T>["parse"],
): Option<T> {
  return { fallback, description, schema, parse };
}

/** A string. */
export function text(fallback: Fallback<string>, description = ""): Option<string> {
  return option(fallback, description, { type: "string" },
    (value, at) => (typeof value === "string" ? value : refuse(at, "a string", value)));
}

/** The name of a column of the input; that it is there is checked where the step reads it. */
export function column(fallback: Fallback<string>, description = ""): Option<string> {
  return { ...text(fallback, description), isColumn: true };
}

export interface Bounds { readonly minimum?: number; readonly maximum?: number }

function bounded<T extends number>(value: T, { minimum = -Infinity, maximum = Infinity }: Bounds, at: string): T {
  if (value < minimum) throw new ConfigError(`${value} is less than ${minimum}, the least that is allowed`, at);
  if (value > maximum) throw new ConfigError(`${value} is more than ${maximum}, the most that is allowed`, at);
  return value;
}

/** A whole number, up to 2^53 either way. */
export function integer(fallback: Fallback<number>, bounds: Bounds = {}, description = ""): Option<number> {
  return option(fallback, description, { type: "integer", ...bounds }, (value, at) =>
    bounded(Number.isSafeInteger(value) ? (value as number) : refuse(at, "a whole number (up to 2^53)", value), bounds, at));
}

/** A number. */
export function number(fallback: Fallback<number>, bounds: Bounds = {}, description = ""): Option<number> {
  return option(fallback, description, { type: "number", ...bounds }, (value, at) =>
    bounded(typeof value === "number" ? value : refuse(at, "a number", value), bounds, at));
}

/** True or false. */
export function flag(fallback: Fallback<boolean>, description = ""): Option<boolean> {
  return option(fallback, description, { type: "boolean" },
    (value, at) => (typeof value === "boolean" ? value : refuse(at, "true or false", value)));
}

/** One of these strings. */
export function choice<const T extends string>(choices: readonly T[], fallback: Fallback<NoInfer<T>>, description = ""): Option<T> {
  const expected = `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`;
  return option<T>(fallback, description, { enum: choices },
    (value, at) => (choices.includes(value as T) ? (value as T) : refuse(at, expected, value)));
}

/** A list of what `item` describes. */
export function list<T>(item: Option<T>, fallback: Fallback<readonly T[]>, description = ""): Option<readonly T[]> {
  return option(fallback, description, { type: "array", items: item.schema }, (value, at) =>
    (Array.isArray(value) ? value : refuse(at, "a list", value)).map((one, i) => item.parse(one, `${at}/${i}`)));
}

/** A table of options of its own. */
export function table<O extends Options>(options: O, description = ""): Option<ConfigOf<O>> {
  const fallback = Object.values(options).some((one) => one.fallback === required) ? required : defaults(options);
  return option<ConfigOf<O>>(fallback, description, objectSchema(options), (value, at) => parseObject(options, value, at));
}

function defaults<O extends Options>(options: O): ConfigOf<O> {
  return Object.fromEntries(Object.entries(options).map(([key, one]) => [key, one.fallback])) as ConfigOf<O>;
}

/** The JSON Schema of these options. */
export function objectSchema(options: Options): { [key: string]: unknown } {
  const properties = Object.entries(options).map(([key, { schema, description, fallback }]) =>
    [key, { ...schema, ...(description && { description }), ...(fallback !== required && { default: fallback }) }]);
  const needed = Object.keys(options).filter((key) => options[key]!.fallback === required);
  return {
    type: "object", properties: Object.fromEntries(properties), additionalProperties: false,
    ...(needed.length > 0 && { required: needed }),
  };
}

const escaped = (key: string) => key.replaceAll("~", "~0").replaceAll("/", "~1");

function parseObject<O extends Options>(options: O, value: unknown, at: string): ConfigOf<O> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(at, "a table", value);
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(options, key)) continue;
    const known = Object.keys(options).map((name) => `\`${name}\``).join(", ");
    throw new ConfigError(`there is no option \`${key}\`; there is ${known || "none"}`, `${at}/${escaped(key)}`);
  }
  const entries = Object.entries(options).map(([key, { parse, fallback }]) => {
    const given = (value as { [key: string]: unknown })[key];
    if (given !== undefined) return [key, parse(given, `${at}/${escaped(key)}`)];
    if (fallback === required) throw new ConfigError(`the option \`${key}\` must be given`, `${at}/${escaped(key)}`);
    return [key, fallback];
  });
  return Object.fromEntries(entries) as ConfigOf<O>;
}

/** The configuration out of its JSON text. */
export function parseConfig<O extends Options>(options: O, json: string): ConfigOf<O> {
  return parseObject(options, JSON.parse(json), "");
}
