/** `console`: lines in the run's log, which no replay repeats. */
import { inspect } from "./inspect.js";
import { type LogLevel, native } from "./native.js";

/** Arguments as one text: `%s` and the like in the first are filled, what is left follows. */
export function format(...args: unknown[]): string {
  const rest = [...args];
  const parts: string[] = [];
  if (typeof rest[0] === "string" && rest.length > 1) {
    const template = rest.shift() as string;
    parts.push(
      template.replace(/%([sdifjoOc%])/g, (whole: string, kind: string) => {
        if (kind === "%") return "%";
        if (rest.length === 0) return whole;
        return filled(kind, rest.shift());
      }),
    );
  }
  for (const arg of rest) parts.push(plain(arg));
  return parts.join(" ");
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}

function filled(kind: string, value: unknown): string {
  const numeric = typeof value === "number" || typeof value === "string";
  switch (kind) {
    case "s":
      return plain(value);
    case "d":
      return typeof value === "bigint" ? `${value}n` : numeric ? String(Number(value)) : "NaN";
    case "i":
      return typeof value === "bigint" ? `${value}n` : numeric ? String(Number.parseInt(String(value), 10)) : "NaN";
    case "f":
      return numeric ? String(Number.parseFloat(String(value))) : "NaN";
    case "j":
      try {
        return String(JSON.stringify(value));
      } catch {
        return inspect(value);
      }
    case "c":
      return "";
    default:
      return inspect(value);
  }
}

let indent = "";
const counts = new Map<string, number>();
const times = new Map<string, number>();

function write(level: LogLevel, args: unknown[]): void {
  const text = format(...args);
  native().log(level, indent ? indent + text.replaceAll("\n", `\n${indent}`) : text, []);
}

function since(label: string): string | undefined {
  const start = times.get(label);
  return start === undefined ? undefined : `${label}: ${Date.now() - start}ms`;
}

export const console = {
  log: (...args: unknown[]) => write("info", args),
  info: (...args: unknown[]) => write("info", args),
  debug: (...args: unknown[]) => write("debug", args),
  warn: (...args: unknown[]) => write("warn", args),
  error: (...args: unknown[]) => write("error", args),
  trace: (...args: unknown[]) => write("trace", [`Trace: ${format(...args)}\n${new Error().stack ?? ""}`.trimEnd()]),
  dir: (value: unknown) => write("info", [inspect(value)]),
  table: (value: unknown) => write("info", [value]),
  assert(condition: unknown, ...args: unknown[]) {
    if (!condition) write("error", [args.length > 0 ? `Assertion failed: ${format(...args)}` : "Assertion failed"]);
  },
  group(...args: unknown[]) {
    if (args.length > 0) write("info", args);
    indent += "  ";
  },
  groupCollapsed: (...args: unknown[]) => console.group(...args),
  groupEnd() {
    indent = indent.slice(2);
  },
  count(label = "default") {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    write("info", [`${label}: ${count}`]);
  },
  countReset: (label = "default") => void counts.delete(label),
  time: (label = "default") => void times.set(label, Date.now()),
  timeLog(label = "default", ...args: unknown[]) {
    const text = since(label);
    if (text) write("info", [text, ...args]);
  },
  timeEnd(label = "default") {
    const text = since(label);
    if (text) write("info", [text]);
    times.delete(label);
  },
};
