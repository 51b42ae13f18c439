/** What the host gives to a step's own code: key-value, settings, secrets. */
import { isInStep } from "./current.js";
import { refusal } from "./errors.js";
import { encode } from "./json.js";
import { native } from "./runtime/native.js";

/** The host's limits. */
const KEY_BYTES = 1_024;
const VALUE_BYTES = 1 << 20;

/**
 * The function's own key-value bucket, in the host's database. For a step's own code: elsewhere every call
 * rejects with `KeyValueDenied`. Keys have 1 to 1,024 bytes, values at most 1 MiB. Trouble of the store
 * (`KeyValueError`) is worth another try.
 */
export const kv = {
  /** The value of a key as text; undefined when it has none. */
  async get(key: string): Promise<string | undefined> {
    const bytes = await kv.getBytes(key);
    return bytes && native().utf8Decode(bytes.buffer, false);
  },

  /** The value of a key as it is. */
  async getBytes(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const value = asked("reading a key", () => native().kvGet(key));
    return value && new Uint8Array(value);
  },

  /** The value of a key that `setJson` gave it. Rejects with `KeyValueMismatch` when it is no JSON. */
  async getJson<T = unknown>(key: string): Promise<T | undefined> {
    const text = await kv.get(key);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw refusal("KeyValueMismatch", "the value that is kept is no JSON", { cause });
    }
  },

  /** Gives a key a value, in place of the one it had. Text is kept as UTF-8. */
  async set(key: string, value: string | Uint8Array | ArrayBuffer): Promise<void> {
    asked("writing a key", () => {
      const bytes = bytesOf(value);
      checkKey(key);
      if (bytes.byteLength > VALUE_BYTES) {
        throw refusal("KeyValueInvalid", `a value has at most ${VALUE_BYTES} bytes, not ${bytes.byteLength}`);
      }
      native().kvSet(key, bytes);
    });
  },

  /** Gives a key a value as JSON. */
  async setJson(key: string, value: unknown): Promise<void> {
    await kv.set(key, encode(value, "a value", "KeyValueInvalid"));
  },

  /** Removes a key; one that is not there is no error. */
  async delete(key: string): Promise<void> {
    asked("removing a key", () => native().kvDelete(key));
  },

  /** Whether a key has a value. */
  async exists(key: string): Promise<boolean> {
    return asked("reading a key", () => native().kvExists(key));
  },

  /** All keys. */
  async keys(): Promise<string[]> {
    return asked("listing keys", () => {
      const all: string[] = [];
      let page = native().kvKeys();
      for (;;) {
        all.push(...page.keys);
        if (page.cursor === undefined) return all;
        page = native().kvKeys(page.cursor);
      }
    });
  },
};

/** Settings that the operator gives to this function. For a step's own code. */
export const settings = {
  /**
   * A setting by its name; undefined when the operator has not set it. A name that the function does not
   * list in `settings`, or that is not granted, is a `SettingDenied`. Secrets cannot be read: see {@link secret}.
   */
  async get(name: string): Promise<string | undefined> {
    const answer = native().setting(name);
    if ("err" in answer) throw refusal("SettingDenied", answer.err);
    return answer.ok;
  },
};

/**
 * Stands for a secret in a header of a request: the host puts the secret in on the way, so that the function
 * never sees it. The name has to be in the function's `secrets`.
 */
export function secret(name: string): string {
  return `{secret:${name}}`;
}

/** The keys themselves are not repeated in errors: they may be somebody's name. */
function asked<T>(what: string, call: () => T): T {
  if (!isInStep()) {
    throw refusal("KeyValueDenied", `${what}: key-value is for steps: wrap it in step.run`);
  }
  try {
    return call();
  } catch (error) {
    if ((error as Error).name.startsWith("KeyValue")) throw error;
    const wrapped = new Error(`${what}: ${(error as Error).message}`, { cause: error });
    wrapped.name = "KeyValueError";
    throw wrapped;
  }
}

function checkKey(key: string): void {
  const length = native().utf8Encode(key).byteLength;
  if (length === 0 || length > KEY_BYTES) {
    throw refusal("KeyValueInvalid", `a key has 1 to ${KEY_BYTES} bytes, not ${length}`);
  }
}

function bytesOf(value: string | Uint8Array | ArrayBuffer): ArrayBuffer {
  if (typeof value === "string") return native().utf8Encode(value);
  if (value instanceof ArrayBuffer) return value;
  // a part of a longer buffer is not all of it
  return value.slice().buffer as ArrayBuffer;
}
