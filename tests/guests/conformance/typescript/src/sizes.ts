/** Texts of every kind, large outputs, many steps. */
import { inngest } from "./client.js";

inngest.createFunction({ id: "unicode" }, { event: "test/unicode" }, async ({ event, step }) => {
  const text = await step.run("größe 尺寸 🎉", () => event.data.text as string);
  return { text, bytes: new TextEncoder().encode(text).length };
});

inngest.createFunction({ id: "big" }, { event: "test/big" }, async ({ event, step }) => {
  const text = await step.run("make", () => "x".repeat(event.data.bytes));
  const length = await step.run("measure", () => text.length);
  return { length, tail: text.slice(-3) };
});

inngest.createFunction({ id: "thousand" }, { event: "test/thousand" }, async ({ event, step }) => {
  let value = 0;
  for (let i = 0; i < event.data.n; i++) value = await step.run(`step ${i}`, () => value + 1);
  return value;
});

inngest.createFunction({ id: "too-big", retries: 0 }, { event: "test/too-big" }, ({ step }) =>
  step.run("bad", () => "x".repeat(5_000_000)),
);
