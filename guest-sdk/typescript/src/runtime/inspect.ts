/** Values as readable text, much as Node shows them. */

/** Nested deeper than this, an object is only named. */
const DEPTH = 2;
const MAX_ITEMS = 100;
const MAX_TEXT = 10_000;
const LINE = 76;

let stackOf = (error: Error): string => error.stack ?? "";

/** Has the stacks of errors shown as `format` gives them: with the lines of the sources, say. */
export function showStacks(format: (error: Error) => string): void {
  stackOf = format;
}

/** The value as text; never throws. */
export function inspect(value: unknown): string {
  try {
    return new Inspector().show(value, 0, []);
  } catch (error) {
    return `[cannot be shown: ${error instanceof Error ? error.message : "its own code throws"}]`;
  }
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

function quoted(text: string): string {
  const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}... ${text.length - MAX_TEXT} more characters` : text;
  const json = JSON.stringify(shown).slice(1, -1).replaceAll('\\"', '"');
  const quote = !shown.includes("'") ? "'" : !shown.includes('"') ? '"' : "`";
  return quote + (quote === "`" ? json.replaceAll("`", "\\`") : json) + quote;
}

function constructorName(value: object): string | null {
  for (let at: object | null = value; at; at = Object.getPrototypeOf(at)) {
    const own: unknown = Object.getOwnPropertyDescriptor(at, "constructor")?.value;
    if (typeof own === "function" && own.name) return own.name;
  }
  return null;
}

class Inspector {
  /** Objects that hold themselves, in the order in which that was seen. */
  readonly #circular: object[] = [];

  show(value: unknown, depth: number, above: object[]): string {
    switch (typeof value) {
      case "string":
        return quoted(value);
      case "number":
        return Object.is(value, -0) ? "-0" : String(value);
      case "bigint":
        return `${value}n`;
      case "object":
        return value === null ? "null" : this.#object(value, depth, above);
      case "function":
        return this.#object(value, depth, above);
      default:
        return String(value);
    }
  }

  #object(value: object, depth: number, above: object[]): string {
    if (above.includes(value)) {
      if (!this.#circular.includes(value)) this.#circular.push(value);
      return `[Circular *${this.#circular.indexOf(value) + 1}]`;
    }
    const path = [...above, value];
    const inner = (item: unknown) => this.show(item, depth + 1, path);
    const name = constructorName(value);
    const { prefix, items, open, close, whole, keys = true } = describe(value, name, inner);

    const fields = keys ? this.#fields(value, inner, depth) : [];
    if (whole !== undefined && fields.length === 0) return whole;
    if (depth > DEPTH && whole === undefined) return `[${Array.isArray(value) ? "Array" : (name ?? "Object")}]`;
    const all = [...(items ? items() : []), ...fields];
    const before = whole ?? prefix;
    const text = layout(before ? `${before} ` : "", all, open, close);
    const place = this.#circular.indexOf(value);
    return place >= 0 ? `<ref *${place + 1}> ${text}` : text;
  }

  #fields(value: object, inner: (item: unknown) => string, depth: number): string[] {
    if (depth > DEPTH) return [];
    const listed = Array.isArray(value) || ArrayBuffer.isView(value);
    const shown: string[] = [];
    for (const key of Reflect.ownKeys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (!property?.enumerable) continue;
      if (listed && typeof key === "string" && /^\d+$/.test(key)) continue;
      const name = typeof key === "symbol" ? `[${String(key)}]` : IDENTIFIER.test(key) ? key : quoted(key);
      const held = property.get
        ? property.set ? "[Getter/Setter]" : "[Getter]"
        : property.set ? "[Setter]" : inner(property.value);
      shown.push(`${name}: ${held}`);
      if (shown.length > MAX_ITEMS) return [...shown.slice(0, MAX_ITEMS), "... more properties"];
    }
    return shown;
  }
}

/** How a value is shown: `whole` stands for it where it has no fields of its own. */
type Description = {
  prefix: string;
  open: string;
  close: string;
  items?: () => string[];
  whole?: string;
  keys?: boolean;
};

function describe(value: object, name: string | null, inner: (item: unknown) => string): Description {
  const braces = { open: "{", close: "}" };
  const brackets = { open: "[", close: "]" };
  const sized = (size: number) => `${name}(${size})`;
  if (typeof value === "function") {
    const kind = name ?? "Function";
    return { ...braces, prefix: "", whole: value.name ? `[${kind}: ${value.name}]` : `[${kind} (anonymous)]` };
  }
  if (Array.isArray(value)) {
    const prefix = name === "Array" ? "" : sized(value.length);
    return { ...brackets, prefix, items: () => limited(value.length, (i) => (i in value ? inner(value[i]) : "<empty>")) };
  }
  if (value instanceof Error) return { ...braces, prefix: "", whole: errorText(value, inner) };
  if (value instanceof Date)
    return { ...braces, prefix: "", whole: Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString() };
  if (value instanceof RegExp) return { ...braces, prefix: "", whole: String(value) };
  if (value instanceof Map) {
    const entries = [...value];
    const item = (i: number) => `${inner(entries[i]?.[0])} => ${inner(entries[i]?.[1])}`;
    return { ...braces, prefix: sized(value.size), items: () => limited(entries.length, item) };
  }
  if (value instanceof Set) {
    const entries = [...value];
    return { ...braces, prefix: sized(value.size), items: () => limited(entries.length, (i) => inner(entries[i])) };
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const list = value as unknown as ArrayLike<unknown>;
    return { ...brackets, prefix: sized(list.length), items: () => limited(list.length, (i) => inner(list[i])) };
  }
  if (value instanceof ArrayBuffer)
    return { ...braces, prefix: "ArrayBuffer", items: () => [`byteLength: ${value.byteLength}`] };
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return { ...braces, prefix: "", whole: `[${name}: ${inner(value.valueOf())}]`, keys: !(value instanceof String) };
  if (value instanceof URL) return { ...braces, prefix: "", whole: value.href };
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet)
    return { ...braces, prefix: name ?? "Object" };
  if (typeof Headers === "function" && value instanceof Headers)
    return { ...braces, prefix: "Headers", items: () => [...value].map(([key, held]) => `${quoted(key)}: ${quoted(held)}`) };
  if (name === null) return { ...braces, prefix: "[Object: null prototype]" };
  return { ...braces, prefix: name === "Object" ? "" : name };
}

function limited(length: number, item: (i: number) => string): string[] {
  const shown = Array.from({ length: Math.min(length, MAX_ITEMS) }, (_, i) => item(i));
  const more = length - shown.length;
  return more > 0 ? [...shown, `... ${more} more item${more === 1 ? "" : "s"}`] : shown;
}

/** The error as a run's log has it: name, message, stack, and what caused it. */
function errorText(error: Error, inner: (item: unknown) => string): string {
  const head = error.message ? `${error.name}: ${error.message}` : error.name;
  const stack = stackOf(error).trimEnd();
  // engines differ in whether the stack begins with the message
  const text = stack === "" ? `[${head}]` : stack.startsWith(error.name) ? stack : `${head}\n${stack}`;
  return "cause" in error ? `${text}\n  [cause]: ${inner(error.cause).replaceAll("\n", "\n  ")}` : text;
}

function layout(prefix: string, items: string[], open: string, close: string): string {
  if (items.length === 0) return `${prefix}${open}${close}`;
  const line = `${prefix}${open} ${items.join(", ")} ${close}`;
  const width = items.reduce((sum, item) => sum + item.length + 2, prefix.length);
  if (width <= LINE && !items.some((item) => item.includes("\n"))) return line;
  return `${prefix}${open}\n${items.map((item) => `  ${item.replaceAll("\n", "\n  ")}`).join(",\n")}\n${close}`;
}
