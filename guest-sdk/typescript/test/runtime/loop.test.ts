import { describe, expect, test } from "vitest";
import { clearTimer, registerSteps, send, setTimer, stepBegins, stepEnds, tick } from "../../src/runtime/loop.js";
import { jobs, runLoop, useHost } from "./mock.js";

const host = useHost();

describe("timers", () => {
  test("fire by their time, and those of one time in the order in which they were set", async () => {
    const fired: string[] = [];
    setTimer(() => fired.push("20"), 20, false);
    setTimer(() => fired.push("10"), 10, false);
    setTimer(() => fired.push("10 again"), 10, false);
    setTimer(() => fired.push("0"), 0, false);
    await runLoop();
    expect(fired).toEqual(["0", "10", "10 again", "20"]);
  });

  test("outside of steps time goes on with the timers alone", async () => {
    const fired: string[] = [];
    setTimer(() => fired.push("day"), 86_400_000, false);
    setTimer(() => setTimer(() => fired.push("sooner"), 10, false), 5, false);
    await runLoop();
    expect(fired).toEqual(["sooner", "day"]);
    expect(host.current.pauses).toEqual([5, 10, 86_400_000 - 15]);
  });

  test("the time that passes in a step's code is its own: a replay goes without it", async () => {
    let executing = true;
    registerSteps({ executing: () => executing, flush: () => false });
    executing = false;
    setTimer(() => {}, 5_000, false);
    stepBegins();
    executing = true;
    const end = () => {
      stepEnds();
      executing = false;
    };
    setTimer(end, 10_000, false);
    await runLoop();
    expect(host.current.pauses.map((pause) => Math.round(pause / 1_000))).toEqual([10, 5]);
  });

  test("one that was taken back does not fire, by itself or by its number", async () => {
    const fired: string[] = [];
    clearTimer(setTimer(() => fired.push("a"), 1, false));
    clearTimer(Number(setTimer(() => fired.push("b"), 1, false)));
    clearTimer(undefined);
    await runLoop();
    expect(fired).toEqual([]);
  });

  test("an interval goes on until it is taken back, from inside of it too", async () => {
    let count = 0;
    const interval = setTimer(() => ++count === 3 && clearTimer(interval), 10, true);
    await runLoop();
    expect(count).toBe(3);
  });

  test("one that nothing may wait for does not keep the loop going", () => {
    setTimer(() => {}, 10, true).unref();
    expect(tick()).toBe(false);
  });

  test("what a timer throws is told as a rejection, and the loop goes on", async () => {
    const told: unknown[] = [];
    const listener = (reason: unknown) => told.push(reason);
    process.once("unhandledRejection", listener);
    setTimer(() => { throw new Error("from a timer"); }, 0, false);
    expect(tick()).toBe(true);
    await jobs();
    expect(told).toEqual([new Error("from a timer")]);
  });

  test.each([undefined, Number.NaN, -5, "x", 2 ** 40])("a delay of %s is none", (delay) => {
    setTimer(() => {}, delay, false);
    expect(tick()).toBe(true);
    expect(host.current.pauses).toEqual([]);
  });
});

describe("steps", () => {
  const steps = (executing: () => boolean, pending: string[], asked: string[]) =>
    registerSteps({
      executing,
      flush() {
        const next = pending.shift();
        if (next) asked.push(next);
        return next !== undefined;
      },
    });

  test("are asked for after requests and timers of no delay, and before other timers", async () => {
    const order: string[] = [];
    steps(() => false, ["step"], order);
    setTimer(() => order.push("later"), 1, false);
    setTimer(() => order.push("now"), 0, false);
    send({ request: { method: "GET", url: "http://a/", headers: [] }, settle: () => order.push("answer") });
    await runLoop();
    expect(order).toEqual(["answer", "now", "step", "later"]);
  });

  test("are not asked for while one executes", () => {
    const asked: string[] = [];
    steps(() => true, ["step"], asked);
    expect(tick()).toBe(false);
    expect(asked).toEqual([]);
  });

  test("are asked for although the function polls with timers of no delay", async () => {
    const asked: string[] = [];
    steps(() => false, ["step"], asked);
    const poll = () => { if (asked.length === 0) setTimer(poll, 0, false); };
    poll();
    await runLoop();
    expect(asked).toEqual(["step"]);
  });

  test("while one executes its own timers fire, and the others after it, as in a replay", async () => {
    let executing = false;
    const fired: string[] = [];
    steps(() => executing, [], []);
    setTimer(() => fired.push("outside"), 10, false);
    executing = true;
    host.current.real = true;
    setTimer(() => { fired.push("inside"); executing = false; }, 50, false);
    await runLoop();
    expect(fired).toEqual(["inside", "outside"]);
  });

  test("while one executes timers of outside fire if nothing else could go on", () => {
    let executing = false;
    const fired: string[] = [];
    steps(() => executing, [], []);
    setTimer(() => fired.push("outside"), 10, false);
    executing = true;
    expect(tick()).toBe(true);
    expect(fired).toEqual(["outside"]);
  });

  test("the time that one's code takes counts for its timers", () => {
    steps(() => true, [], []);
    setTimer(() => {}, 100, false);
    host.current.time += 60;
    tick();
    expect(host.current.pauses).toEqual([40]);
  });
});

test("with nothing to do a tick says so", () => {
  expect(tick()).toBe(false);
});

test("requests that are under way together are sent together, and answered in their order", async () => {
  const answers: unknown[] = [];
  for (const url of ["http://a/", "http://b/"])
    send({ request: { method: "GET", url, headers: [] }, settle: (result) => answers.push([url, result]) });
  await runLoop();
  expect(host.current.batches.map((batch) => batch.map(({ url }) => url))).toEqual([["http://a/", "http://b/"]]);
  expect(answers.map((answer) => (answer as [string])[0])).toEqual(["http://a/", "http://b/"]);
});
