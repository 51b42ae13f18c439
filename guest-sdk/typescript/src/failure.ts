/** Whatever was thrown, as the host keeps it. */
import { NonRetriableError, RetryAfterError, StepError } from "./errors.js";
import type { Failure, Retry } from "./runtime/native.js";
import { framesOf } from "./stack.js";

/** Deeper chains of causes are cut: they may be circles. */
const CAUSES = 8;

/** A failure that is thrown as it is. */
export class Thrown extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

/** The failure that says the same as the thrown value. Takes anything and never throws. */
export function failureOf(thrown: unknown): Failure {
  try {
    if (thrown instanceof StepError) return { ...thrown.failure, retry: { tag: "no" } };
    if (thrown instanceof Thrown) return thrown.failure;
    return isError(thrown) ? ofError(thrown) : ofValue(thrown);
  } catch {
    // a getter or a proxy that throws
    return { name: "Error", message: "what was thrown cannot be shown", retry: { tag: "default" } };
  }
}

function isError(thrown: unknown): thrown is Error {
  return typeof thrown === "object" && thrown !== null && (thrown instanceof Error || "stack" in thrown);
}

function ofError(error: Error): Failure {
  const failure: Failure = { name: nameOf(error), message: messageOf(error), retry: retryOf(error) };
  const stack = stackOf(error);
  if (stack !== undefined) failure.stack = stack;
  const data = "data" in error ? jsonOf(error.data) : undefined;
  if (data !== undefined) failure.data = data;
  return failure;
}

/** A class that was given no name of its own goes by that of its constructor. */
function nameOf(error: Error): string {
  const name = error.name;
  if (typeof name === "string" && name !== "" && name !== "Error") return name;
  return error.constructor?.name || "Error";
}

/** `Promise.any` says nothing of its own: the errors of its promises do. */
function messageOf(error: Error): string {
  if (error.message || !(error instanceof AggregateError)) return String(error.message);
  return error.errors.map((inner) => failureOf(inner).message).join("; ");
}

function retryOf(error: Error): Retry {
  if (error instanceof NonRetriableError) return { tag: "no" };
  if (error instanceof RetryAfterError) {
    const { retryAfter } = error;
    const millis = retryAfter instanceof Date ? retryAfter.getTime() - Date.now() : retryAfter;
    return { tag: "after", millis: Math.max(0, Math.ceil(millis)) };
  }
  // a request that the host refused to send, as `fetch` says it: the next one would be refused as well
  if (error instanceof TypeError && "code" in error && (error.code === "denied" || error.code === "invalid")) {
    return { tag: "no" };
  }
  // of `Promise.any`: when none of its steps has tries left, the function has nothing else to try
  if (error instanceof AggregateError && error.errors.length > 0) {
    if (error.errors.every((inner) => failureOf(inner).retry.tag === "no")) return { tag: "no" };
  }
  return { tag: "default" };
}

/** The error's frames, and those of its causes below, each with its name and message. */
function stackOf(error: Error): string | undefined {
  const parts: string[] = [];
  const own = error instanceof StepError ? error.failure.stack : framesOf(error.stack, error.constructor?.name);
  if (own !== undefined) parts.push(own);
  let cause = error.cause;
  for (let depth = 0; cause !== undefined && cause !== null && depth < CAUSES; depth++) {
    const { name, message, stack } = isError(cause)
      ? {
          name: nameOf(cause),
          message: String(cause.message),
          stack: framesOf(cause.stack, cause.constructor?.name),
        }
      : { ...ofValue(cause), stack: undefined };
    parts.push(`Caused by: ${name}: ${message}`);
    if (stack !== undefined) parts.push(stack);
    cause = isError(cause) ? cause.cause : undefined;
  }
  return parts.length > 0 ? parts.join("\n") : undefined;
}

/** What is no error: a text, an object, nothing at all. */
function ofValue(thrown: unknown): Failure {
  const retry: Retry = { tag: "default" };
  if (typeof thrown === "string") return { name: "Error", message: thrown, retry };
  if (typeof thrown !== "object" || thrown === null) {
    return { name: "Error", message: `${String(thrown)} was thrown`, retry };
  }
  const text = jsonOf(thrown);
  const { name, message } = thrown as { name?: unknown; message?: unknown };
  const failure: Failure = {
    name: typeof name === "string" && name !== "" ? name : "Error",
    message: typeof message === "string" ? message : (text ?? Object.prototype.toString.call(thrown)),
    retry,
  };
  if (text !== undefined) failure.data = text;
  return failure;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
