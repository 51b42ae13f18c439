/** `Headers`, as the Fetch standard has them. */

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[^\0\r\n]*$/;

type Init = Headers | Iterable<Iterable<string>> | Record<string, string> | undefined;
export type HeadersInit = Init;

export class Headers {
  /** By the name in small letters, each with its values in the order in which they came. */
  readonly #values = new Map<string, string[]>();

  constructor(init?: HeadersInit) {
    if (init === undefined || init === null) return;
    if (typeof init !== "object") throw new TypeError("Headers: an object or a list of pairs is wanted");
    const iterable = Symbol.iterator in init;
    for (const entry of iterable ? (init as Iterable<Iterable<string>>) : Object.entries(init)) {
      const [name, value, ...more] = [...entry];
      if (name === undefined || value === undefined || more.length > 0)
        throw new TypeError("Headers: each entry is a pair of a name and a value");
      this.append(name, value);
    }
  }

  append(name: string, value: string): void {
    const key = nameOf(name);
    this.#values.set(key, [...(this.#values.get(key) ?? []), valueOf(name, value)]);
  }

  set(name: string, value: string): void {
    this.#values.set(nameOf(name), [valueOf(name, value)]);
  }

  delete(name: string): void {
    this.#values.delete(nameOf(name));
  }

  has(name: string): boolean {
    return this.#values.has(nameOf(name));
  }

  /** All values of the name, joined by commas; null: there is none. */
  get(name: string): string | null {
    return this.#values.get(nameOf(name))?.join(", ") ?? null;
  }

  getSetCookie(): string[] {
    return [...(this.#values.get("set-cookie") ?? [])];
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? [];
      // cookies cannot be joined: they may hold commas
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, values.join(", ")];
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "Headers";
  }
}

function nameOf(name: string): string {
  const text = String(name);
  if (!NAME.test(text)) throw new TypeError(`Headers: ${JSON.stringify(text)} is no header name`);
  return text.toLowerCase();
}

function valueOf(name: string, value: string): string {
  const text = String(value).replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, "");
  if (!VALUE.test(text)) throw new TypeError(`Headers: the value of ${name} cannot be sent`);
  return text;
}
