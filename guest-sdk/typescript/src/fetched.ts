/** `step.fetch`: a request that the host makes, and the answer that it keeps. */
import { type Duration, millisOf } from "./duration.js";
import { refusal } from "./errors.js";
import type { Operation } from "./runtime/native.js";

/** How a request is made; as `fetch` has it, and Pawl's own below. */
export type StepFetchInit = {
  method?: string;
  /** A value may hold `{secret:NAME}`; see `secret`. */
  headers?: Record<string, string> | Iterable<readonly [string, string]>;
  /** Text only. */
  body?: string | URLSearchParams | null;
  /** One try's time limit. */
  timeout?: Duration;
  /** Tries after the first, where there was no answer; the function's own when it is left out. */
  retries?: number;
};

/** An answer as the host keeps it. */
type Answer = {
  status_code: number;
  headers: Record<string, string>;
  url: string;
  body?: string;
  body_base64?: string;
};

/** An answer's headers, whatever their case. */
export class FetchHeaders implements Iterable<[string, string]> {
  readonly #values: Map<string, string>;

  constructor(values: Record<string, string>) {
    this.#values = new Map(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]));
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.#values[Symbol.iterator]();
  }
}

/** The answer to a request that the host has made. It can be read more than once. */
export class FetchResponse {
  readonly status: number;
  /** Whether the status is one of 200 to 299. */
  readonly ok: boolean;
  /** Always empty: the host does not keep it. */
  readonly statusText = "";
  readonly url: string;
  readonly headers: FetchHeaders;
  readonly #answer: Answer;

  constructor(answer: Answer) {
    this.status = answer.status_code;
    this.ok = answer.status_code >= 200 && answer.status_code < 300;
    this.url = answer.url;
    this.headers = new FetchHeaders(answer.headers);
    this.#answer = answer;
  }

  /** The body; bytes that are no UTF-8 become `�`. */
  async text(): Promise<string> {
    return this.#answer.body ?? new TextDecoder().decode(this.#bytes());
  }

  /** The body's JSON. It is kept as it is: a body that is none fails for good, by `HttpUnexpectedBody`. */
  async json<T = any>(): Promise<T> {
    try {
      return JSON.parse(await this.text()) as T;
    } catch (cause) {
      throw refusal("HttpUnexpectedBody", "the answer is no JSON", { cause });
    }
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const { body } = this.#answer;
    const bytes = body === undefined ? this.#bytes() : new TextEncoder().encode(body);
    return bytes.slice().buffer as ArrayBuffer;
  }

  #bytes(): Uint8Array {
    return Uint8Array.from(atob(this.#answer.body_base64 ?? ""), (byte) => byte.charCodeAt(0));
  }
}

/** The request as the host takes it. Throws `HttpInvalid` for what cannot be sent by it. */
export function fetchOperation(url: string | URL, init: StepFetchInit = {}): Operation {
  const { method = "GET", headers = {}, body, timeout, retries } = init;
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  const list = pairs.map(([name, value]): [string, string] => [name, value]);
  const operation: Operation = { tag: "fetch", method: method.toUpperCase(), url: String(url), headers: list };
  if (body != null) {
    operation.body = textOf(body);
    if (typeof body !== "string" && !list.some(([name]) => name.toLowerCase() === "content-type")) {
      list.push(["content-type", "application/x-www-form-urlencoded;charset=UTF-8"]);
    }
  }
  if (timeout !== undefined) operation.timeout = millisOf(timeout);
  if (retries !== undefined) operation.retries = retries;
  return operation;
}

function textOf(body: unknown): string {
  if (typeof body === "string") return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw refusal("HttpInvalid", "the body of a step.fetch has to be text; send anything else inside of a step.run");
}
