/** The test kit: it runs functions as the host does, in virtual time. */
import { expect, test } from "vitest";
import { Inngest, NonRetriableError, RetryAfterError, kv, settings } from "../src/index.js";
import { TestRun, failing } from "../src/test/index.js";

const inngest = new Inngest({ id: "kit" });

test("steps execute their code once, and the output is JSON", async () => {
  let calls = 0;
  const fn = inngest.createFunction({ id: "plain" }, { event: "a/b" }, async ({ event, step, runId }) => {
    const greeting = await step.run("greet", () => (calls++, `hello ${event.data.name}`));
    await step.sleep("nap", "1d");
    return { greeting, at: new Date(0), name: event.name, runId };
  });
  const run = await TestRun.of(fn, { event: { data: { name: "Ann" } } });
  expect(run.output).toEqual({
    greeting: "hello Ann",
    at: "1970-01-01T00:00:00.000Z",
    name: "a/b",
    runId: "test-run",
  });
  expect(run.steps).toEqual([
    { id: "greet", kind: "run", attempts: 1, output: "hello Ann" },
    { id: "nap", kind: "sleep", attempts: 0, output: null },
  ]);
  expect([run.slept, calls, run.error]).toEqual([86_400_000, 1, undefined]);
});

test("mocks stand in the place of code: a value, a function, an error, some failures first", async () => {
  const fn = inngest.createFunction({ id: "mocked", retries: 2 }, { event: "a/b" }, async ({ step }) => {
    const never = () => {
      throw new Error("the code itself is not run");
    };
    const a = await step.run("value", never);
    const b = await step.run("function", never);
    const c = await step.run("late", never);
    const d = await step.run("bad", never).catch((error) => error.message);
    return [a, b, c, d];
  });
  const steps = {
    value: { id: "ch_1" },
    function: (attempt: { number: number }) => attempt.number,
    late: failing(2, "third time"),
    bad: new Error("x"),
  };
  const run = await TestRun.of(fn, { steps });
  expect(run.output).toEqual([{ id: "ch_1" }, 0, "third time", "x"]);
  expect(run.steps.map((step) => step.attempts)).toEqual([1, 1, 3, 3]);
  expect(run.slept).toBe((15 + 30) * 2 * 1_000);
});

test("real code is tried again as the policy says, in virtual time", async () => {
  const times: number[] = [];
  const fn = inngest.createFunction({ id: "flaky", retries: 3 }, { event: "a/b" }, ({ step }) =>
    step.run("try", ({ number, max, idempotencyKey }) => {
      times.push(Date.now());
      if (number === 0) throw new RetryAfterError("busy", "2m");
      if (number < 2) throw new Error("again");
      return { number, max, idempotencyKey };
    }),
  );
  const run = await TestRun.of(fn, { now: 0 });
  expect(run.output).toEqual({ number: 2, max: 4, idempotencyKey: "test-run:try" });
  expect(times).toEqual([0, 120_000, 150_000]);
});

test("a step that fails for good fails the run, which has its error with the stack", async () => {
  const fn = inngest.createFunction({ id: "hopeless" }, { event: "a/b" }, async ({ step }) => {
    await step.run("charge", function charge() {
      throw new NonRetriableError("the card is stolen");
    });
  });
  const { error, steps, output } = await TestRun.of(fn);
  expect(error).toMatchObject({ name: "NonRetriableError", message: "the card is stolen" });
  expect(error?.stack).toMatch(/^ {4}at (?:Object\.)?charge \(.*kit\.test\.ts:\d+:\d+\)/);
  expect([steps[0]?.attempts, output]).toEqual([1, undefined]);
});

test("the function itself is tried again with its steps as they were", async () => {
  const fn = inngest.createFunction({ id: "again", retries: 1 }, { event: "a/b" }, async ({ step, attempt }) => {
    await step.run("once", () => 1);
    if (attempt === 0) throw new Error("outside");
    return attempt;
  });
  const run = await TestRun.of(fn);
  expect([run.output, run.steps[0]?.attempts, run.slept]).toEqual([1, 1, 15_000]);
});

test("a wait gets the event that matches, and null after its timeout", async () => {
  const fn = inngest.createFunction({ id: "waiter" }, { event: "a/b" }, async ({ step }) => {
    const approval = await step.waitForEvent("approval", {
      event: "a/approved",
      timeout: "1d",
      match: "data.order",
    });
    const nothing = await step.waitForEvent("nothing", { event: "a/never", timeout: "1h" });
    return { by: approval?.data.by, nothing };
  });
  const run = await TestRun.of(fn, {
    event: { data: { order: 5 } },
    events: [
      { after: "approval", name: "a/approved", data: { order: 4, by: "eve" }, in: "1m" },
      { after: "approval", name: "a/approved", data: { order: 5, by: "ann" }, in: "2m" },
    ],
  });
  expect([run.output, run.slept]).toEqual([{ by: "ann", nothing: null }, 120_000 + 3_600_000]);
  const held = await TestRun.of(fn, {
    event: { data: { order: 5 } },
    events: [{ name: "a/approved", data: { order: 5, by: "bo" } }],
  });
  expect(held.output.by).toBe("bo");
  const mocked = await TestRun.of(fn, { steps: { approval: { data: { by: "mock" } }, nothing: null } });
  expect([mocked.output, mocked.slept]).toEqual([{ by: "mock", nothing: null }, 0]);
});

test("an invoked function runs, or is a mock that sees the data", async () => {
  const callee = inngest.createFunction({ id: "callee", retries: 0 }, ({ event }) => {
    if (event.data.n < 0) throw new NonRetriableError("n is negative");
    return event.data.n * 2;
  });
  const fn = inngest.createFunction({ id: "caller" }, { event: "a/b" }, async ({ step }) => ({
    doubled: await step.invoke("call", { function: callee, data: { n: 4 } }),
    failed: await step.invoke("bad", { function: callee, data: { n: -1 } }).catch((error) => error.message),
  }));
  const run = await TestRun.of(fn, { functions: [callee] });
  expect(run.output).toEqual({ doubled: 8, failed: "n is negative" });
  const mocked = await TestRun.of(fn, {
    steps: { call: (_: unknown, data: any) => data.n + 1, bad: new Error("no") },
  });
  expect(mocked.output).toEqual({ doubled: 5, failed: "no" });
  const unsaid = await TestRun.of(fn);
  expect(unsaid.error?.message).toContain("says nothing of function `callee`");
});

test("parallel steps, chains among them, and races come to what they come to on the host", async () => {
  const fn = inngest.createFunction({ id: "parallel" }, { event: "a/b" }, async ({ step }) => {
    const chain = async () => [await step.run("e1", () => 5), await step.run("e2", () => 6)];
    const all = await Promise.all([
      step.run("a", () => 1),
      step.sleep("c", "1h"),
      step.run("d", () => 4),
      chain(),
    ]);
    const won = await Promise.race([step.sleep("slow", "2h"), step.run("fast", () => "fast")]);
    return [all, won, await step.run("after", () => "after")];
  });
  const run = await TestRun.of(fn);
  expect(run.output).toEqual([[1, null, 4, [5, 6]], "fast", "after"]);
  expect(run.slept).toBe(3_600_000);
});

test("what is sent, logged and kept can be looked at, and each line is there once", async () => {
  const fn = inngest.createFunction(
    { id: "teller", settings: ["SHOP"] },
    { event: "a/b" },
    async ({ step, logger }) => {
      logger.info("before");
      await step.run("work", async () => {
        logger.warn("inside", { order: "o_1" });
        await kv.setJson("count", ((await kv.getJson<number>("count")) ?? 0) + 1);
        await kv.set("shop", (await settings.get("SHOP")) ?? "none");
        return kv.keys();
      });
      await step.sleep("nap", "1m");
      logger.error("after");
      return step.sendEvent("tell", [
        { name: "a/told", data: { n: 1 } },
        { id: "own", name: "a/told" },
      ]);
    },
  );
  const run = await TestRun.of(fn, { kv: { count: 4 }, settings: { SHOP: "s", OTHER: "o" } });
  expect(run.logs.map((line) => [line.level, line.message, line.step])).toEqual([
    ["info", "before", undefined],
    ["warn", "inside", "work"],
    ["error", "after", undefined],
  ]);
  expect(run.logs[1]?.fields).toEqual({ order: "o_1" });
  expect([run.kv, run.steps[0]?.output]).toEqual([{ count: 5, shop: "s" }, ["count", "shop"]]);
  expect(run.sent).toEqual([
    { id: "sent-1", name: "a/told", data: { n: 1 } },
    { id: "own", name: "a/told", data: {} },
  ]);
  expect(run.output).toEqual({ ids: ["sent-1", "own"] });
});

test("requests are answered by the test, inside of steps and as steps of their own, and nowhere else", async () => {
  const fn = inngest.createFunction({ id: "fetcher", retries: 0 }, { event: "a/b" }, async ({ step }) => {
    const inside = await step.run("get", async () => {
      const answer = await fetch("https://a.example/x", { method: "POST", body: "q" });
      return [answer.status, await answer.json()];
    });
    const durable = await step.fetch("durable", "https://a.example/y");
    const outside = await fetch("https://a.example").catch((error) => error.message);
    return [inside, durable.status, await durable.text(), outside];
  });
  const run = await TestRun.of(fn, {
    fetch: async (request) => ({ status: 201, body: { url: request.url, method: request.method } }),
  });
  const [inside, status, text, outside] = run.output;
  expect(inside).toEqual([201, { url: "https://a.example/x", method: "POST" }]);
  expect([status, JSON.parse(text)]).toEqual([201, { url: "https://a.example/y", method: "GET" }]);
  expect(outside).toContain("wrap it in step.run");
  const unsaid = await TestRun.of(fn);
  expect(unsaid.error?.message).toContain("the test has no `fetch`");
});

test("clock and chance outside of steps are the run's own, and timers take virtual time", async () => {
  const fn = inngest.createFunction({ id: "clock" }, { event: "a/b" }, async ({ step }) => {
    const first = [Date.now(), new Date().getTime(), Math.random(), crypto.randomUUID()];
    await step.run(`by ${first[2]} and ${first[3]}`, () => 0);
    await step.sleep("nap", "1h");
    const inside = await step.run("inside", async () => {
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      return Date.now();
    });
    return { first: first.slice(0, 2), outside: Date.now(), inside };
  });
  const run = await TestRun.of(fn, { now: 1_000 });
  expect(run.output).toEqual({ first: [1_000, 1_000], outside: 1_000, inside: 3_661_000 });
  expect(run.slept).toBe(3_660_000);
  expect(Date.now()).toBeGreaterThan(1_600_000_000_000);
});

test("a function that depends on more than its steps is found", async () => {
  let passes = 0;
  const fn = inngest.createFunction({ id: "odd" }, { event: "a/b" }, async ({ step }) => {
    passes++;
    await step.run(`pass ${passes}`, () => 0);
    await step.sleep("nap", "1m");
  });
  await expect(TestRun.of(fn)).rejects.toMatchObject({
    name: "Diverged",
    message: expect.stringContaining("asks for the new step `pass 2`, and has not come to step `pass 1`"),
  });
  let kinds = 0;
  const kind = inngest.createFunction({ id: "kind" }, { event: "a/b" }, async ({ step }) => {
    await (kinds++ === 0 ? step.sleep("x", "1m") : step.run("x", () => 0));
  });
  await expect(TestRun.of(kind)).rejects.toThrow("step `x` was a `sleep` before and is a `run` now");
  let ends = 0;
  const end = inngest.createFunction({ id: "end" }, { event: "a/b" }, async ({ step }) => {
    if (ends++ === 0) await step.sleep("x", "1m");
  });
  await expect(TestRun.of(end)).rejects.toThrow("the function has ended, and has not come to step `x`");
});

test("a step inside of a step, a rejection that nobody awaits, and a promise that nothing settles fail", async () => {
  const nested = inngest.createFunction({ id: "nested", retries: 0 }, { event: "a/b" }, ({ step }) =>
    step.run("a", () => step.run("b", () => 1)),
  );
  expect((await TestRun.of(nested)).error).toMatchObject({ name: "NestedStep" });
  const unheard = inngest.createFunction({ id: "unheard", retries: 0 }, { event: "a/b" }, async ({ step }) => {
    void Promise.reject(new Error("nobody heard me"));
    await step.sleep("nap", "1m");
  });
  const run = await TestRun.of(unheard);
  expect(run.error?.message).toBe("nobody heard me (a promise was rejected with this, and nobody awaited it)");
  const inside = inngest.createFunction({ id: "inside", retries: 0 }, { event: "a/b" }, ({ step }) =>
    step.run("a", () => {
      void Promise.reject(new Error("nobody heard me"));
      return 1;
    }),
  );
  expect((await TestRun.of(inside)).steps[0]?.error?.message).toContain("nobody awaited it");
  const hangs = inngest.createFunction({ id: "hangs", retries: 0 }, { event: "a/b" }, ({ step }) =>
    step.run("a", () => new Promise(() => {})),
  );
  expect((await TestRun.of(hangs, { patience: 10 })).error?.name).toBe("Stalled");
  const stalls = inngest.createFunction({ id: "stalls" }, { event: "a/b" }, () => new Promise(() => {}));
  expect((await TestRun.of(stalls, { patience: 10 })).error?.name).toBe("Stalled");
});

test("inngest.send is a step, and refused inside of one", async () => {
  const fn = inngest.createFunction({ id: "sender", retries: 0 }, { event: "a/b" }, async ({ step }) => {
    const { ids } = await inngest.send({ name: "a/told", data: { n: 1 } });
    const inside = await step.run("in", () => inngest.send({ name: "x" }).catch((error) => error.message));
    return { ids, inside };
  });
  const run = await TestRun.of(fn);
  expect(run.steps.map((step) => step.id)).toEqual(["send", "in"]);
  expect(run.sent).toHaveLength(1);
  expect(run.output.inside).toContain("use step.sendEvent");
  await expect(inngest.send({ name: "x" })).rejects.toMatchObject({ name: "SendDenied" });
});

test("key-value and settings are for steps, and settings for those who list them", async () => {
  const fn = inngest.createFunction({ id: "denied", retries: 0 }, { event: "a/b" }, async ({ step }) => {
    const name = (error: Error) => error.name;
    const outside = [await kv.get("k").catch(name), await settings.get("S").catch(name)];
    const inside = await step.run("in", async () => [
      await settings.get("S").catch(name),
      await kv.set("", "x").catch(name),
      await kv.set("k", "x".repeat(2 ** 20 + 1)).catch(name),
      await kv.getJson("text").catch(name),
      await kv.get("none"),
      await kv.exists("text"),
    ]);
    return [outside, inside];
  });
  const run = await TestRun.of(fn, { settings: { S: "1" }, kv: { text: "no JSON" } });
  expect(run.output).toEqual([
    ["KeyValueDenied", "SettingDenied"],
    ["SettingDenied", "KeyValueInvalid", "KeyValueInvalid", "KeyValueMismatch", null, true],
  ]);
});

test("a batch is all events, and onFailure gets the error and the run", async () => {
  const fn = inngest.createFunction(
    {
      id: "batch",
      batchEvents: { maxSize: 3, timeout: "1s" },
      onFailure: ({ error, event, step }) =>
        step.run("bury", () => [
          error instanceof Error,
          error.name,
          error.message,
          event.data.run_id,
          event.data.event.data,
        ]),
    },
    { event: "a/n" },
    ({ events }) => events.map((event) => event.data.n),
  );
  expect((await TestRun.of(fn, { event: [{ data: { n: 1 } }, { data: { n: 2 } }] })).output).toEqual([1, 2]);
  const failed = await TestRun.ofFailure(fn, new TypeError("goodbye"), { event: { data: { n: 1 } } });
  expect(failed.output).toEqual([true, "TypeError", "goodbye", "failed-run", { n: 1 }]);
});
