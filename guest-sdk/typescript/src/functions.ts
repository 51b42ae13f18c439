/** Functions as they were created: what the program offers to the host. */
import type { Context, FailureContext } from "./context.js";
import type { Trigger } from "./events.js";
import { type FunctionOptions, checkOptions } from "./options.js";

/** Something that the host can call by its id. */
export type Entry = {
  id: string;
  /** The client's id: whose limits of scope `app` it shares. */
  app: string;
  options: FunctionOptions;
  triggers: readonly Trigger[];
  handler: (context: Context | FailureContext) => unknown;
  /** Whether it is the `onFailure` of another one. */
  isFailure: boolean;
};

/** A function. `Data` is that of the event that starts it, `Output` what it gives. */
export class InngestFunction<Data = any, Output = any> {
  /** For the compiler only. */
  declare readonly types: { data: Data; output: Output };
  readonly opts: FunctionOptions<any>;
  readonly #app: string;

  constructor(app: string, options: FunctionOptions<any>) {
    this.opts = options;
    this.#app = app;
  }

  /** The id that was given to it. (The app's id is no part of it here.) */
  id(): string {
    return this.opts.id;
  }

  get name(): string {
    return this.opts.name ?? this.opts.id;
  }

  /** The id of its client. */
  get app(): string {
    return this.#app;
  }
}

/** A function that is elsewhere, by its id. */
export class FunctionReference<Data = any, Output = any> {
  /** For the compiler only. */
  declare readonly types: { data: Data; output: Output };
  readonly #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  id(): string {
    return this.#id;
  }
}

/**
 * A function of another plugin, to invoke it: `referenceFunction<typeof theirs>({ functionId: "theirs" })`.
 * Ids are the host's, so that `appId` is not needed.
 */
export function referenceFunction<F extends InngestFunction<any, any> = InngestFunction>(options: {
  functionId: string;
  appId?: string;
}): FunctionReference<F["types"]["data"], F["types"]["output"]> {
  return new FunctionReference(options.functionId);
}

const entries: Entry[] = [];

/** All that were created, in their order; a function's `onFailure` comes after it. */
export function allEntries(): readonly Entry[] {
  return entries;
}

/** The entries of one function. */
export function entriesOf(fn: InngestFunction): Entry[] {
  return entries.filter((entry) => entry.options === fn.opts);
}

/** Makes a function known to the host. */
export function register(
  app: string,
  options: FunctionOptions<any>,
  triggers: readonly Trigger[],
  handler: Entry["handler"],
): InngestFunction {
  checkOptions(options);
  if (typeof handler !== "function") throw new TypeError(`function \`${options.id}\` needs a handler`);
  entries.push({ id: options.id, app, options, triggers, handler, isFailure: false });
  if (options.onFailure) {
    const failed = `event.data.function_id == '${options.id}'`;
    entries.push({
      id: `${options.id}-failure`,
      app,
      options,
      triggers: [{ event: "inngest/function.failed", if: failed }],
      handler: options.onFailure as Entry["handler"],
      isFailure: true,
    });
  }
  return new InngestFunction(app, options);
}
