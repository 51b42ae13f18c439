/** `TextEncoder` and `TextDecoder`, for UTF-8. */
import { extract, stripMark } from "./body.js";
import { native } from "./native.js";

export class TextEncoder {
  readonly encoding = "utf-8";

  encode(text = ""): Uint8Array {
    return new Uint8Array(native().utf8Encode(String(text)));
  }

  /** Writes as many whole characters as there is room for; `read` counts UTF-16 units. */
  encodeInto(text: string, into: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const character of text) {
      const bytes = this.encode(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      read += character.length;
      written += bytes.length;
    }
    return { read, written };
  }
}

const LABELS = new Set(["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"]);

export class TextDecoder {
  readonly encoding = "utf-8";
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  /** The beginning of a character whose rest the next part of a stream has. */
  #held = new Uint8Array();
  #started = false;

  constructor(label = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    if (!LABELS.has(String(label).trim().toLowerCase())) throw new RangeError(`TextDecoder: ${label} is not UTF-8, the only encoding here`);
    this.fatal = options.fatal ?? false;
    this.ignoreBOM = options.ignoreBOM ?? false;
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
    const given = input === undefined ? new Uint8Array() : new Uint8Array(extract(input).bytes);
    const bytes = new Uint8Array(this.#held.length + given.length);
    bytes.set(this.#held);
    bytes.set(given, this.#held.length);
    const end = options.stream ? bytes.length - unfinished(bytes) : bytes.length;
    this.#held = bytes.slice(end);
    let text = native().utf8Decode(bytes.slice(0, end).buffer, this.fatal);
    if (!this.#started && !this.ignoreBOM) text = stripMark(text);
    this.#started = options.stream === true && (this.#started || text !== "");
    return text;
  }
}

/** How many bytes at the end begin a character that is longer. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}
