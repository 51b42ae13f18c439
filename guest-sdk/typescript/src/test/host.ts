/**
 * A host in memory, with a clock of its own: it answers what the SDK asks as the real one does. A call that would
 * not return there throws {@link LEFT} here, and the driver calls the function again from its start.
 */
import { failureOf } from "../failure.js";
import type { Entry } from "../functions.js";
import { encode } from "../json.js";
import { millisOf } from "../duration.js";
import type { Failure, LogLevel, Native, NewEvent, Operation, Outcome, Request } from "../runtime/native.js";
import { Journal, type Result, type Step } from "./journal.js";
import type { IncomingEvent, TestOptions } from "./options.js";

/** The instance is left. */
export const LEFT = Symbol("the run waits");

/** Seconds after each failed try; the last one repeats. */
const BACKOFF = [15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200];

/** A line of the run's log. */
export type Line = { level: LogLevel; message: string; fields: Record<string, string>; step?: string };

/** An event that a step has sent. */
export type SentEvent = { id: string; name: string; data: unknown; user?: unknown; ts?: number; v?: string };

type Arrival = IncomingEvent & { at?: number };

export class Host {
  readonly journal = new Journal();
  readonly logs: Line[] = [];
  readonly sent: SentEvent[] = [];
  readonly kv: Map<string, Uint8Array<ArrayBuffer>>;
  readonly startedAt: number;
  /** Virtual time, in milliseconds since 1970. */
  clock: number;
  /** The step whose code executes. */
  executing: Step | undefined;
  readonly #options: TestOptions;
  readonly #entry: Entry;
  readonly #arrivals: Arrival[];
  readonly #event: Record<string, unknown>;
  /** Lines outside of steps: of this pass, and that have been said. */
  #lines = 0;
  #said = 0;
  #random = 1;

  constructor(
    entry: Entry,
    options: TestOptions,
    event: Record<string, unknown>,
    startedAt: number,
    kv: Host["kv"],
  ) {
    this.#entry = entry;
    this.#options = options;
    this.#event = event;
    this.#arrivals = (options.events ?? []).map((event) => ({ ...event }));
    this.startedAt = this.clock = startedAt;
    this.kv = kv;
  }

  /** The function is called from its start. */
  beginPass(): void {
    this.journal.beginPass();
    this.executing = undefined;
    this.#said = Math.max(this.#said, this.#lines);
    this.#lines = 0;
    this.#random = 1;
  }

  /** Tries in all, for a step of the function or for the function itself. */
  max(op?: Operation): number {
    const own = op && "retries" in op ? op.retries : undefined;
    return (own ?? (this.#entry.isFailure ? 1 : (this.#entry.options.retries ?? 3))) + 1;
  }

  /** When what has failed `tries` times is tried again; undefined: never. */
  nextTry(failure: Failure, tries: number, max: number): number | undefined {
    if (tries >= max || failure.retry.tag === "no") return undefined;
    if (failure.retry.tag === "default") return this.clock + BACKOFF[Math.min(tries, BACKOFF.length) - 1]! * 1_000;
    return this.clock + Math.min(Math.max(failure.retry.millis, 1_000), 86_400_000);
  }

  /** A try failed: the step is settled, or will be tried again. */
  failed(step: Step, failure: Failure): Failure | undefined {
    const next = this.nextTry(failure, step.tries, this.max(step.op));
    if (next === undefined) {
      const last: Failure = { ...failure, retry: { tag: "no" } };
      this.settle(step, { failure: last });
      return last;
    }
    step.until = next;
    return undefined;
  }

  settle(step: Step, result: Result): void {
    this.journal.settle(step, result);
    this.#came(step);
  }

  /** Whether something else than the function's code does this step. */
  isDoneElsewhere(step: Step): boolean {
    return this.#isElsewhere(step.id, step.op);
  }

  #isElsewhere(id: string, { tag }: Operation): boolean {
    if (tag === "invoke" || tag === "fetch") return true;
    return (tag === "run" || tag === "wait-for-event") && id in (this.#options.steps ?? {});
  }

  /** A step that something else than the function's code is to do now. */
  dueElsewhere(): Step | undefined {
    return this.journal.steps.find(
      (step) => !step.result && this.isDoneElsewhere(step) && step.until <= this.clock,
    );
  }

  /** Goes on to the next moment at which something happens. False: there is none. */
  advance(): boolean {
    const open = this.journal.steps.filter((step) => !step.result);
    const moments = [
      ...open.map((step) => step.until),
      ...this.#arrivals.map((arrival) => this.#arrivesAt(arrival, open)),
    ].filter((at) => at !== undefined);
    if (moments.length === 0) return false;
    this.clock = Math.max(this.clock, Math.min(...moments));
    this.#deliver();
    return true;
  }

  #arrivesAt(arrival: Arrival, open: Step[]): number | undefined {
    if (arrival.at !== undefined) return arrival.at;
    if (arrival.after !== undefined) return undefined;
    const wait = open.find((step) => this.#waitsFor(step, arrival));
    return wait && wait.began + millisOf(arrival.in ?? 0);
  }

  /** Something came of a step: events that come after it have a time now. */
  #came(step: Step): void {
    for (const arrival of this.#arrivals) {
      if (arrival.after === step.key) arrival.at ??= this.clock + millisOf(arrival.in ?? 0);
    }
  }

  #deliver(): void {
    for (const arrival of [...this.#arrivals]) {
      const open = this.journal.steps.filter((step) => !step.result);
      const at = this.#arrivesAt(arrival, open);
      if (at === undefined || at > this.clock) continue;
      this.#arrivals.splice(this.#arrivals.indexOf(arrival), 1);
      const { id = `incoming-${arrival.name}`, name, data = {}, user = null, ts = at, v = null } = arrival;
      const output = JSON.stringify({ id, name, data, user, ts, v });
      for (const step of open) if (this.#waitsFor(step, arrival)) this.settle(step, { output });
    }
  }

  #waitsFor({ op, result }: Step, event: IncomingEvent): boolean {
    if (result || op.tag !== "wait-for-event") return false;
    const { name } = event;
    const named = op.name.endsWith("*") ? name.startsWith(op.name.slice(0, -1)) : name === op.name;
    const same = /event\.([\w.]+) == async\.\1(?![\w.])/.exec(op.filter ?? "")?.[1];
    return named && (same === undefined || at(this.#event, same) === at(event, same));
  }

  #ask(requests: Request[]): [number, Outcome] {
    const [first] = requests;
    if (this.executing && first) {
      const { key } = this.executing;
      const message = `step \`${first.id}\` was asked for inside of step \`${key}\`: steps do not nest`;
      return [0, { tag: "err", val: { name: "NestedStep", message, retry: { tag: "no" } } }];
    }
    const found = this.journal.find(requests);
    const recorded = () => {
      const step = this.journal.settled.find((step) => found.some((one) => one.step === step));
      return (
        step &&
        ([found.findIndex((one) => one.step === step), outcomeOf(this.journal.answer(step))] as [number, Outcome])
      );
    };
    const known = recorded();
    if (known) return known;
    const fresh = found.filter((one) => !one.step);
    for (const { key } of fresh) this.journal.checkNew(key);
    for (const one of fresh) {
      const { id, op } = requests[found.indexOf(one)]!;
      one.step = this.journal.add(one.key, id, op, this.clock, this.#untilOf(id, op));
      if (op.tag === "send-event")
        this.settle(one.step, { output: JSON.stringify(op.events.map((e) => this.#send(e))) });
      else if (op.tag === "wait-for-event") this.#came(one.step);
    }
    for (const { step } of found) if (step && this.#isOver(step)) this.settle(step, { output: "null" });
    const now = recorded();
    if (now) return now;
    const place = found.findIndex(
      ({ step }) => step!.op.tag === "run" && !this.isDoneElsewhere(step!) && step!.until <= this.clock,
    );
    const step = found[place]?.step;
    if (!step) throw LEFT;
    step.tries++;
    this.executing = step;
    return [place, { tag: "execute", val: this.journal.steps.indexOf(step) }];
  }

  #untilOf(id: string, op: Operation): number {
    if (this.#isElsewhere(id, op)) return this.clock;
    if (op.tag === "sleep") return this.clock + op.millis;
    if (op.tag === "sleep-until") return op.at;
    if (op.tag === "wait-for-event") return this.clock + op.timeout;
    return this.clock;
  }

  /** Whether a wait has come to its end by the clock. */
  #isOver(step: Step): boolean {
    if (step.result || this.isDoneElsewhere(step)) return false;
    return ["sleep", "sleep-until", "wait-for-event"].includes(step.op.tag) && step.until <= this.clock;
  }

  #send({ name, data, user, timestamp, version, id = `sent-${this.sent.length + 1}` }: NewEvent): string {
    const event: SentEvent = { id, name, data: JSON.parse(data) };
    if (user !== undefined) event.user = JSON.parse(user);
    if (timestamp !== undefined) event.ts = timestamp;
    if (version !== undefined) event.v = version;
    this.sent.push(event);
    return id;
  }

  #end(result: Result): Failure | undefined {
    const step = this.executing!;
    this.executing = undefined;
    if ("output" in result) {
      this.settle(step, result);
      return undefined;
    }
    const failure = this.failed(step, result.failure);
    if (!failure) throw LEFT;
    return failure;
  }

  #log(level: LogLevel, message: string, fields: [string, string][]): void {
    const line: Line = { level, message, fields: Object.fromEntries(fields) };
    if (this.executing) this.logs.push({ ...line, step: this.executing.key });
    else if (++this.#lines > this.#said) this.logs.push(line);
  }

  #setting(name: string): ReturnType<Native["setting"]> {
    if (!this.executing) return { err: "settings are for steps: read them inside of step.run" };
    if (!this.#entry.options.settings?.includes(name)) {
      return { err: `setting \`${name}\` is not granted: list it in the function's \`settings\`` };
    }
    return { ok: this.#options.settings?.[name] };
  }

  /** A random number from 0 to 1: outside of steps the same sequence in every pass. */
  random(real: () => number): number {
    if (this.executing) return real();
    this.#random = (this.#random * 48_271) % 0x7fffffff;
    return this.#random / 0x7fffffff;
  }

  /** Inside of a step's code the virtual time; outside of it the run's start. */
  now(): number {
    return this.executing ? this.clock : this.startedAt;
  }

  /** As the SDK calls it. */
  native(): Native {
    return {
      open: (request) => this.#ask([request])[1],
      select: (requests) => [this.#ask(requests)],
      attemptNumber: (attempt) => this.journal.steps[attempt]!.tries - 1,
      attemptMax: (attempt) => this.max(this.journal.steps[attempt]!.op),
      attemptKey: (attempt) => `test-run:${this.journal.steps[attempt]!.key}`,
      attemptSucceed: (_, output) => this.#end({ output }),
      attemptFail: (_, failure) => this.#end({ failure })!,
      attemptDrop: () => {},
      log: (level, message, fields) => this.#log(level, message, fields),
      setting: (name) => this.#setting(name),
      now: () => this.now(),
      random: () => [0, 0].map(() => Math.floor(Math.random() * 2 ** 32)),
      pause: (millis) => {
        if (this.executing) this.clock += millis;
      },
      send: () => [],
      kvGet: (key) => this.kv.get(key)?.slice().buffer,
      kvSet: (key, value) => void this.kv.set(key, new Uint8Array(value.slice(0))),
      kvDelete: (key) => void this.kv.delete(key),
      kvExists: (key) => this.kv.has(key),
      kvKeys: () => ({ keys: [...this.kv.keys()] }),
      utf8Encode: (text) => new TextEncoder().encode(text).buffer as ArrayBuffer,
      utf8Decode: (bytes, fatal) => new TextDecoder("utf-8", { fatal }).decode(bytes),
    };
  }
}

/** The value as a result; what cannot be JSON is a failure, as it is for the step's own code. */
export function resultOf(value: unknown, step: Step): Result {
  try {
    return { output: encode(value, `the mock of step \`${step.key}\``) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function outcomeOf(result: Result): Outcome {
  return "output" in result ? { tag: "ok", val: result.output } : { tag: "err", val: result.failure };
}

function at(event: object, path: string): unknown {
  return path.split(".").reduce<any>((value, key) => value?.[key], event);
}
