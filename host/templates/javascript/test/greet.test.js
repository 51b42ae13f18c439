import { TestRun } from "pawl/test";
import { expect, test } from "vitest";
import { greet } from "../src/index.js";

test("the greeting is sent a moment after it was composed", async () => {
  const run = await TestRun.of(greet, { event: { data: { name: "Ada" } } });
  expect(run.output).toBe("Hello, Ada!");
  expect(run.slept).toBe(1_000);
  expect(run.steps.map((step) => step.id)).toEqual(["compose", "wait-a-moment", "send"]);
});
