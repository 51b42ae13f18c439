/** Values as the host keeps them: as JSON. */
import { refusal } from "./errors.js";

/**
 * The type of a value when it has been JSON: dates are texts, functions and `undefined` are gone.
 * A step gives this, the first time and in every replay.
 */
export type Jsonify<T> = 0 extends 1 & T
  ? T // `any`
  : T extends string | number | boolean | null
    ? T
    : T extends { toJSON(): infer J }
      ? Jsonify<J>
      : T extends undefined | void
        ? null
        : T extends (...args: never[]) => unknown
          ? never
          : T extends bigint | symbol
            ? never
            : T extends readonly unknown[]
              ? { [K in keyof T]: Jsonify<T[K]> }
              : T extends object
                ? { [K in keyof T as JsonKey<K, T[K]>]: JsonField<T[K]> }
                : T;

type JsonKey<K, V> = K extends symbol ? never : V extends (...args: never[]) => unknown ? never : K;
type JsonField<V> = undefined extends V ? Jsonify<Exclude<V, undefined>> | undefined : Jsonify<V>;

/**
 * The value's JSON; `undefined` is null. `what` begins the sentence of the error, `InvalidOutput`, for a
 * value that cannot be JSON.
 */
export function encode(value: unknown, what: string, name = "InvalidOutput"): string {
  try {
    const text = JSON.stringify(value) ?? "null";
    // half of a pair is no text outside of JavaScript: the host would refuse it
    return LONE_SURROGATE.test(text) ? JSON.stringify(value, (_, inner) => mended(inner)) : text;
  } catch (error) {
    const why = culprit(value) ?? String((error as Error)?.message ?? error);
    throw refusal(name, `${what} cannot be JSON: ${why}`);
  }
}

/** As `JSON.stringify` writes it: a pair comes as the character itself. */
const LONE_SURROGATE = /\\ud[89a-f]/;

function mended(value: unknown): unknown {
  if (typeof value === "string") return wellFormed(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [wellFormed(key), inner]));
}

/** The engine has it, whatever `lib` a project's tsconfig.json names. */
function wellFormed(text: string): string {
  return (text as unknown as { toWellFormed(): string }).toWellFormed();
}

/** The JSON of what has to be an object: an event's data, a user. */
export function encodeObject(value: unknown, what: string): string {
  const text = encode(value, what, "InvalidData");
  if (!text.startsWith("{")) throw refusal("InvalidData", `${what} has to be a JSON object`);
  return text;
}

/** What is wrong with a value, and where. */
function culprit(root: unknown): string | undefined {
  const above = new Set<object>();
  const visit = (value: unknown, path: string): string | undefined => {
    const place = path === "" ? "it" : `\`${path}\``;
    if (typeof value === "bigint") return `${place} is a BigInt`;
    if (typeof value !== "object" || value === null || "toJSON" in value) return undefined;
    if (above.has(value)) return `${place} refers back to what holds it`;
    above.add(value);
    for (const [key, inner] of Object.entries(value)) {
      const step = Array.isArray(value) ? `[${key}]` : path === "" ? key : `.${key}`;
      const found = visit(inner, path + step);
      if (found !== undefined) return found;
    }
    above.delete(value);
    return undefined;
  };
  try {
    return visit(root, "");
  } catch {
    // a getter that throws, or a structure too deep to walk
    return undefined;
  }
}
