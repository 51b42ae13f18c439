/** What the engine calls: the description, a pass, its rejections, its failures. */
import { beforeEach, expect, test } from "vitest";
import { Inngest, NonRetriableError } from "../src/index.js";
import "../src/entry.js";
import { resetLoop } from "../src/runtime/loop.js";
import type { Context } from "../src/runtime/native.js";
import { ScriptedNative, execute, jobs, ok } from "./native.js";

const inngest = new Inngest({ id: "entry" });
inngest.createFunction(
  { id: "steps" },
  { event: "a/b" },
  async ({ event, events, step, logger, runId, attempt }) => {
    const greeting = await step.run("greet", () => `hello ${event.data.name}`);
    logger.info("greeted", { by: event.user.id });
    await step.sleep("nap", "1s");
    return { greeting, runId, attempt, events: events.length, v: event.v };
  },
);
inngest.createFunction({ id: "waits" }, { event: "a/b" }, ({ step }) =>
  step.run("a", () => new Promise(() => {})),
);
inngest.createFunction({ id: "circle" }, { event: "a/b" }, () => {
  const ring: { next?: unknown } = {};
  ring.next = ring;
  return ring;
});
inngest.createFunction({ id: "rejects" }, { event: "a/b" }, async ({ step }) => step.sleep("nap", "1s"));
inngest.createFunction({ id: "fails" }, { event: "a/b" }, () => {
  throw new NonRetriableError("no");
});

const entry = globalThis.__pawl_entry;

function context(functionId: string): Context {
  const event = { id: "e", name: "a/b", data: '{"name":"Ann"}', user: '{"id":"u"}', timestamp: 5 };
  return { functionId, runId: "r", attempt: 2, events: [event], now: 1 };
}

/** As the engine does it: jobs, then a tick, until the promise is settled or nothing is left. */
async function handle(functionId: string): Promise<unknown> {
  let end: { value: unknown } | undefined;
  entry.handle(context(functionId)).then(
    (value) => {
      end = { value };
    },
    (error) => {
      end = { value: entry.failure(error) };
    },
  );
  do await jobs();
  while (!end && entry.tick());
  return end?.value ?? "stalled";
}

beforeEach(resetLoop);

test("the functions are described in the order in which they were created", () => {
  expect(entry.describe().map((config) => config.id)).toEqual(["steps", "waits", "circle", "rejects", "fails"]);
});

test("a pass gives the output's JSON", async () => {
  const host = new ScriptedNative(execute(1), ok(null));
  const output = { greeting: "hello Ann", runId: "r", attempt: 2, events: 1 };
  expect(await handle("steps")).toBe(JSON.stringify(output));
  expect(host.asked).toEqual(["open greet", 'succeed 1 "hello Ann"', "drop 1", "open nap"]);
  expect(host.logs).toEqual(["info greeted by=u"]);
});

test("what the function throws, or gives and cannot be JSON, is its failure", async () => {
  new ScriptedNative();
  expect(await handle("fails")).toMatchObject({ name: "NonRetriableError", message: "no", retry: { tag: "no" } });
  const message = "the function's output cannot be JSON: `next` refers back to what holds it";
  expect(await handle("circle")).toMatchObject({ name: "InvalidOutput", message, retry: { tag: "no" } });
  expect(await handle("unknown")).toMatchObject({ name: "NoSuchFunction", retry: { tag: "no" } });
});

test("a step's code that awaits what nothing settles fails its try", async () => {
  const host = new ScriptedNative(execute(1));
  const message = "the step's code awaits a promise that nothing settles";
  expect(await handle("waits")).toMatchObject({ name: "Stalled", message });
  expect(host.asked).toEqual(["open a", `fail 1 Stalled: ${message}`, "drop 1"]);
});

test("a rejection that nobody awaits fails the function before anything more is asked", async () => {
  const host = new ScriptedNative();
  const failed = entry.handle(context("rejects")).catch(entry.failure);
  entry.unhandled(new RangeError("lost"));
  const message = "lost (a promise was rejected with this, and nobody awaited it)";
  expect(await failed).toMatchObject({ name: "RangeError", message, retry: { tag: "default" } });
  expect(host.asked).toEqual([]);
});
