/** The globals of a run: its clock, its timers, its randomness, its requests. Put in place while a run goes on. */
import type { Host } from "./host.js";
import type { Answer, TestOptions } from "./options.js";
import { clearTimer, setTimer } from "../runtime/loop.js";

/** What is used of Node, whose types a project need not have. */
type Node = {
  setImmediate(call: () => void): unknown;
  process: {
    listeners(event: string): Listener[];
    removeAllListeners(event: string): void;
    on(event: string, listener: Listener): void;
  };
};
type Listener = (reason: unknown) => void;

const { setImmediate: realSetImmediate, process } = globalThis as unknown as Node;
const RealDate = Date;
const realRandom = Math.random;

/** Lets everything run that can go on by itself. */
export function jobs(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve));
}

/** Real time, for patience. */
export const realNow = (): number => RealDate.now();

export class World {
  readonly #host: Host;
  readonly #fetch: TestOptions["fetch"];

  constructor(host: Host, fetch: TestOptions["fetch"]) {
    this.#host = host;
    this.#fetch = fetch;
  }

  /** Puts the globals in place; gives what takes them away again. */
  install(unhandled: (reason: unknown) => void): () => void {
    const set =
      (repeats: boolean) =>
      (call: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) =>
        setTimer(() => call(...args), delay, repeats);
    const restore = [
      replace(globalThis, {
        __pawl: this.#host.native(),
        Date: virtualDate(this.#host),
        fetch: (input: string | URL | Request, init?: RequestInit) => this.#request(new Request(input, init)),
        setTimeout: set(false),
        setInterval: set(true),
        setImmediate: (call: (...args: unknown[]) => void, ...args: unknown[]) => set(false)(call, 0, ...args),
        clearTimeout: clearTimer,
        clearInterval: clearTimer,
        clearImmediate: clearTimer,
      }),
      replace(Math, { random: () => this.#host.random(realRandom) }),
      replace(globalThis.crypto, { randomUUID: () => this.#uuid() }),
      listen(unhandled),
    ];
    return () => restore.forEach((undo) => undo());
  }

  async #request(request: Request): Promise<Response> {
    if (!this.#host.executing)
      throw new TypeError("fetch failed: outgoing HTTP is for steps: wrap it in step.run");
    return this.answer(request);
  }

  /** What the test answers to a request. */
  async answer(request: Request): Promise<Response> {
    if (!this.#fetch) throw new TypeError(`fetch failed: the test has no \`fetch\` that answers ${request.url}`);
    return responseOf(await this.#fetch(request));
  }

  #uuid(): string {
    const digit = () => Math.floor(Math.random() * 16);
    const of = (length: number) => Array.from({ length }, () => digit().toString(16)).join("");
    return `${of(8)}-${of(4)}-4${of(3)}-${(8 + (digit() % 4)).toString(16)}${of(3)}-${of(12)}`;
  }
}

/** An answer as a response. */
export function responseOf(answer: Answer): Response {
  if (answer instanceof Response) return answer;
  const { status = 200, headers = {}, body } = answer;
  if (body === undefined || typeof body === "string") return new Response(body ?? null, { status, headers });
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

function virtualDate(host: Host): DateConstructor {
  return class extends RealDate {
    constructor(...args: unknown[]) {
      super(...((args.length === 0 ? [host.now()] : args) as [number]));
    }

    static override now(): number {
      return host.now();
    }

    /** Dates that the test made before are dates as well. */
    static override [Symbol.hasInstance](value: unknown): boolean {
      return value instanceof RealDate;
    }
  } as unknown as DateConstructor;
}

function replace(target: object, values: Record<string, unknown>): () => void {
  const before = Object.keys(values).map((key) => [key, Object.getOwnPropertyDescriptor(target, key)] as const);
  for (const [key, value] of Object.entries(values)) {
    Object.defineProperty(target, key, { value, configurable: true, writable: true, enumerable: true });
  }
  return () => {
    for (const [key, descriptor] of before) {
      if (descriptor) Object.defineProperty(target, key, descriptor);
      else delete (target as Record<string, unknown>)[key];
    }
  };
}

/** Rejections that nobody takes are the run's, and not the test runner's. */
function listen(unhandled: (reason: unknown) => void): () => void {
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", unhandled);
  return () => {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  };
}
