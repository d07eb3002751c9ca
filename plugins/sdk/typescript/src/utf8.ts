// Text to UTF-8, and places in UTF-8 to places in a JavaScript string. QuickJS has no TextEncoder, and its loops over
// characters are slow: what can be done by one call of a built-in function is done so.

interface Base64 { fromBase64(text: string): Uint8Array }
declare const TextEncoder: (new () => { encode(text: string): Uint8Array }) | undefined;
declare function unescape(text: string): string;
declare function btoa(text: string): string;

const latin1 = (text: string) => (Uint8Array as unknown as Base64).fromBase64(btoa(text));

/** The UTF-8 of a text; a lone surrogate becomes U+FFFD. */
export const encode: (text: string) => Uint8Array = typeof TextEncoder === "undefined"
  ? (text) => latin1(unescape(encodeURIComponent(text.toWellFormed())))
  : (text) => new TextEncoder!().encode(text);

/** Texts one after the other: where each begins, and their UTF-8. */
export function encodeAll(texts: readonly string[]): { offsets: Uint32Array; data: Uint8Array } {
  const offsets = new Uint32Array(texts.length + 1);
  const whole = texts.join("");
  const data = encode(whole);
  // As many bytes as UTF-16 units: all of it is ASCII, and a text has as many bytes as it is long.
  const parts = data.length === whole.length ? null : texts.map(encode);
  let end = 0;
  for (let i = 0; i < texts.length; i++) offsets[i + 1] = end += (parts ?? texts)[i]!.length;
  return { offsets, data: parts ? concat(parts, end) : data };
}

export function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

/** Units that have as many bytes as each other: one, two or three. A pair of surrogates has four bytes, two for each of its units. */
const one = /[^\0-\x7f]/g;
const two = /[\x80-\u07ff\ud800-\udfff]+/y;
const three = /[\u0800-\ud7ff\ue000-\uffff]+/y;

/** Where the texts begin in `data`, in UTF-16 units, out of where they begin in its UTF-8. */
export function unitOffsets(offsets: ArrayLike<number>, data: string): ArrayLike<number> {
  const last = offsets.length - 1;
  if (offsets[last] === data.length) return offsets;
  const units = new Uint32Array(offsets.length);
  let next = 0;
  let surplus = 0; // How many more bytes than units there were until here.
  let end = 0;
  // From one run of units beyond ASCII to the next. Regular expressions go over the units faster than a loop would.
  for (one.lastIndex = 0; one.test(data); one.lastIndex = end) {
    const begin = one.lastIndex - 1;
    const code = data.charCodeAt(begin);
    const more = code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2;
    end = begin + 1;
    if (data.charCodeAt(end) > 0x7f) {
      const run = more === 1 ? two : three;
      run.lastIndex = begin;
      run.test(data);
      end = run.lastIndex;
    }
    for (; offsets[next]! <= begin + surplus; next++) units[next] = offsets[next]! - surplus;
    for (; offsets[next]! < end + surplus + (end - begin) * more; next++) {
      units[next] = begin + (offsets[next]! - begin - surplus) / (more + 1);
    }
    surplus += (end - begin) * more;
  }
  for (; next <= last; next++) units[next] = offsets[next]! - surplus;
  return units;
}

declare const TextDecoder: (new () => { decode(bytes: Uint8Array): string }) | undefined;
declare function escape(text: string): string;

/** The text of UTF-8; what is none becomes U+FFFD. */
export const decode: (bytes: Uint8Array) => string = typeof TextDecoder === "undefined"
  ? (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    try {
      return decodeURIComponent(escape(text));
    } catch {
      return lenient(bytes);
    }
  }
  : (bytes) => new TextDecoder!().decode(bytes);

/** The text of bytes of which some are no UTF-8. */
export function lenient(bytes: Uint8Array): string {
  const text: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at++]!;
    const more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1;
    let code = more < 0 ? 0xfffd : more === 0 ? first : first & (0x3f >> more);
    for (let i = 0; i < more; i++) {
      const next = bytes[at];
      // The second byte says what is too long, a surrogate, or past the last character.
      const low = i > 0 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      const high = i > 0 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      if (next === undefined || next < low || next > high) {
        code = 0xfffd;
        break;
      }
      code = (code << 6) | (next & 0x3f);
      at++;
    }
    text.push(String.fromCodePoint(code));
  }
  return text.join("");
}
