/** What a function is called with. */
import type { EventFor, EventPayload, EventRecord } from "./events.js";
import type { Logger } from "./logger.js";
import type { StepTools } from "./tools.js";

/** What every function is called with, beside its event. */
export interface BaseContext<E extends EventRecord = EventRecord> {
  /** The steps. */
  step: StepTools<E>;
  /** Brackets around steps side by side, as Inngest has them; here every `Promise.race` is one. */
  group: GroupTools;
  runId: string;
  /** How often the function itself, outside of its steps, has failed. From 0. */
  attempt: number;
  /** Lines for the run's log, each once, however often the function is replayed. */
  logger: Logger;
}

/** What a function is called with. */
export interface Context<E extends EventRecord = EventRecord, T = undefined> extends BaseContext<E> {
  /** What started the run; the first of a batch. */
  event: EventFor<E, T>;
  /** All that started it: one, or a batch in the order in which they came. */
  events: [EventFor<E, T>, ...EventFor<E, T>[]];
}

/** A run that has failed for good: the data of the event that starts `onFailure`. */
export type Failed = {
  function_id: string;
  run_id: string;
  error: { name: string; message: string; stack?: string };
  /** What had started the run; the first of a batch. */
  event: EventPayload;
  events: EventPayload[];
};

/** What `onFailure` is called with. */
export interface FailureContext<E extends EventRecord = EventRecord> extends BaseContext<E> {
  event: EventPayload<"inngest/function.failed", Failed>;
  events: [EventPayload<"inngest/function.failed", Failed>, ...EventPayload<"inngest/function.failed", Failed>[]];
  /** What the run failed with. */
  error: Error;
}

/** See {@link FunctionOptions.onFailure}. */
export type FailureHandler<E extends EventRecord = EventRecord> = (context: FailureContext<E>) => unknown;

/** See {@link BaseContext.group}. */
export interface GroupTools {
  /** Calls the function, and gives what that gives. */
  parallel<R>(steps: () => Promise<R>): Promise<R>;
  parallel<R>(options: { mode?: "race" }, steps: () => Promise<R>): Promise<R>;
}

export const group: GroupTools = {
  parallel<R>(first: { mode?: "race" } | (() => Promise<R>), second?: () => Promise<R>): Promise<R> {
    return typeof first === "function" ? first() : second!();
  },
};
