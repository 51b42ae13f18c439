/** Lines for the run's log. */
import { type LogLevel, native } from "./runtime/native.js";

/**
 * Writes a line. Texts and other values become the message, with spaces between them; a plain object that is
 * the first or the last argument beside a text becomes fields: `logger.info("paid", { order: "o1" })`.
 */
export type Log = (...args: unknown[]) => void;

/** The run's log: each line is there once, however often the function is replayed. */
export interface Logger {
  trace: Log;
  debug: Log;
  info: Log;
  warn: Log;
  error: Log;
}

export const logger: Logger = {
  trace: (...args) => write("trace", args),
  debug: (...args) => write("debug", args),
  info: (...args) => write("info", args),
  warn: (...args) => write("warn", args),
  error: (...args) => write("error", args),
};

function write(level: LogLevel, args: unknown[]): void {
  const { words, fields } = split(args);
  const pairs = Object.entries(fields).map(([key, value]): [string, string] => [key, textOf(value)]);
  native().log(level, words.map(textOf).join(" "), pairs);
}

function split(args: unknown[]): { words: unknown[]; fields: object } {
  const last = args.length - 1;
  if (last > 0 && isPlain(args[last])) return { words: args.slice(0, last), fields: args[last] };
  if (last > 0 && isPlain(args[0])) return { words: args.slice(1), fields: args[0] };
  return { words: args, fields: {} };
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
