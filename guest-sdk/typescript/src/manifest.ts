/** Functions as the host reads them. */
import { millisOf, optionalMillis } from "./duration.js";
import { type Trigger, nameOf } from "./events.js";
import type { Entry } from "./functions.js";
import type { Cancellation, Concurrency, FunctionOptions } from "./options.js";
import type * as host from "./runtime/native.js";
import { pairFilter } from "./tools.js";

/** The scopes as the host knows them. One host is one environment. */
const SCOPES = { fn: "function", app: "app", env: "account", account: "account" } as const;

/** All of them. Throws when two have the same id, or when something in one cannot be read. */
export function configsOf(entries: readonly Entry[]): host.Config[] {
  if (entries.length === 0) throw new Error("the program creates no functions");
  const ids = new Set<string>();
  return entries.map((entry) => {
    if (ids.has(entry.id)) throw new Error(`there are two functions \`${entry.id}\``);
    ids.add(entry.id);
    try {
      return entry.isFailure ? failureConfig(entry) : config(entry);
    } catch (error) {
      throw new Error(`function \`${entry.id}\`: ${(error as Error).message}`, { cause: error });
    }
  });
}

function config({ id, app, options, triggers }: Entry): host.Config {
  return present({
    id,
    name: options.name,
    app,
    triggers: triggers.map(trigger),
    retries: options.retries,
    flow: flow(options),
    stepTimeout: optionalMillis(options.stepTimeout),
    capabilities: capabilities(options),
  });
}

/** An `onFailure` shares what its function may do, and none of its limits. */
function failureConfig({ id, app, options, triggers }: Entry): host.Config {
  return present({
    id,
    name: `${options.name ?? options.id} (failure)`,
    app,
    triggers: triggers.map(trigger),
    retries: 1,
    flow: { concurrency: [], cancelOn: [], timeouts: {} },
    stepTimeout: optionalMillis(options.stepTimeout),
    capabilities: capabilities(options),
  });
}

function trigger(one: Trigger): host.Trigger {
  if ("cron" in one) {
    return present({ tag: "cron" as const, schedule: one.cron, jitter: optionalMillis(one.jitter) });
  }
  if (!("event" in one)) throw new Error("a trigger has an `event` or a `cron`");
  return present({ tag: "event" as const, name: nameOf(one.event), filter: one.if });
}

function flow(options: FunctionOptions): host.Flow {
  const { throttle, rateLimit, debounce, batchEvents, singleton, timeouts = {} } = options;
  return present({
    concurrency: concurrency(options.concurrency),
    throttle:
      throttle &&
      present({
        limit: throttle.limit,
        period: millisOf(throttle.period),
        burst: throttle.burst,
        key: throttle.key,
      }),
    rateLimit:
      rateLimit && present({ limit: rateLimit.limit, period: millisOf(rateLimit.period), key: rateLimit.key }),
    debounce:
      debounce &&
      present({ period: millisOf(debounce.period), timeout: optionalMillis(debounce.timeout), key: debounce.key }),
    batch:
      batchEvents &&
      present({
        maxSize: batchEvents.maxSize,
        timeout: millisOf(batchEvents.timeout),
        key: batchEvents.key,
        filter: batchEvents.if,
      }),
    priority: options.priority?.run,
    idempotency: options.idempotency,
    cancelOn: (options.cancelOn ?? []).map(cancelOn),
    singleton: singleton && present({ key: singleton.key, mode: singleton.mode }),
    timeouts: present({ start: optionalMillis(timeouts.start), finish: optionalMillis(timeouts.finish) }),
  });
}

function concurrency(limits: FunctionOptions["concurrency"]): host.Concurrency[] {
  if (limits === undefined) return [];
  const list: readonly Concurrency[] =
    typeof limits === "number" ? [{ limit: limits }] : "limit" in limits ? [limits] : limits;
  return list.map(({ limit, key, scope = "fn" }) => {
    const known = SCOPES[scope];
    if (known === undefined) throw new Error(`concurrency: there is no scope \`${scope}\``);
    return present({ limit, key, scope: known });
  });
}

function cancelOn({ event, match, if: condition, timeout }: Cancellation): host.CancelOn {
  const filter = pairFilter(match, condition);
  return present({ event: nameOf(event), filter, timeout: optionalMillis(timeout) });
}

function capabilities({ hosts = [], settings = [], secrets = [] }: FunctionOptions): host.Capabilities {
  return { hosts: [...hosts], settings: [...settings], secrets: [...secrets] };
}

type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same without what is undefined. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
