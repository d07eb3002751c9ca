// As much of Node's test runner as a step's tests need, for those who do not install @types/node.

declare module "node:test" {
  export function test(name: string, body: () => void | Promise<void>): void;
  export function afterEach(body: () => void): void;
  export default test;
}
declare module "node:fs" {
  export function readFileSync(path: string, encoding: "utf8"): string;
}
declare module "node:assert/strict" {
  interface Assert {
    (value: unknown, message?: string): asserts value;
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    match(text: string, pattern: RegExp, message?: string): void;
    throws(body: () => unknown, expected?: RegExp | object | ((thrown: unknown) => boolean)): void;
    ok(value: unknown, message?: string): asserts value;
  }
  const assert: Assert;
  export default assert;
}
