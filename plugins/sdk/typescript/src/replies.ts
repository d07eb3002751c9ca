// Replies that are played from a file, for steps that send requests: outside a component nothing is sent.
//
// A line of the file is a request and its reply, as `callboard step test --record` writes them:
// {"method": "POST", "url": "http://…", "body": {…}, "attempt": 0, "reply": {"status": 200, "body": {…}}}. A body that is JSON stands
// there as such, and is compared as such; any other is a string.

import type { RawHttp, RawOutcome, RawRequest } from "./contract.ts";
import { decode, encode } from "./utf8.ts";

interface Line {
  method: string;
  url: string;
  body?: unknown;
  attempt?: number;
  reply: { status: number; headers?: [string, string][]; body?: unknown };
}

/** Plays these lines. */
export function player(lines: string): RawHttp {
  const played = lines.split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line) as Line);
  const to = ({ method, url, body, attempt }: RawRequest): RawOutcome => {
    const asked = ordered(value(body));
    const line = played.find((line) => line.method === method && line.url === url && (line.attempt ?? 0) === attempt && ordered(line.body ?? null) === asked);
    if (!line) return { tag: "err", val: { kind: "refused", message: `no reply is recorded for this request: ${method} ${url} ${asked}` } };
    const { status, headers = [], body: said = null } = line.reply;
    const text = said === null ? "" : typeof said === "string" ? said : JSON.stringify(said);
    return { tag: "ok", val: { status, headers: headers.map(([name, value]) => ({ name, value })), body: encode(text) } };
  };
  return { send: (requests) => requests.map(to), tryAgain() {} };
}

/** A body as the file has it. */
function value(body: Uint8Array): unknown {
  if (body.length === 0) return null;
  const text = decode(body);
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? json : text;
  } catch {
    return text;
  }
}

/** JSON whose keys are in order. */
const ordered = (value: unknown): string => JSON.stringify(value, (_key, inner: unknown) =>
  typeof inner === "object" && inner !== null && !Array.isArray(inner)
    ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
    : inner);
