/**
 * What programs expect of the world around them, put in place before the program's own code. What is
 * not here QuickJS has itself, among it `Date`, `performance`, `atob`, `btoa`, `queueMicrotask` and
 * `DOMException`: its clock is the host's.
 */
import "core-js/actual/url";
import "core-js/actual/url-search-params";
import structuredClone from "@ungap/structured-clone";
import { AbortController, AbortSignal } from "./abort.js";
import { console } from "./console.js";
import { TextDecoder, TextEncoder } from "./encoding.js";
import { Event, EventTarget } from "./events.js";
import { fetch } from "./fetch.js";
import { Headers } from "./headers.js";
import { Request, Response } from "./http.js";
import { clearTimer, setTimer } from "./loop.js";
import { crypto, random } from "./random.js";

type Callback = (...args: unknown[]) => void;

const globals = {
  console,
  setTimeout: (callback: Callback, delay?: number, ...args: unknown[]) => setTimer(() => callback(...args), delay, false),
  setInterval: (callback: Callback, delay?: number, ...args: unknown[]) => setTimer(() => callback(...args), delay, true),
  setImmediate: (callback: Callback, ...args: unknown[]) => setTimer(() => callback(...args), 0, false),
  clearTimeout: clearTimer,
  clearInterval: clearTimer,
  clearImmediate: clearTimer,
  structuredClone: (value: unknown) => structuredClone(value),
  fetch,
  Headers,
  Request,
  Response,
  AbortController,
  AbortSignal,
  Event,
  EventTarget,
  TextEncoder,
  TextDecoder,
  crypto,
  // for libraries that ask whether they are being developed
  process: { env: { NODE_ENV: "production" } },
};

for (const [name, value] of Object.entries(globals))
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
Object.defineProperty(Math, "random", { value: random, writable: true, configurable: true, enumerable: false });
