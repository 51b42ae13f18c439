/** Randomness from the host: outside of a step's code the run's own, the same in each pass. */
import { native } from "./native.js";

/** From 0 up to 1, of 53 random bits. */
export function random(): number {
  const [high = 0, low = 0] = native().random();
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

/** What Web Crypto takes at once. */
const MAX_BYTES = 65536;

export const crypto = {
  getRandomValues<T extends ArrayBufferView>(into: T): T {
    if (!ArrayBuffer.isView(into) || into instanceof Float32Array || into instanceof Float64Array || into instanceof DataView)
      throw new TypeError("crypto.getRandomValues: an array of integers is wanted");
    if (into.byteLength > MAX_BYTES)
      throw new DOMException(`${into.byteLength} bytes are more than ${MAX_BYTES}`, "QuotaExceededError");
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    for (let at = 0; at < bytes.length; at += 8) {
      const eight = new Uint8Array(Uint32Array.from(native().random()).buffer);
      bytes.set(eight.subarray(0, bytes.length - at), at);
    }
    return into;
  },

  randomUUID(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  },
};
