/**
 * A kit for unit tests of functions, without a host: the function runs with the real SDK over a host in
 * memory, which replays it from its start after every wait and every failed try, in virtual time.
 */
import { setCurrentSteps } from "../current.js";
import { momentOf } from "../duration.js";
import type { EventToSend } from "../events.js";
import { failureOf } from "../failure.js";
import { type Entry, type InngestFunction, entriesOf } from "../functions.js";
import { Run } from "../run.js";
import { registerSteps, resetLoop, tick } from "../runtime/loop.js";
import type { Context, Failure } from "../runtime/native.js";
import { Host, LEFT, type Line, type SentEvent, resultOf } from "./host.js";
import { type Step } from "./journal.js";
import { type Answer, type TestOptions, outcomeOf } from "./options.js";
import { World, jobs, realNow, responseOf } from "./world.js";

export { Diverged } from "./journal.js";
export type { Line, SentEvent } from "./host.js";
export { failing } from "./options.js";
export type { Answer, IncomingEvent, Mock, MockFunction, TestOptions } from "./options.js";

/** What a step or a run failed with. `data` is what the error carried. */
export type TestError = { name: string; message: string; stack?: string; data?: unknown };

/** A step of a run that has been tested. */
export type TestStep = {
  /** Its id; `id:n` for the n-th repeat. */
  id: string;
  /** `run`, `sleep`, `sleep-until`, `wait-for-event`, `invoke`, `send-event` or `fetch`. */
  kind: string;
  /** How often its code, or what stands in its place, was tried. */
  attempts: number;
  output?: any;
  error?: TestError;
};

/** As the engine says it. */
const STALLED: Failure = {
  name: "Stalled",
  message: "the function awaits a promise that nothing settles",
  retry: { tag: "no" },
};

/** Runs share the globals of the process: one at a time. */
let last: Promise<unknown> = Promise.resolve();

/** A run that has come to its end. */
export class TestRun {
  /** What the function gave, as JSON reads back. */
  readonly output: any;
  /** What the run failed with. */
  readonly error: TestError | undefined;
  /** In the order in which they began. Those without output and error were not over when the run was. */
  readonly steps: TestStep[];
  /** The virtual time that the run took, in milliseconds. */
  readonly slept: number;
  /** The events that steps have sent. */
  readonly sent: SentEvent[];
  /** The run's log, each line once. (What goes to `console` goes to the test's.) */
  readonly logs: Line[];
  /** What is in the key-value store: JSON as what it says, other texts as they are. */
  readonly kv: Record<string, any>;

  private constructor(end: { output?: string; failure?: Failure }, host: Host) {
    this.output = end.output === undefined ? undefined : JSON.parse(end.output);
    this.error = end.failure && errorOf(end.failure);
    this.steps = host.journal.steps.map(stepOf);
    this.slept = host.clock - host.startedAt;
    this.sent = host.sent;
    this.logs = host.logs;
    this.kv = Object.fromEntries([...host.kv].map(([key, value]) => [key, readable(value)]));
  }

  /**
   * Runs the function to its end. Rejects with `Diverged` when a pass comes to other steps than the one
   * before it, and when the run would wait for ever.
   */
  static async of(fn: InngestFunction<any, any>, options: TestOptions = {}): Promise<TestRun> {
    return queued(() => execute(entryOf(fn, false), options));
  }

  /** Runs the function's `onFailure`, as after a run of this event that failed with this error. */
  static async ofFailure(
    fn: InngestFunction<any, any>,
    error: unknown,
    options: TestOptions = {},
  ): Promise<TestRun> {
    const entry = entryOf(fn, false);
    const started = [options.event ?? {}]
      .flat()
      .map((event) => complete(event, entry, momentOf(options.now ?? Date.now())));
    const { name, message, stack } = failureOf(error);
    const data = {
      function_id: fn.id(),
      run_id: "failed-run",
      event: started[0],
      events: started,
      error: { name, message, stack },
    };
    return queued(() =>
      execute(entryOf(fn, true), { ...options, event: { name: "inngest/function.failed", data } }),
    );
  }

  /** For the kit itself. */
  static ended(end: { output?: string; failure?: Failure }, host: Host): TestRun {
    return new TestRun(end, host);
  }
}

function queued<T>(run: () => Promise<T>): Promise<T> {
  const next = last.then(run, run);
  last = next.catch(() => {});
  return next;
}

function entryOf(fn: InngestFunction<any, any>, isFailure: boolean): Entry {
  const entry = entriesOf(fn).find((entry) => entry.isFailure === isFailure);
  if (!entry)
    throw new TypeError(isFailure ? "the function has no onFailure" : "this is no function of createFunction");
  return entry;
}

async function execute(entry: Entry, options: TestOptions, store?: Host["kv"]): Promise<TestRun> {
  const now = momentOf(options.now ?? realNow());
  const events = [options.event ?? {}].flat().map((event) => complete(event, entry, now));
  const host = new Host(entry, options, events[0]!, now, store ?? storeOf(options.kv));
  const world = new World(host, options.fetch);
  for (let attempt = 0; ;) {
    const context: Context = {
      functionId: entry.id,
      runId: "test-run",
      attempt,
      now,
      events: events.map(({ id, name, data, user, ts, v }) => ({
        id,
        name,
        data: JSON.stringify(data),
        timestamp: ts,
        ...(user == null ? {} : { user: JSON.stringify(user) }),
        ...(v == null ? {} : { version: v }),
      })),
    };
    const end = await pass(context, host, world, options.patience ?? 1_000);
    if (end?.output !== undefined) {
      host.journal.checkEnd();
      return TestRun.ended(end, host);
    }
    if (end?.failure) {
      attempt += 1;
      const next = host.nextTry(end.failure, attempt, host.max());
      if (next === undefined) return TestRun.ended(end, host);
      host.clock = Math.max(host.clock, next);
      continue;
    }
    const due = host.dueElsewhere();
    if (due) await doElsewhere(due, host, world, options);
    else if (!host.advance()) throw new Error("the run waits for something that never comes");
  }
}

/** Calls the function from its start. Undefined: it waits. */
async function pass(
  context: Context,
  host: Host,
  world: World,
  patience: number,
): Promise<{ output?: string; failure?: Failure } | undefined> {
  let run: Run | undefined;
  let end: { output?: string; failure?: Failure } | undefined;
  host.beginPass();
  resetLoop();
  const uninstall = world.install((reason) => run?.unhandled(reason));
  try {
    run = new Run(context);
    registerSteps(run.steps);
    run.output.then(
      (output) => {
        end = { output };
      },
      (error) => {
        end = { failure: failureOf(error) };
      },
    );
    for (let since: number | undefined; ;) {
      await jobs();
      if (end) return end;
      if (tick()) {
        since = undefined;
        continue;
      }
      since ??= realNow();
      if (realNow() - since < patience) continue;
      if (!run.stalled()) return { failure: STALLED };
      since = undefined;
    }
  } catch (error) {
    if (error === LEFT) return undefined;
    throw error;
  } finally {
    uninstall();
    setCurrentSteps(undefined);
  }
}

/** A mock, an invoked function or the host's request comes to its end. */
async function doElsewhere(step: Step, host: Host, world: World, options: TestOptions): Promise<void> {
  step.tries++;
  try {
    const result = resultOf(await outcomeElsewhere(step, host, world, options), step);
    if ("failure" in result) host.failed(step, result.failure);
    else host.settle(step, result);
  } catch (error) {
    const failure = failureOf(error);
    // an invoked function has had its tries in its own run
    host.failed(step, step.op.tag === "invoke" ? { ...failure, retry: { tag: "no" } } : failure);
  }
}

async function outcomeElsewhere(step: Step, host: Host, world: World, options: TestOptions): Promise<unknown> {
  const { op, id, key, tries } = step;
  const attempt = { number: tries - 1, max: host.max(op), idempotencyKey: `test-run:${key}` };
  const data = op.tag === "invoke" ? JSON.parse(op.data) : undefined;
  const mocks = options.steps ?? {};
  const given = id in mocks ? await outcomeOf(mocks[id], attempt, data) : undefined;
  if (op.tag === "invoke") return id in mocks ? given : invoke(op.function, data, host, options);
  if (op.tag === "wait-for-event" && given !== null) {
    return {
      id: "incoming-event",
      name: op.name,
      data: {},
      user: null,
      ts: host.clock,
      v: null,
      ...(given as object),
    };
  }
  if (op.tag !== "fetch") return given;
  const { method, url, headers, body } = op;
  const request = new Request(url, { method, headers, ...(body === undefined ? {} : { body }) });
  const answer = await (id in mocks ? responseOf(given as Answer) : world.answer(request));
  return {
    status_code: answer.status,
    headers: Object.fromEntries(answer.headers),
    url,
    body: await answer.text(),
  };
}

async function invoke(id: string, data: unknown, host: Host, options: TestOptions): Promise<unknown> {
  const fn = options.functions?.find((fn) => fn.id() === id);
  if (!fn)
    throw new Error(
      `the test says nothing of function \`${id}\`: give it in \`functions\`, or a mock of the step`,
    );
  const event = { name: "inngest/function.invoked", data: data as object };
  const run = await execute(entryOf(fn, false), { ...options, event, now: host.clock }, host.kv);
  host.clock += run.slept;
  if (run.error) throw run.error;
  return run.output;
}

type Complete = Required<Pick<EventToSend, "id" | "name">> & {
  data: object;
  user?: object;
  ts: number;
  v?: string;
};

function complete({ ts, ...event }: Partial<EventToSend>, entry: Entry, now: number): Complete {
  const named = entry.triggers.find((trigger) => "event" in trigger);
  const name =
    named && "event" in named ? (typeof named.event === "string" ? named.event : named.event.name) : "test/event";
  return { id: "test-event", name, data: {}, ...event, ts: ts === undefined ? now : momentOf(ts) };
}

function storeOf(values: Record<string, unknown> = {}): Host["kv"] {
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return new Map(Object.entries(values).map(([key, value]) => [key, new TextEncoder().encode(text(value))]));
}

function readable(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function stepOf({ key, op, tries, result }: Step): TestStep {
  const step: TestStep = { id: key, kind: op.tag, attempts: tries };
  if (result && "output" in result) step.output = JSON.parse(result.output);
  if (result && "failure" in result) step.error = errorOf(result.failure);
  return step;
}

function errorOf({ name, message, stack, data }: Failure): TestError {
  const error: TestError = { name, message };
  if (stack !== undefined) error.stack = stack;
  if (data !== undefined) error.data = JSON.parse(data);
  return error;
}
