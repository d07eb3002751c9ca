// What there is in a step beside the language itself: `console`, whose lines go to the run's log. No `fetch`, `URL`, `Intl`,
// `TextDecoder` or `setTimeout`.

interface Console {
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
  debug(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  assert(condition: unknown, ...values: unknown[]): void;
}
declare var console: Console;
