/** Whatever is thrown becomes a failure, and stacks are those of the author. */
import { expect, test } from "vitest";
import { NonRetriableError, RetryAfterError, StepError } from "../src/index.js";
import { failureOf } from "../src/failure.js";
import { framesOf } from "../src/stack.js";

const retry = { tag: "default" };

test("an error keeps its name, its message, its data, and has a stack", () => {
  class CardError extends Error {
    data = { code: 7 };
  }
  const failure = failureOf(new CardError("stolen"));
  expect(failure).toMatchObject({ name: "CardError", message: "stolen", data: '{"code":7}', retry });
  expect(failure.stack).toMatch(/^ {4}at .*failure\.test\.ts:\d+:\d+/);
  const named = Object.assign(new TypeError("x"), { name: "Odd" });
  expect(failureOf(named).name).toBe("Odd");
});

test("the wish about the next try comes along", () => {
  expect(failureOf(new NonRetriableError("no")).retry).toEqual({ tag: "no" });
  expect(failureOf(new RetryAfterError("busy", "30s")).retry).toEqual({ tag: "after", millis: 30_000 });
  expect(failureOf(new RetryAfterError("busy", 1_500)).retry).toEqual({ tag: "after", millis: 1_500 });
  const at = failureOf(new RetryAfterError("busy", new Date(Date.now() + 60_000))).retry;
  expect(at.tag === "after" && at.millis > 50_000 && at.millis <= 60_000).toBe(true);
  expect(failureOf(new RetryAfterError("late", new Date(0))).retry).toEqual({ tag: "after", millis: 0 });
  expect(() => new RetryAfterError("busy", "a while")).toThrow("is no duration");
});

test("a request that the host refused is not sent again, and one without an answer is", () => {
  const error = (code: string) => Object.assign(new TypeError("fetch failed: no such grant"), { code });
  expect(["denied", "invalid", "network"].map((code) => failureOf(error(code)).retry.tag)).toEqual([
    "no",
    "no",
    "default",
  ]);
});

test("an error that came out of a step is handed on as it is and never tried again", () => {
  const kept = {
    name: "CardError",
    message: "stolen",
    stack: "    at pay (a.ts:1:2)",
    retry: { tag: "default" } as const,
  };
  const error = new StepError("charge", kept);
  expect(failureOf(error)).toEqual({ ...kept, retry: { tag: "no" } });
  expect(failureOf(new AggregateError([error, error])).retry).toEqual({ tag: "no" });
  expect(failureOf(new AggregateError([error, new Error("x")]))).toMatchObject({ message: "stolen; x", retry });
});

test("causes are below the stack, each with its name and message, and circles end", () => {
  const inner = new RangeError("inner");
  const failure = failureOf(new Error("outer", { cause: new NonRetriableError("middle", { cause: inner }) }));
  expect(failure.stack).toMatch(
    /at .*[\s\S]*\nCaused by: NonRetriableError: middle\n[\s\S]*\nCaused by: RangeError: inner\n/,
  );
  expect(failureOf(new Error("x", { cause: "a text" })).stack).toContain("Caused by: Error: a text");
  const circle = new Error("circle");
  circle.cause = circle;
  expect(failureOf(circle).stack?.match(/Caused by/g)).toHaveLength(8);
});

test("what is no error becomes one, whatever it is", () => {
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error("no");
      },
      has: () => {
        throw new Error("no");
      },
    },
  );
  const cases: [unknown, string, string][] = [
    ["just a text", "Error", "just a text"],
    [undefined, "Error", "undefined was thrown"],
    [null, "Error", "null was thrown"],
    [7n, "Error", "7 was thrown"],
    [Symbol("s"), "Error", "Symbol(s) was thrown"],
    [{ code: 1 }, "Error", '{"code":1}'],
    [{ name: "Odd", message: "m" }, "Odd", "m"],
    [[1], "Error", "[1]"],
    [{ n: 1n }, "Error", "[object Object]"],
    [hostile, "Error", "what was thrown cannot be shown"],
  ];
  for (const [thrown, name, message] of cases) expect(failureOf(thrown)).toMatchObject({ name, message, retry });
});

test("without a source map frames stay as they are, and those of the runtime go", () => {
  const authors = "    at pay (/app/src/a.ts:3:5)\n    at <anonymous> (/app/src/b.ts:1:1)";
  const stack = `Error: x\n${authors}\n    at map (native)\n    at <input>:1:2\n    at node:internal/x:1:2`;
  expect(framesOf(stack)).toBe("    at pay (/app/src/a.ts:3:5)\n    at /app/src/b.ts:1:1");
  const own = "    at CardError (/a.ts:1:2)\n    at pay (/a.ts:3:4)";
  expect(framesOf(own, "CardError")).toBe("    at pay (/a.ts:3:4)");
  expect(framesOf("    at map (native)")).toBeUndefined();
  expect(framesOf("Error: x")).toBeUndefined();
  expect(framesOf(undefined)).toBeUndefined();
});
