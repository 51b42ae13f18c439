/** What a test says of the world around its run. */
import type { Duration } from "../duration.js";
import type { EventToSend } from "../events.js";
import type { InngestFunction } from "../functions.js";
import type { Attempt } from "../tools.js";

/**
 * What stands in the place of a step's code, of an invoked function or of the host's request: what it gives, a
 * function that gives it, or an error that it fails with on every try.
 */
export type Mock = unknown | Error | MockFunction;

/** Is called for each try; what it throws fails that one. Of an invocation it gets the data, too. */
export type MockFunction = (attempt: Attempt, data?: any) => unknown;

/** An event that comes in while the run is under way. */
export type IncomingEvent = EventToSend & {
  /**
   * The step after which it comes in: a wait that has begun, any other step that is settled. When it is left
   * out it comes as soon as a step waits for it.
   */
  after?: string;
  /** So much later. */
  in?: Duration;
};

/** An answer to a request: a `Response`, or the parts of one. A body that is no text is sent as JSON. */
export type Answer = Response | { status?: number; headers?: Record<string, string>; body?: unknown };

export type TestOptions = {
  /** What starts the run, or a batch. The name is that of the function's first event when it is left out. */
  event?: Partial<EventToSend> | Partial<EventToSend>[];
  /** By the steps' ids. A step without one does what it does: code is executed. */
  steps?: Record<string, Mock>;
  /**
   * Events for steps that wait. `match` is heeded; what a step says by `if` is taken to be true.
   */
  events?: IncomingEvent[];
  /** Functions that steps invoke; each has a run of its own, with the same options. */
  functions?: InngestFunction<any, any>[];
  /** The operator's settings; only those that the function lists can be read. */
  settings?: Record<string, string>;
  /** What is in the key-value store: texts, and anything else as JSON. */
  kv?: Record<string, unknown>;
  /** Answers the requests of steps. Without it every request fails. */
  fetch?: (request: Request) => Answer | Promise<Answer>;
  /** When the run starts; now when it is left out. */
  now?: Date | string | number;
  /** Real time, in milliseconds, for something outside (a file, a socket) to settle a promise. 1,000. */
  patience?: number;
};

/** A mock that fails so many tries first, with the error or one that says so, and then does what `then` does. */
export function failing(times: number, then: Mock, error?: Error): MockFunction {
  return (attempt, data) => {
    if (attempt.number < times) throw error ?? new Error(`try ${attempt.number + 1} fails, as the test says`);
    return outcomeOf(then, attempt, data);
  };
}

/** What a mock gives for a try; throws what it fails with. */
export function outcomeOf(mock: Mock, attempt: Attempt, data?: unknown): unknown {
  if (mock instanceof Error) throw mock;
  return typeof mock === "function" ? (mock as MockFunction)(attempt, data) : mock;
}
