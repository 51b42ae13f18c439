/** `fetch`, over the host's requests: those that are under way together are sent together. */
import { AbortSignal, expire } from "./abort.js";
import { Body } from "./body.js";
import { Headers } from "./headers.js";
import { REDIRECTS, Request, type RequestInit, Response, received } from "./http.js";
import { type Sending, send, unsend } from "./loop.js";
import type { HttpRequest, HttpResult } from "./native.js";

const MAX_REDIRECTS = 20;

/** Headers that the host sets; as in browsers those of a program are left out without a word. */
const HOSTS_OWN = ["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/** Headers that say who asks: for the first host alone. */
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"];

/** Inside a step's code. Rejects with a TypeError that has the host's reason when there is no answer,
 * and with the signal's reason when that aborts. */
export async function fetch(input: Request | URL | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const signal = request.signal;
  signal.throwIfAborted();
  const next = {
    method: request.method,
    url: new URL(request.url),
    headers: new Headers(request.headers),
    body: Body.held(request),
  };
  for (const name of HOSTS_OWN) next.headers.delete(name);

  for (let redirects = 0; ; redirects++) {
    const result = await sent(next, signal);
    if ("err" in result) {
      // what ran out was the signal's time: that aborts, too
      if (AbortSignal.remaining(signal) === 0) expire(signal);
      signal.throwIfAborted();
      throw failed(result.err.message, result.err.tag);
    }
    const { status, headers, body } = result.ok;
    const response = received({ status, headers }, body, { url: withoutHash(next.url), redirected: redirects > 0 });
    const location = REDIRECTS.has(status) ? response.headers.get("location") : null;
    if (location === null || request.redirect === "manual") return response;
    if (request.redirect === "error") throw failed(`unexpected redirect to ${location}`);
    if (redirects === MAX_REDIRECTS) throw failed(`more than ${MAX_REDIRECTS} redirects`);
    follow(next, status, location);
  }
}

type Next = { method: string; url: URL; headers: Headers; body: ArrayBuffer | null };

/** Resolves with the host's answer, or rejects as soon as the signal aborts. */
function sent(next: Next, signal: AbortSignal): Promise<HttpResult> {
  return new Promise((resolve, reject) => {
    const request: HttpRequest = { method: next.method, url: withoutHash(next.url), headers: [...next.headers] };
    if (next.body) request.body = next.body;
    const remaining = AbortSignal.remaining(signal);
    if (remaining !== undefined) request.timeout = Math.max(Math.ceil(remaining), 1);
    const aborted = () => {
      unsend(sending);
      reject(signal.reason);
    };
    const sending: Sending = {
      request,
      settle(result) {
        signal.removeEventListener("abort", aborted);
        resolve(result);
      },
    };
    signal.addEventListener("abort", aborted, { once: true });
    send(sending);
  });
}

/** Changes the request to the one that the redirect asks for. */
function follow(next: Next, status: number, location: string): void {
  let url: URL;
  try {
    url = new URL(location, next.url);
  } catch {
    throw failed(`a redirect to ${JSON.stringify(location)}, which is no URL`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw failed(`a redirect to ${url.protocol}`);
  if (!url.hash) url.hash = next.url.hash;
  const asGet =
    status === 303 ? next.method !== "GET" && next.method !== "HEAD" : status <= 302 && next.method === "POST";
  if (asGet) {
    next.method = "GET";
    next.body = null;
    for (const name of [...next.headers.keys()]) if (name.startsWith("content-")) next.headers.delete(name);
  }
  if (url.origin !== next.url.origin) {
    for (const name of CREDENTIALS) next.headers.delete(name);
    // the host would put the secret in for the other host as well, were that granted
    for (const [name, value] of [...next.headers]) if (value.includes("{secret:")) next.headers.delete(name);
  }
  next.url = url;
}

function withoutHash(url: URL): string {
  const plain = new URL(url);
  plain.hash = "";
  return plain.href;
}

/** `code` is the kind of the host's error: `denied`, `invalid` or `network`. */
function failed(reason: string, code?: string): TypeError {
  return Object.assign(new TypeError(`fetch failed: ${reason}`), code ? { code } : {});
}
