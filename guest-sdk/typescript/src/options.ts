/** What can be said of a function, as Inngest writes it, and Pawl's own beside it. */
import type { Duration } from "./duration.js";
import type { EventRecord, EventType } from "./events.js";
import type { FailureHandler } from "./context.js";

/** How many runs may be at work at once; those that sleep or wait do not count. */
export type Concurrency = {
  limit: number;
  /** CEL over `event`: each of its values has a limit of its own. */
  key?: string;
  /**
   * `fn`: this function (as it is when nothing is said). `app`: all functions of the client that name the
   * same key. `env`, `account`: all functions of the host that do.
   */
  scope?: "fn" | "app" | "env" | "account";
};

/** An event that cancels the run. */
export type Cancellation = {
  event: string | EventType;
  /** Only one that has the same value there as the run's own event: `data.id`. */
  match?: string;
  /** CEL over `event`, the run's own, and `async`, the new one. */
  if?: string;
  /** Heeded for so long after the run's event. */
  timeout?: Duration;
};

/** A function's description. Keys and conditions are CEL over `event`. */
export interface FunctionOptions<E extends EventRecord = EventRecord> {
  /** Letters, digits, `-`, `_`, `.`. */
  id: string;
  /** What people see; the id when it is left out. */
  name?: string;
  /** For people; nothing is made of it. */
  description?: string;
  /** Tries after the first, for each step: 0 to 20; 3 when it is left out. */
  retries?: number;
  /** A limit, or up to two. */
  concurrency?: number | Concurrency | readonly Concurrency[];
  /** How many runs may start in a period; the others wait. */
  throttle?: { limit: number; period: Duration; burst?: number; key?: string };
  /** How many runs there may be in a period; further events make none. */
  rateLimit?: { limit: number; period: Duration; key?: string };
  /** One run for events that follow each other that closely, with the last of them. */
  debounce?: { period: Duration; timeout?: Duration; key?: string };
  /** One run for up to so many events. */
  batchEvents?: { maxSize: number; timeout: Duration; key?: string; if?: string };
  /** `run`: an expression to so many seconds ahead in the queue, -600 to 600. */
  priority?: { run?: string };
  /** Events with a value that was seen in the last 24 hours make no run. */
  idempotency?: string;
  cancelOn?: readonly Cancellation[];
  /** While a run is not over, another event makes none, or cancels it. */
  singleton?: { mode: "skip" | "cancel"; key?: string };
  /** When a run is cancelled: not started in time, or not ended that long after its start. */
  timeouts?: { start?: Duration; finish?: Duration };
  /** Runs when a run has failed for good: a function of its own, `<id>-failure`, with one retry. */
  onFailure?: FailureHandler<E>;

  /** Pawl: one try of a step; 5 minutes when it is left out. */
  stepTimeout?: Duration;
  /** Pawl: where its steps send requests: `name`, `name:port`, `name:*`, `{setting:NAME}`. */
  hosts?: readonly string[];
  /** Pawl: the settings that its steps read. */
  settings?: readonly string[];
  /** Pawl: the secrets that its requests carry. */
  secrets?: readonly string[];
}

/** What Inngest's SDK takes for its own transport: nothing here depends on it. */
const WITHOUT_MEANING = ["description", "checkpointing", "experimentalCheckpointing", "optimizeParallelism"];

const KNOWN = new Set([
  ..."id name retries concurrency throttle rateLimit debounce batchEvents priority idempotency".split(" "),
  ..."cancelOn singleton timeouts onFailure stepTimeout hosts settings secrets triggers".split(" "),
  ...WITHOUT_MEANING,
]);

/** Refuses what would silently come to nothing. */
export function checkOptions(options: FunctionOptions): void {
  if (typeof options?.id !== "string" || options.id === "") throw new TypeError("a function needs an `id`");
  for (const key of Object.keys(options)) {
    if (key === "middleware") {
      throw new TypeError(`function \`${options.id}\`: Pawl has no middleware; call the code in the function`);
    }
    if (!KNOWN.has(key)) throw new TypeError(`function \`${options.id}\`: there is no option \`${key}\``);
  }
}
