/** The steps that a function may take. */
import { type Duration, type Moment, millisOf, momentOf, optionalMillis } from "./duration.js";
import { refusal } from "./errors.js";
import { type EventFor, type EventRecord, type EventToSend, EventType, type Sendable, nameOf } from "./events.js";
import { eventsToSend, withoutNulls } from "./events.js";
import { FetchResponse, type StepFetchInit, fetchOperation } from "./fetched.js";
import type { InngestFunction, FunctionReference } from "./functions.js";
import { type Jsonify, encodeObject } from "./json.js";
import { type Operation, native } from "./runtime/native.js";
import type { Steps } from "./steps.js";

/** A step's id, unique within its function; the n-th repeat is a step of its own. */
export type StepId = string | { id: string; name?: string };

/** How one step differs from its function's defaults. */
export type StepOptions = {
  /** One try's time limit. */
  timeout?: Duration;
  /** Tries after the first. */
  retries?: number;
};

/** One try of a step's code. */
export type Attempt = {
  /** Which try it is. From 0. */
  number: number;
  /** How many tries the step has in all. */
  max: number;
  /** The same for every try of this step, and for no other step: for services that recognise a repeated call. */
  idempotencyKey: string;
};

/** The longest that may be waited. */
const LONGEST = 366 * 86_400_000;

/** Which event is waited for, and how long. */
export type WaitOptions<N extends string = string> = {
  /** Its name, which may end in `*`, or its type. */
  event: N | EventType<N>;
  /** 366 days, the most there is, when it is left out. */
  timeout?: Duration;
  /** Only one that has the same value there as the run's own event: `data.id`. */
  match?: string;
  /** CEL over `event`, the run's own, and `async`, the new one. */
  if?: string;
};

type Invocable = InngestFunction<any, any> | FunctionReference<any, any> | string;

/** A call of another function. */
export type InvokeOptions<F extends Invocable = Invocable> = {
  /** The function, a reference to it, or its id. */
  function: F;
  /** Has to be an object. `{}` when it is left out. */
  data?: F extends { readonly types: { data: infer D } } ? D : Record<string, unknown>;
  /** Has to be an object. */
  user?: Record<string, unknown>;
  /** 366 days when it is left out; the other run goes on after it. */
  timeout?: Duration;
};

type Output<F> = F extends { readonly types: { output: infer O } } ? Jsonify<Awaited<O>> : any;

/**
 * The steps. Each is settled once; what it gave answers every later pass of the function. A promise of a step
 * that failed for good rejects with a `StepError`.
 */
export interface StepTools<E extends EventRecord = EventRecord> {
  /** Runs the code at least once and keeps what it gives, as JSON. The code may be given inputs, or options. */
  run<R>(id: StepId, code: (attempt: Attempt) => R): Promise<Jsonify<Awaited<R>>>;
  run<R>(id: StepId, code: (attempt: Attempt) => R, options: StepOptions): Promise<Jsonify<Awaited<R>>>;
  run<A extends unknown[], R>(id: StepId, code: (...input: A) => R, ...input: A): Promise<Jsonify<Awaited<R>>>;

  /** Waits, at no cost; at most 366 days. */
  sleep(id: StepId, span: Duration): Promise<void>;
  sleep(span: Duration): Promise<void>;

  /** Waits until a moment; one that has passed is no wait. */
  sleepUntil(id: StepId, moment: Moment): Promise<void>;
  sleepUntil(moment: Moment): Promise<void>;

  /** Waits for an event that is accepted after this; null when none came in time. */
  waitForEvent<const N extends (keyof E & string) | `${string}*` | EventType>(
    id: StepId,
    options: Omit<WaitOptions, "event"> & { event: N },
  ): Promise<EventFor<E, { event: N }> | null>;

  /** Calls another function and waits for what it gives. */
  invoke<F extends Invocable>(id: StepId, options: InvokeOptions<F>): Promise<Output<F>>;

  /** Sends events, exactly once: they are stored with the step. */
  sendEvent(id: StepId, events: Sendable<E> | readonly Sendable<E>[]): Promise<{ ids: string[] }>;

  /**
   * A request that the host makes while the run holds no instance. Any status is an answer; only where there
   * was none it is tried again. Without an id the step is called `step.fetch: <host>`.
   */
  fetch(id: StepId, url: string | URL, init?: StepFetchInit): Promise<FetchResponse>;
  fetch(url: string | URL, init?: StepFetchInit): Promise<FetchResponse>;
}

/** The tools over a run's steps. */
export function toolsOf(steps: Steps): StepTools {
  return {
    async run(id: StepId, code: (...input: any[]) => unknown, ...rest: unknown[]) {
      if (typeof code !== "function") throw refusal("InvalidStep", `step \`${idOf(id)}\` needs a function`);
      const options = rest.length === 1 && isOptions(rest[0]) ? rest[0] : undefined;
      const input = options ? [] : rest;
      const run = (attempt: number) => (input.length > 0 ? code(...input) : code(attemptOf(attempt)));
      return steps.add({ id: idOf(id), op: runOperation(options) }, run) as Promise<any>;
    },

    async sleep(id: StepId | Duration, span?: Duration) {
      const [name, length] = span === undefined ? ["sleep", id as Duration] : [id as StepId, span];
      await steps.add({ id: idOf(name), op: { tag: "sleep", millis: millisOf(length) } });
    },

    async sleepUntil(id: StepId | Moment, moment?: Moment) {
      const [name, at] = moment === undefined ? ["sleepUntil", id as Moment] : [id as StepId, moment];
      await steps.add({ id: idOf(name), op: { tag: "sleep-until", at: momentOf(at) } });
    },

    async waitForEvent(id: StepId, options: WaitOptions<any>) {
      const event = await steps.add({ id: idOf(id), op: waitOperation(options) });
      return event === null ? null : (withoutNulls(event as Record<string, unknown>) as any);
    },

    async invoke(id: StepId, options: InvokeOptions<any>) {
      return steps.add({ id: idOf(id), op: invokeOperation(options) }) as Promise<any>;
    },

    async sendEvent(id: StepId, events: EventToSend | readonly EventToSend[]) {
      const ids = await steps.add({ id: idOf(id), op: { tag: "send-event", events: eventsToSend(events) } });
      return { ids: ids as string[] };
    },

    async fetch(first: StepId | URL, second?: string | URL | StepFetchInit, third?: StepFetchInit) {
      const isNamed = typeof second === "string" || second instanceof URL;
      const url = isNamed ? second : (first as string | URL);
      const op = fetchOperation(url, isNamed ? third : second);
      const id = isNamed ? idOf(first as StepId) : `step.fetch: ${hostOf(String(url))}`;
      return new FetchResponse((await steps.add({ id, op })) as ConstructorParameters<typeof FetchResponse>[0]);
    },
  };
}

function idOf(id: StepId): string {
  const text = typeof id === "object" && id !== null ? id.id : id;
  if (typeof text !== "string") throw refusal("InvalidStepId", "a step's id has to be a text");
  return text;
}

function isOptions(value: unknown): value is StepOptions {
  if (typeof value !== "object" || value === null) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => key === "timeout" || key === "retries");
}

function runOperation(options: StepOptions = {}): Operation {
  const operation: Operation = { tag: "run" };
  const timeout = optionalMillis(options.timeout);
  if (timeout !== undefined) operation.timeout = timeout;
  if (options.retries !== undefined) operation.retries = options.retries;
  return operation;
}

function attemptOf(attempt: number): Attempt {
  const host = native();
  return {
    number: host.attemptNumber(attempt),
    max: host.attemptMax(attempt),
    idempotencyKey: host.attemptKey(attempt),
  };
}

function waitOperation({ event, timeout, match, if: condition }: WaitOptions): Operation {
  const operation: Operation = {
    tag: "wait-for-event",
    name: nameOf(event),
    timeout: timeout === undefined ? LONGEST : millisOf(timeout),
  };
  const filter = pairFilter(match, condition);
  if (filter !== undefined) operation.filter = filter;
  return operation;
}

/** What both say as one condition over `event` and `async`; each in brackets, as it may hold an `||`. */
export function pairFilter(match: string | undefined, condition: string | undefined): string | undefined {
  const same = match === undefined ? undefined : `event.${match} == async.${match}`;
  if (same === undefined || condition === undefined) return same ?? condition;
  return `(${same}) && (${condition})`;
}

function invokeOperation({ function: target, data, user, timeout }: InvokeOptions<any>): Operation {
  const id = typeof target === "string" ? target : target?.id?.();
  if (typeof id !== "string")
    throw refusal("InvalidStep", "`function` has to be a function, a reference or an id");
  const operation: Operation = {
    tag: "invoke",
    function: id,
    data: encodeObject(data ?? {}, "an invocation's data"),
  };
  if (user != null) operation.user = encodeObject(user, "an invocation's user");
  if (timeout !== undefined) operation.timeout = millisOf(timeout);
  return operation;
}

/** The host of a URL, without who asks. */
function hostOf(url: string): string {
  const rest = url.slice(url.indexOf("://") + 3).split(/[/?#]/, 1)[0] ?? "";
  return rest.slice(rest.lastIndexOf("@") + 1).replace(/:\d+$/, "");
}
