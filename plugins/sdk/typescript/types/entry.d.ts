// Modules that are there when a step is bundled.

declare module "callboard:entry" {
  const step: any;
  export default step;
}
declare module "callboard:step/log" {
  const log: { write(level: import("../src/contract.ts").Level, message: string): void };
  export default log;
}
declare module "callboard:step/http" {
  const http: import("../src/contract.ts").RawHttp;
  export default http;
}
declare module "callboard:step/counters" {
  const counters: { add(name: string, amount: number): void };
  export default counters;
}
