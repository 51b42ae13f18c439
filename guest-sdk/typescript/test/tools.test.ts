/** Each step tool: what it asks of the host, and what it makes of the answer. */
import { expect, test } from "vitest";
import { type StepTools, eventType, referenceFunction } from "../src/index.js";
import type { Operation, Outcome } from "../src/runtime/native.js";
import { Steps } from "../src/steps.js";
import { toolsOf } from "../src/tools.js";
import { ScriptedNative, execute, flushAll, ok } from "./native.js";

/** Calls one tool; gives what was asked and what came out. */
async function call(outcome: Outcome, use: (step: StepTools) => Promise<unknown>) {
  const host = new ScriptedNative(outcome);
  const steps = new Steps();
  const result: Promise<any> = use(toolsOf(steps)).catch((error) => error);
  await flushAll(steps);
  const [request] = host.requests;
  return { id: request?.id, op: request?.op, result: await result };
}

test("run takes options, inputs, or gives its code the attempt", async () => {
  const options = await call(ok(1), (step) => step.run("a", () => 1, { timeout: "2s", retries: 0 }));
  expect(options.op).toEqual({ tag: "run", timeout: 2_000, retries: 0 });
  const input = await call(execute(1), (step) => step.run("a", (a: number, b: number) => a + b, 1, 2));
  expect([input.op, input.result]).toEqual([{ tag: "run" }, 3]);
  const object = await call(execute(1), (step) =>
    step.run("a", (o: { retries: number; n: number }) => o.n, { retries: 1, n: 5 }),
  );
  expect(object.result).toBe(5);
  const attempt = await call(execute(9), (step) => step.run({ id: "a" }, (attempt) => attempt));
  expect(attempt.result).toEqual({ number: 2, max: 4, idempotencyKey: "key-9" });
});

test("sleeps take spans, moments, and the id may be left out", async () => {
  const cases: [(step: StepTools) => Promise<unknown>, string, Operation][] = [
    [(s) => s.sleep("nap", "1h 30m"), "nap", { tag: "sleep", millis: 5_400_000 }],
    [(s) => s.sleep("nap", 1_500), "nap", { tag: "sleep", millis: 1_500 }],
    [(s) => s.sleep("nap", { total: () => 250 }), "nap", { tag: "sleep", millis: 250 }],
    [(s) => s.sleep("1m"), "sleep", { tag: "sleep", millis: 60_000 }],
    [(s) => s.sleepUntil("then", new Date(5_000)), "then", { tag: "sleep-until", at: 5_000 }],
    [(s) => s.sleepUntil("then", "2026-10-26T07:33:28Z"), "then", { tag: "sleep-until", at: 1_793_000_008_000 }],
    [(s) => s.sleepUntil("then", { epochMilliseconds: 7 }), "then", { tag: "sleep-until", at: 7 }],
    [(s) => s.sleepUntil(8), "sleepUntil", { tag: "sleep-until", at: 8 }],
  ];
  for (const [use, id, op] of cases) {
    const asked = await call(ok(null), use);
    expect([asked.id, asked.op, asked.result]).toEqual([id, op, undefined]);
  }
});

test("waiting says which event and gives it, or null", async () => {
  const event = { id: "e", name: "a/b", data: { n: 1 }, user: null, ts: 5, v: null };
  const both = await call(ok(event), (step) =>
    step.waitForEvent("w", {
      event: "a/b",
      timeout: "1d",
      match: "data.id",
      if: "async.data.n > 5 || async.data.m",
    }),
  );
  const filter = "(event.data.id == async.data.id) && (async.data.n > 5 || async.data.m)";
  expect(both.op).toEqual({ tag: "wait-for-event", name: "a/b", timeout: 86_400_000, filter });
  expect(both.result).toEqual({ id: "e", name: "a/b", data: { n: 1 }, ts: 5 });
  const none = await call(ok(null), (step) =>
    step.waitForEvent("w", { event: eventType("a/b"), match: "data.id" }),
  );
  expect(none.op).toMatchObject({
    name: "a/b",
    timeout: 366 * 86_400_000,
    filter: "event.data.id == async.data.id",
  });
  expect(none.result).toBeNull();
});

test("invoking names the function by its id and gives what that gives", async () => {
  const theirs = referenceFunction({ functionId: "theirs" });
  const asked = await call(ok(7), (step) =>
    step.invoke("c", { function: theirs, data: { n: 1 }, user: { id: "u" }, timeout: "1h" }),
  );
  const op = { tag: "invoke", function: "theirs", data: '{"n":1}', user: '{"id":"u"}', timeout: 3_600_000 };
  expect([asked.op, asked.result]).toEqual([op, 7]);
  const bare = await call(ok(null), (step) => step.invoke("c", { function: "theirs" }));
  expect(bare.op).toEqual({ tag: "invoke", function: "theirs", data: "{}" });
});

test("events are sent as they are given, one or several", async () => {
  const one = await call(ok(["x"]), (step) =>
    step.sendEvent("s", { id: "i", name: "a/b", data: { n: 1 }, user: { u: 2 }, ts: 7, v: "3" }),
  );
  const sent = { id: "i", name: "a/b", data: '{"n":1}', user: '{"u":2}', timestamp: 7, version: "3" };
  expect([one.op, one.result]).toEqual([{ tag: "send-event", events: [sent] }, { ids: ["x"] }]);
  const several = await call(ok(["x", "y"]), (step) =>
    step.sendEvent("s", [{ name: "a" }, { name: "b", data: {} }]),
  );
  expect(several.op).toEqual({
    tag: "send-event",
    events: [
      { name: "a", data: "{}" },
      { name: "b", data: "{}" },
    ],
  });
});

test("fetch leaves the request to the host and gives an answer to read", async () => {
  const answer = { status_code: 503, headers: { "X-N": "1" }, url: "https://a/", body: "[7]" };
  const named = await call(ok(answer), (step) =>
    step.fetch("rate", "https://a/b", {
      method: "post",
      headers: { X: "{secret:Y}" },
      body: "q",
      timeout: "5s",
      retries: 2,
    }),
  );
  expect([named.id, named.op]).toEqual([
    "rate",
    {
      tag: "fetch",
      method: "POST",
      url: "https://a/b",
      headers: [["X", "{secret:Y}"]],
      body: "q",
      timeout: 5_000,
      retries: 2,
    },
  ]);
  const { result } = named;
  expect([result.status, result.ok, result.headers.get("x-n"), await result.json()]).toEqual([
    503,
    false,
    "1",
    [7],
  ]);
  const bare = await call(ok({ status_code: 200, headers: {}, url: "", body_base64: "/wA=" }), (step) =>
    step.fetch("https://u:p@api.example.com:8443/x?token=1"),
  );
  expect(bare.id).toBe("step.fetch: api.example.com");
  expect([...new Uint8Array(await bare.result.arrayBuffer())]).toEqual([255, 0]);
  await expect(bare.result.json()).rejects.toMatchObject({ name: "HttpUnexpectedBody" });
});

test("what cannot be asked for rejects for good, and the host hears nothing of it", async () => {
  const cases: [(step: StepTools) => Promise<unknown>, string][] = [
    [(s) => s.sleep("nap", "a while"), "InvalidDuration"],
    [(s) => s.sleep("nap", "10"), "InvalidDuration"],
    [(s) => s.sleep("nap", -1), "InvalidDuration"],
    [(s) => s.sleepUntil("then", "soon"), "InvalidTime"],
    [(s) => s.waitForEvent("w", { event: "a", timeout: new Date() as never }), "InvalidDuration"],
    [(s) => s.invoke("c", { function: "f", data: [] as never }), "InvalidData"],
    [(s) => s.invoke("c", { function: {} as never }), "InvalidStep"],
    [(s) => s.sendEvent("s", { name: "a", data: 7 }), "InvalidData"],
    [(s) => s.run("a", 7 as never), "InvalidStep"],
    [(s) => s.run(undefined as never, () => 1), "InvalidStepId"],
    [(s) => s.fetch("https://a", { body: new Uint8Array(1) as never }), "HttpInvalid"],
  ];
  for (const [use, name] of cases) {
    const host = new ScriptedNative();
    const steps = new Steps();
    await expect(use(toolsOf(steps))).rejects.toMatchObject({ name });
    expect([steps.flush(), host.asked]).toEqual([false, []]);
  }
});
