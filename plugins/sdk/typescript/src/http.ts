// Requests that the host sends, many at once: within the step's `grant.http` and the limits of `[calls]`, again where a server fails for
// a passing reason, and never once their reply has come. `import { http } from "callboard"`.

import type { RawHttp, RawOutcome, RawReply } from "./contract.ts";
import { decode, encode } from "./utf8.ts";

/** Headers by their names. */
export type Headers = { readonly [name: string]: string };

export interface RequestOptions {
  readonly headers?: Headers;
  /** Tells apart requests that are otherwise equal, for several replies to one prompt: 0, 1, 2 … */
  readonly attempt?: number;
}

/** A request. A secret is not among its headers: the host adds it. */
export class Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly attempt: number;

  constructor(method: string, url: string, body: Uint8Array = new Uint8Array(), { headers = {}, attempt = 0 }: RequestOptions = {}) {
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.body = body;
    this.attempt = attempt;
  }

  /** A request to get something. */
  static get(url: string, options?: RequestOptions): Request {
    return new Request("GET", url, undefined, options);
  }

  /** A request to post a value as JSON. */
  static post(url: string, json: unknown, options: RequestOptions = {}): Request {
    const headers = { "content-type": "application/json", ...options.headers };
    return new Request("POST", url, encode(JSON.stringify(json)), { ...options, headers });
  }
}

/** The reply of a server, of a status of 2xx. */
export class Reply {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Headers;
  readonly body: Uint8Array;

  constructor(status: number, headers: Headers, body: Uint8Array) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** The body as text. */
  get text(): string {
    return decode(this.body);
  }

  /** The body as a value. Throws where it is not JSON. */
  json(): any {
    try {
      return JSON.parse(this.text);
    } catch (error) {
      throw new Error(`the reply is not JSON: ${(error as Error).message}: ${shown(this.body)}`);
    }
  }
}

/** `status`: the server replied with another status than 2xx. */
export type Problem = "refused" | "unreachable" | "timeout" | "too-large" | "status";

/** Why a request has no reply to work with, after all repetitions. */
export class Failure extends Error {
  override name = "Failure";
  readonly problem: Problem;
  /** What the server replied, if it did. */
  readonly reply: Reply | null;

  constructor(problem: Problem, message: string, reply: Reply | null = null) {
    super(message);
    this.problem = problem;
    this.reply = reply;
  }

  /** Whether the same request may succeed later: the server was not reached, was late, or said 408, 429 or 5xx. */
  get passing(): boolean {
    if (this.reply) return this.reply.status === 408 || this.reply.status === 429 || this.reply.status >= 500;
    return this.problem === "unreachable" || this.problem === "timeout";
  }
}

/** What came of a request. */
export type Outcome = Reply | Failure;

let host: RawHttp | null = null;

/** Says who sends. */
export function sendBy(to: RawHttp): void {
  host = to;
}

/** Sends requests, as many at once as the limits allow. The outcomes are in the order of the requests. */
export function all(requests: Iterable<Request>): Outcome[] {
  const crossed = Array.from(requests, ({ method, url, headers, body, attempt }) => ({
    method, url, headers: Object.entries(headers).map(([name, value]) => ({ name, value })), body, attempt,
  }));
  if (!host) throw new Error("requests are sent while a step opens or works, and not before");
  return host.send(crossed).map(judged);
}

/** Sends one request; several are better sent together, by `all`. Throws a `Failure`. */
export function send(request: Request): Reply {
  const [outcome] = all([request]);
  if (outcome instanceof Reply) return outcome;
  throw outcome;
}

/** Gets something. Throws a `Failure`. */
export const get = (url: string, options?: RequestOptions): Reply => send(Request.get(url, options));

/** Posts a value as JSON. Throws a `Failure`. */
export const post = (url: string, json: unknown, options?: RequestOptions): Reply => send(Request.post(url, json, options));

/** Says that this call rejects rows for a reason that passes: `postpone` does so. */
export const tryAgain = (): void => host?.tryAgain();

function judged({ tag, val }: RawOutcome): Outcome {
  if (tag === "err") return new Failure(val.kind, val.message);
  const reply = new Reply(val.status, named(val), Uint8Array.from(val.body));
  if (reply.status >= 200 && reply.status < 300) return reply;
  return new Failure("status", `the server replied ${reply.status}: ${shown(reply.body)}`, reply);
}

/** The first of each name. */
function named({ headers }: RawReply): Headers {
  return Object.fromEntries([...headers].reverse().map(({ name, value }) => [name.toLowerCase(), value]));
}

const SHOWN = 300;

function shown(body: Uint8Array): string {
  const text = decode(body.subarray(0, SHOWN)).replace(/\s+/g, " ").trim();
  return body.length > SHOWN ? `${text}…` : text;
}
