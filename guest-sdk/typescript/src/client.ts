/** The client, as Inngest's users know it: it creates functions and sends events. */
import type { Context } from "./context.js";
import { currentSteps } from "./current.js";
import { refusal } from "./errors.js";
import {
  type EventFor,
  type EventRecord,
  type EventSchemas,
  type Sendable,
  type Triggers,
  eventsToSend,
} from "./events.js";
import { type InngestFunction, register } from "./functions.js";
import type { FunctionOptions } from "./options.js";

/** A client's description. What only Inngest's own servers need is taken and not used. */
export type ClientOptions<E extends EventRecord = EventRecord> = {
  /** The app: whose limits of scope `app` its functions share. */
  id: string;
  /** The types of its events. */
  schemas?: EventSchemas<E>;
  [unused: string]: unknown;
};

/** Creates functions, all of which the host then offers, and sends events. */
export class Inngest<E extends EventRecord = EventRecord> {
  readonly id: string;

  constructor(options: ClientOptions<E>) {
    if (typeof options?.id !== "string" || options.id === "") throw new TypeError("a client needs an `id`");
    if (Array.isArray(options.middleware) && options.middleware.length > 0) {
      throw new TypeError("Pawl has no middleware; call the code in the functions");
    }
    this.id = options.id;
  }

  /** A function: what it is, what starts it, what it does. */
  createFunction<const T extends Triggers<E>, R>(
    options: FunctionOptions<E>,
    triggers: T,
    handler: (context: Context<E, T>) => R,
  ): InngestFunction<EventFor<E, T>["data"], R>;
  /** The same with the triggers among the options. Without any it can only be invoked. */
  createFunction<const T extends Triggers<E> | undefined = undefined, R = unknown>(
    options: FunctionOptions<E> & { triggers?: T },
    handler: (context: Context<E, T>) => R,
  ): InngestFunction<EventFor<E, T>["data"], R>;
  createFunction(
    options: FunctionOptions<any> & { triggers?: Triggers },
    ...rest: any[]
  ): InngestFunction<any, any> {
    const [triggers, handler] = rest.length > 1 ? rest : [options.triggers ?? [], ...rest];
    return register(this.id, options, Array.isArray(triggers) ? triggers : [triggers], handler);
  }

  /**
   * Sends events as a step of its own, called `send`: exactly once. Only in a function, outside of steps;
   * `step.sendEvent` does the same under an id of one's own.
   */
  async send(events: Sendable<E> | readonly Sendable<E>[]): Promise<{ ids: string[] }> {
    const steps = currentSteps();
    if (!steps || steps.executing()) {
      const where = steps ? "inside of a step's code" : "while the program is loaded";
      throw refusal("SendDenied", `inngest.send cannot be called ${where}: use step.sendEvent in the function`);
    }
    const ids = await steps.add({ id: "send", op: { tag: "send-event", events: eventsToSend(events) } });
    return { ids: ids as string[] };
  }
}
