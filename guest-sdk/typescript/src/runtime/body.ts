/** Bodies of requests and responses: they are held whole, there are no streams. */
import { native } from "./native.js";

export type BodyInit = string | ArrayBuffer | ArrayBufferView | URLSearchParams | null;

/** The bytes of what was given as a body, and the content type that goes with it. */
export function extract(init: unknown): { bytes: ArrayBuffer; type?: string } {
  if (init instanceof ArrayBuffer) return { bytes: init.slice(0) };
  if (ArrayBuffer.isView(init)) {
    const { buffer, byteOffset, byteLength } = init;
    return { bytes: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer };
  }
  if (init instanceof URLSearchParams)
    return {
      bytes: native().utf8Encode(String(init)),
      type: "application/x-www-form-urlencoded;charset=UTF-8",
    };
  if (typeof init === "object" && Symbol.asyncIterator in (init as object))
    throw new TypeError("a body is text or bytes here: there are no streams");
  return { bytes: native().utf8Encode(String(init)), type: "text/plain;charset=UTF-8" };
}

/** What `Request` and `Response` have in common. */
export abstract class Body {
  #bytes: ArrayBuffer | null;
  bodyUsed = false;

  protected constructor(bytes: ArrayBuffer | null) {
    this.#bytes = bytes;
  }

  /** There are no streams: read it with `text()`, `json()`, `arrayBuffer()` or `bytes()`. */
  get body(): null {
    return null;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.bodyUsed) throw new TypeError("Body is unusable: Body has already been read");
    this.bodyUsed = this.#bytes !== null;
    return this.#bytes?.slice(0) ?? new ArrayBuffer(0);
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  async text(): Promise<string> {
    return stripMark(native().utf8Decode(await this.arrayBuffer(), false));
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  /** The bytes as they are, without counting as read. */
  static held(body: Body): ArrayBuffer | null {
    if (body.bodyUsed) throw new TypeError("Body is unusable: Body has already been read");
    return body.#bytes;
  }
}

/** Text without the byte order mark that may stand before it. */
export function stripMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}
