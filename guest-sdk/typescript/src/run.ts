/** One pass through a function. */
import { type Context, type FailureContext, type Failed, group } from "./context.js";
import { setCurrentSteps } from "./current.js";
import { refusal } from "./errors.js";
import { type EventPayload, eventOf } from "./events.js";
import { Thrown, failureOf } from "./failure.js";
import { type Entry, allEntries } from "./functions.js";
import { encode } from "./json.js";
import { logger } from "./logger.js";
import type * as host from "./runtime/native.js";
import { Steps } from "./steps.js";
import { toolsOf } from "./tools.js";

export class Run {
  readonly steps = new Steps();
  /** What the function gives, as JSON; rejects with what it throws. */
  readonly output: Promise<string>;
  #fail!: (error: unknown) => void;

  constructor(context: host.Context) {
    setCurrentSteps(this.steps);
    this.output = new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#call(context).then(resolve, reject);
    });
  }

  /** A promise was rejected that nobody awaits: it fails the step whose code executes, or the function. */
  unhandled(reason: unknown): void {
    const failure = failureOf(reason);
    failure.message += " (a promise was rejected with this, and nobody awaited it)";
    if (!this.steps.fail(failure)) this.#fail(new Thrown(failure));
  }

  /** Nothing is left that could go on. True: a step's code is what waits, and that has failed by it. */
  stalled(): boolean {
    const message = "the step's code awaits a promise that nothing settles";
    return this.steps.fail({ name: "Stalled", message, retry: { tag: "default" } });
  }

  async #call(context: host.Context): Promise<string> {
    const entry = allEntries().find((entry) => entry.id === context.functionId);
    if (!entry) throw refusal("NoSuchFunction", `this plugin has no function \`${context.functionId}\``);
    const output = await entry.handler(this.#context(context, entry));
    return encode(output, "the function's output");
  }

  #context({ runId, attempt, events }: host.Context, entry: Entry): Context | FailureContext {
    const payloads = events.map(eventOf) as [EventPayload, ...EventPayload[]];
    const [event] = payloads;
    const context: Context = { event, events: payloads, step: toolsOf(this.steps), group, runId, attempt, logger };
    return entry.isFailure ? ({ ...context, error: errorOf(event.data) } as FailureContext) : context;
  }
}

function errorOf({ error }: Failed): Error {
  const { name, message, stack } = error;
  return Object.assign(new Error(message), { name, stack: `${name}: ${message}\n${stack ?? ""}` });
}
