/** `Request` and `Response`. */
import { AbortController, AbortSignal } from "./abort.js";
import { Body, type BodyInit, extract } from "./body.js";
import { Headers, type HeadersInit } from "./headers.js";

export type Redirect = "follow" | "error" | "manual";

export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  redirect?: Redirect;
  signal?: AbortSignal | null;
}

/** Methods that are written in capitals whichever way they came. */
const KNOWN = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);

export class Request extends Body {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: Redirect;
  readonly signal: AbortSignal;

  constructor(input: Request | URL | string, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    const given = init.method ?? from?.method ?? "GET";
    const method = KNOWN.has(given.toUpperCase()) ? given.toUpperCase() : given;
    const bodiless = method === "GET" || method === "HEAD";
    const extracted = init.body === undefined || init.body === null ? undefined : extract(init.body);
    if (extracted && bodiless) throw new TypeError(`Request with ${method} method cannot have body`);
    super(extracted?.bytes ?? (from && !bodiless ? Body.held(from) : null));
    this.method = method;
    this.url = from ? from.url : addressOf(input as URL | string);
    this.headers = new Headers(init.headers ?? from?.headers);
    if (extracted?.type && !this.headers.has("content-type")) this.headers.set("content-type", extracted.type);
    this.redirect = init.redirect ?? from?.redirect ?? "follow";
    this.signal = init.signal ?? from?.signal ?? new AbortController().signal;
  }

  clone(): Request {
    Body.held(this);
    return new Request(this);
  }

  get [Symbol.toStringTag](): string {
    return "Request";
  }
}

function addressOf(input: URL | string): string {
  let url: URL;
  try {
    url = new URL(String(input));
  } catch (cause) {
    throw new TypeError(`Failed to parse URL from ${String(input)}`, { cause });
  }
  if (url.username || url.password)
    throw new TypeError("Request cannot be constructed from a URL that includes credentials");
  return url.href;
}

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

/** Statuses that have no body. */
const EMPTY = new Set([101, 103, 204, 205, 304]);
/** Those that lead elsewhere. */
export const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** Where it came from, after all redirects. */
  readonly url: string = "";
  readonly redirected: boolean = false;
  readonly type: string = "default";

  constructor(body?: BodyInit, init: ResponseInit = {}) {
    const status = init.status ?? 200;
    if (!(status >= 200 && status <= 599)) throw new RangeError(`Response: the status ${status} is not from 200 to 599`);
    const extracted = body === undefined || body === null ? undefined : extract(body);
    if (extracted && EMPTY.has(status)) throw new TypeError(`Response with status ${status} cannot have body`);
    super(extracted?.bytes ?? null);
    this.status = status;
    this.statusText = init.statusText ?? "";
    this.headers = new Headers(init.headers);
    if (extracted?.type && !this.headers.has("content-type")) this.headers.set("content-type", extracted.type);
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  clone(): Response {
    return received(this, Body.held(this), this);
  }

  static json(data: unknown, init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(JSON.stringify(data), { ...init, headers });
  }

  static error(): Response {
    return Object.assign(new Response(), { status: 0, type: "error" });
  }

  static redirect(url: URL | string, status = 302): Response {
    if (!REDIRECTS.has(status)) throw new RangeError(`Response.redirect: ${status} is no redirect`);
    return new Response(null, { status, headers: { location: addressOf(url) } });
  }

  get [Symbol.toStringTag](): string {
    return "Response";
  }
}

/** A response with what only one that was received has. */
export function received(
  head: { status: number; statusText?: string; headers: HeadersInit },
  body: ArrayBuffer | null,
  from: { url: string; redirected: boolean; type?: string },
): Response {
  const { status } = head;
  const bytes = EMPTY.has(status) || status < 200 ? null : body;
  const response = new Response(bytes, {
    status: status < 200 ? 200 : status,
    statusText: head.statusText ?? "",
    headers: head.headers,
  });
  return Object.assign(response, { status, url: from.url, redirected: from.redirected, type: from.type ?? "basic" });
}
