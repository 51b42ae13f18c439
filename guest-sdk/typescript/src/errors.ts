/** The errors of Inngest's API, and those that the SDK itself throws. */
import { type Duration, millisOf } from "./duration.js";
import type { Failure } from "./runtime/native.js";

/** What an error was caused by; as `Error` itself takes it. */
export type Cause = { cause?: unknown };

/** An error that another try would not cure: bad input, a refusal. The step, or the run, fails at once. */
export class NonRetriableError extends Error {
  constructor(message: string, options?: Cause) {
    super(message, options);
    this.name = "NonRetriableError";
  }
}

/**
 * An error whose next try comes no sooner than this: after so long, or at that moment. It counts as
 * a try like any other. The host bounds the time to between one second and one day.
 */
export class RetryAfterError extends Error {
  /** After so many milliseconds, or at that moment. */
  readonly retryAfter: number | Date;

  constructor(message: string, retryAfter: Duration | Date, options?: Cause) {
    super(message, options);
    this.name = "RetryAfterError";
    this.retryAfter = retryAfter instanceof Date ? retryAfter : millisOf(retryAfter);
  }
}

/**
 * What a step rejects with when it has failed and no tries are left: name, message, stack and data are
 * those of the error that its last try failed with. Caught, the function goes on; thrown on, the run fails.
 */
export class StepError extends Error {
  /** The step. */
  readonly stepId: string;
  /** What the error carried in its `data`. */
  readonly data: unknown;
  /** As the host keeps it. */
  readonly failure: Failure;

  constructor(stepId: string, failure: Failure) {
    super(failure.message);
    this.name = failure.name;
    this.stepId = stepId;
    this.failure = failure;
    this.data = failure.data === undefined ? undefined : JSON.parse(failure.data);
    this.stack = `${failure.name}: ${failure.message}\n${failure.stack ?? ""}`;
  }
}

/** An error of the SDK, named after what is wrong, that another try would not cure. */
export function refusal(name: string, message: string, options?: Cause): NonRetriableError {
  const error = new NonRetriableError(message, options);
  error.name = name;
  return error;
}
