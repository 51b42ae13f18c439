/**
 * What the engine (`engine/*.c`) gives to JavaScript as `globalThis.__pawl`, and what it
 * expects of the program as `globalThis.__pawl_entry`. The records are those of
 * `wit/workflow.wit` in camelCase: options are absent, u64 are numbers, enums are their text,
 * variants are objects with a `tag`. Times are milliseconds.
 *
 * Any call may not return: the host drops the instance when the run has to wait. An argument
 * of the wrong shape is a TypeError that names the field.
 */

export interface Native {
  /** One step; blocks. */
  open(request: Request): Outcome;
  /** Several steps; answers those that settled or are to be executed, each with its place in the list. */
  select(requests: Request[]): [number, Outcome][];

  /** The attempt's number, from 0. */
  attemptNumber(attempt: number): number;
  /** How many tries the step has in all. */
  attemptMax(attempt: number): number;
  /** The same for every try of the step. */
  attemptKey(attempt: number): string;
  /** Takes the output's JSON; gives nothing once it is kept, or the failure to raise in the function. */
  attemptSucceed(attempt: number, output: string): Failure | undefined;
  /** Returns only when no tries are left: the failure to raise in the function. */
  attemptFail(attempt: number, failure: Failure): Failure;
  /** Gives the handle back, after succeed or fail. */
  attemptDrop(attempt: number): void;

  /** One line for the run's log. */
  log(level: LogLevel, message: string, fields: [string, string][]): void;

  /** Requests that are sent side by side; blocks until each has its answer, redirects unfollowed. */
  send(requests: HttpRequest[]): HttpResult[];
  /** A setting: absent when it is not set, an error when it is not granted. */
  setting(name: string): { ok: string | undefined } | { err: string };

  /** Unix time: inside a step's code the real one, outside of it when the run was started. */
  now(): number;
  /** Two random integers of 32 bits: outside of a step's code a sequence that the run's id seeds. */
  random(): number[];
  /** Waits; outside of a step's code it returns at once. */
  pause(millis: number): void;

  /* The key-value store. Each throws an Error with the host's reason. */
  kvGet(key: string): ArrayBuffer | undefined;
  kvSet(key: string, value: ArrayBuffer): void;
  kvDelete(key: string): void;
  kvExists(key: string): boolean;
  /** A page of the keys; `cursor` is there when more follow. */
  kvKeys(cursor?: bigint | number): { keys: string[]; cursor?: number };

  /** Lone surrogates become U+FFFD. */
  utf8Encode(text: string): ArrayBuffer;
  /** Bytes that are no UTF-8 become U+FFFD, or a TypeError when `fatal`. */
  utf8Decode(bytes: ArrayBuffer, fatal: boolean): string;
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

export type Request = { id: string; op: Operation };

export type Operation =
  | { tag: "run"; timeout?: number; retries?: number }
  | { tag: "sleep"; millis: number }
  | { tag: "sleep-until"; at: number }
  | { tag: "wait-for-event"; name: string; timeout: number; filter?: string }
  | { tag: "invoke"; function: string; data: string; user?: string; timeout?: number }
  | { tag: "send-event"; events: NewEvent[] }
  | {
      tag: "fetch";
      method: string;
      url: string;
      headers: [string, string][];
      body?: string;
      timeout?: number;
      retries?: number;
    };

/** `data` and `user` are JSON texts. */
export type NewEvent = {
  id?: string;
  name: string;
  data: string;
  user?: string;
  timestamp?: number;
  version?: string;
};

/** `ok`: the outcome's JSON. `execute`: the handle of the attempt to make now. */
export type Outcome =
  | { tag: "ok"; val: string }
  | { tag: "err"; val: Failure }
  | { tag: "execute"; val: number };

export type Retry = { tag: "default" } | { tag: "no" } | { tag: "after"; millis: number };

/** `data` is a JSON text. */
export type Failure = { name: string; message: string; stack?: string; data?: string; retry: Retry };

export type HttpRequest = {
  method: string;
  url: string;
  headers: [string, string][];
  body?: ArrayBuffer;
  timeout?: number;
};

export type HttpResponse = { status: number; headers: [string, string][]; body: ArrayBuffer };

export type HttpError = { tag: "denied" | "invalid" | "network"; message: string };

export type HttpResult = { ok: HttpResponse } | { err: HttpError };

/** What the program offers to the engine. */
export interface Entry {
  /** The functions of this plugin. An error ends it, with its message as the reason. */
  describe(): Config[];
  /** One pass of a run; the promise gives the output's JSON. */
  handle(context: Context): Promise<string>;
  /** Called when no job is left and the promise of `handle` is not settled: does the next
   * thing that can settle it. False: there is none. */
  tick(): boolean;
  /** A promise was rejected, and nobody has taken it by the time that no job is left. */
  unhandled(reason: unknown): void;
  /** Whatever was thrown, as the host takes it. */
  failure(error: unknown): Failure;
}

export type Event = {
  id: string;
  name: string;
  data: string;
  user?: string;
  timestamp: number;
  version?: string;
};

export type Context = {
  functionId: string;
  runId: string;
  attempt: number;
  events: Event[];
  now: number;
};

export type Trigger =
  | { tag: "event"; name: string; filter?: string }
  | { tag: "cron"; schedule: string; jitter?: number };

export type Concurrency = { limit: number; key?: string; scope: "function" | "app" | "account" };
export type Throttle = { limit: number; period: number; burst?: number; key?: string };
export type RateLimit = { limit: number; period: number; key?: string };
export type Debounce = { period: number; timeout?: number; key?: string };
export type Batch = { maxSize: number; timeout: number; key?: string; filter?: string };
export type CancelOn = { event: string; filter?: string; timeout?: number };
export type Singleton = { key?: string; mode: "skip" | "cancel" };
export type Timeouts = { start?: number; finish?: number };

export type Flow = {
  concurrency: Concurrency[];
  throttle?: Throttle;
  rateLimit?: RateLimit;
  debounce?: Debounce;
  batch?: Batch;
  priority?: string;
  idempotency?: string;
  cancelOn: CancelOn[];
  singleton?: Singleton;
  timeouts: Timeouts;
};

export type Capabilities = { hosts: string[]; settings: string[]; secrets: string[] };

export type Config = {
  id: string;
  name?: string;
  app?: string;
  triggers: Trigger[];
  retries?: number;
  flow: Flow;
  stepTimeout?: number;
  capabilities: Capabilities;
};

declare global {
  // `var`, as only that makes a property of globalThis.
  var __pawl: Native;
  var __pawl_entry: Entry;
}

/** The engine's object. A function, so that tests can put another one in its place. */
export function native(): Native {
  return globalThis.__pawl;
}
