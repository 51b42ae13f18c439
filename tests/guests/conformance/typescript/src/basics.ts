/** Steps, logs, clock and randomness. */
import { inngest } from "./client.js";

inngest.createFunction({ id: "plain" }, { event: "test/plain" }, async ({ event, step, runId, attempt }) => {
  const greeting = await step.run("greet", () => `hello ${event.data.name}`);
  const { length } = await step.run("measure", () => ({ length: [...greeting].length }));
  return { greeting, length, run: runId, function: "plain", event: event.name, id: event.id, attempt };
});

inngest.createFunction({ id: "loop" }, { event: "test/loop" }, async ({ step }) => {
  const outputs: number[] = [];
  for (let i = 0; i < 3; i++) outputs.push(await step.run("same", () => i));
  return outputs;
});

inngest.createFunction({ id: "logger" }, { event: "test/logger" }, async ({ step, logger }) => {
  logger.info("before");
  await step.run("work", () => {
    logger.warn("inside", { order: "o_1" });
    console.log("printed");
    return 1;
  });
  await step.sleep("nap", 50);
  logger.error("after");
});

inngest.createFunction({ id: "clock" }, { event: "test/clock" }, async ({ step }) => {
  const outside = [Date.now(), Math.random()];
  await step.sleep("nap", 50);
  const again = [Date.now(), Math.random()];
  const inside = await step.run("inside", () => Date.now());
  return { outside, again, inside };
});
