/** The scheduler: what is asked of the host, when, and in which order. */
import { expect, test } from "vitest";
import { Steps } from "../src/steps.js";
import { toolsOf } from "../src/tools.js";
import { ScriptedNative, execute, failed, flushAll, jobs, ok } from "./native.js";

function begin(...answers: ConstructorParameters<typeof ScriptedNative>) {
  const host = new ScriptedNative(...answers);
  const steps = new Steps();
  return { host, steps, step: toolsOf(steps) };
}

test("one step is opened when no job is left, and gives what is recorded", async () => {
  const { host, steps, step } = begin(ok({ n: 1 }));
  const output = step.run("a", () => "not run");
  expect(host.asked).toEqual([]);
  await flushAll(steps);
  expect(host.asked).toEqual(["open a"]);
  expect(await output).toEqual({ n: 1 });
});

test("code that is to be executed gives its output as JSON reads it back", async () => {
  const { host, steps, step } = begin(execute(7));
  const output = step.run("a", async () => ({ at: new Date(0), gone: undefined }));
  await flushAll(steps);
  expect(host.asked).toEqual(["open a", 'succeed 7 {"at":"1970-01-01T00:00:00.000Z"}', "drop 7"]);
  expect(await output).toEqual({ at: "1970-01-01T00:00:00.000Z" });
});

test("steps side by side are selected in the order of their calls, and the rest is asked again", async () => {
  const { host, steps, step } = begin([[1, ok("b")]], [[0, execute(1)]], ok("c"));
  const all = Promise.all([step.run("a", () => "a"), step.run("b", () => 0), step.sleep("c", "1s")]);
  await flushAll(steps);
  expect(host.asked).toEqual(["select a b c", "select a c", 'succeed 1 "a"', "drop 1", "open c"]);
  expect(await all).toEqual(["a", "b", undefined]);
});

test("after an answer everything that it lets go on comes before the next question", async () => {
  const { host, steps, step } = begin([[0, ok(1)]], [[0, ok(2)]], ok(3));
  const chain = async () => [await step.run("a1", () => 0), await step.run("a2", () => 0)];
  const both = Promise.all([chain(), step.run("b", () => 0)]);
  await flushAll(steps);
  expect(host.asked).toEqual(["select a1 b", "select b a2", "open a2"]);
  expect(await both).toEqual([[1, 3], 2]);
});

test("while a step's code executes nothing is asked of the host", async () => {
  const { host, steps, step } = begin([[0, execute(1)]], ok("b"));
  let finish = (_: string) => {};
  const both = Promise.all([step.run("a", () => new Promise<string>((r) => (finish = r))), step.sleep("b", 5)]);
  await flushAll(steps);
  expect(host.asked).toEqual(["select a b"]);
  expect(steps.executing()).toBe(true);
  finish("done");
  await flushAll(steps);
  expect(host.asked).toEqual(["select a b", 'succeed 1 "done"', "drop 1", "open b"]);
  expect(await both).toEqual(["done", undefined]);
});

test("a step inside of another one's code is asked at once, and the host's refusal fails that step", async () => {
  const sentence = "step `b` was asked for inside of step `a`: steps do not nest";
  const { host, steps, step } = begin(execute(1), failed("NestedStep", sentence));
  const output = step.run("a", async () => step.run("b", () => 1));
  const result = output.catch((error) => error);
  await flushAll(steps);
  expect(host.asked).toEqual(["open a", "open b", `fail 1 NestedStep: ${sentence}`, "drop 1"]);
  expect(await result).toMatchObject({ name: "NestedStep", message: sentence, stepId: "a" });
});

test("a race is over with the first answer, and its loser stays in the list", async () => {
  const { host, steps, step } = begin([[1, ok("fast")]], [[1, ok("after")]]);
  const won = Promise.race([step.sleep("slow", "1h"), step.run("fast", () => 0)]).then(async (first) => [
    first,
    await step.run("after", () => 0),
  ]);
  await jobs();
  steps.flush();
  await jobs();
  steps.flush();
  expect(host.asked).toEqual(["select slow fast", "select slow after"]);
  expect(await won).toEqual(["fast", "after"]);
});

test("a failed step rejects with the failure that the host answers", async () => {
  const { steps, step } = begin({
    tag: "err",
    val: {
      name: "CardError",
      message: "stolen",
      stack: "    at pay (a.ts:1:2)",
      data: '{"n":1}',
      retry: { tag: "no" },
    },
  });
  const error = step.run("a", () => 0).catch((e) => e);
  await flushAll(steps);
  const { name, message, stepId, data, stack } = await error;
  expect({ name, message, stepId, data }).toEqual({
    name: "CardError",
    message: "stolen",
    stepId: "a",
    data: { n: 1 },
  });
  expect(stack).toContain("at pay (a.ts:1:2)");
});

test("what cannot be JSON fails the step for good and says where it is", async () => {
  const circle: Record<string, unknown> = {};
  circle.list = [0, { me: circle }];
  for (const [value, why] of [
    [10n, "the output of step `bad` cannot be JSON: it is a BigInt"],
    [{ a: [{ b: 1n }] }, "the output of step `bad` cannot be JSON: `a[0].b` is a BigInt"],
    [circle, "the output of step `bad` cannot be JSON: `list[1].me` refers back to what holds it"],
  ] as const) {
    const { host, steps, step } = begin(execute(1));
    const result = step.run("bad", () => value).catch((e) => e);
    await flushAll(steps);
    expect(host.failures).toMatchObject([{ name: "InvalidOutput", message: why, retry: { tag: "no" } }]);
    expect((await result).name).toBe("InvalidOutput");
  }
});

test("nothing is null, and what is no number too", async () => {
  const { host, steps, step } = begin(execute(1), execute(2), execute(3));
  const run = async () => [
    await step.run("nothing", () => {}),
    await step.run("code", () => () => 1),
    await step.run("nan", () => ({ a: Number.NaN })),
  ];
  const outputs = run();
  await flushAll(steps);
  expect(await outputs).toEqual([null, null, { a: null }]);
  expect(host.asked).toContain('succeed 3 {"a":null}');
});

test("an output that the host refuses is the step's failure", async () => {
  const { host, steps, step } = begin(execute(1));
  host.refuses = { name: "InvalidOutput", message: "too large", retry: { tag: "no" } };
  const result = step.run("big", () => "x").catch((e) => e);
  await flushAll(steps);
  expect(await result).toMatchObject({ name: "InvalidOutput", message: "too large" });
});

test("a failure that comes from elsewhere ends the try in place of its code, even after it", async () => {
  const failure = { name: "E", message: "from elsewhere", retry: { tag: "default" } as const };
  for (const code of [() => new Promise(() => {}), () => "fine"]) {
    const { host, steps, step } = begin(execute(1));
    const result: Promise<any> = step.run("a", (): unknown => code()).catch((e) => e);
    await jobs();
    steps.flush();
    await jobs();
    expect(steps.fail(failure)).toBe(true);
    await flushAll(steps);
    expect(host.asked).toEqual(["open a", "fail 1 E: from elsewhere", "drop 1"]);
    expect((await result).message).toBe("from elsewhere");
    expect(steps.fail(failure)).toBe(false);
  }
});
