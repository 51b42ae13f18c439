/** Sleeps, events that are waited for and sent, and calls of other functions. */
import { NonRetriableError } from "pawl";
import { inngest, messageOf } from "./client.js";

inngest.createFunction({ id: "sleepy" }, { event: "test/sleepy" }, async ({ event, step }) => {
  const before = await step.run("before", () => 1);
  await step.sleep("nap", "200ms");
  await step.sleepUntil("moment", event.ts + 400);
  return [before, await step.run("after", () => 2)];
});

inngest.createFunction({ id: "waiter" }, { event: "test/waiter" }, async ({ step }) => {
  const approval = await step.waitForEvent("approval", {
    event: "test/approved",
    timeout: "30s",
    match: "data.order",
  });
  const nothing = await step.waitForEvent("nothing", { event: "test/never", timeout: "100ms" });
  return { by: approval?.data.by, name: approval?.name, nothing };
});

const callee = inngest.createFunction({ id: "callee", retries: 0 }, ({ event }) => {
  const { n } = event.data;
  if (n < 0) throw new NonRetriableError("n is negative");
  return n * 2;
});

inngest.createFunction({ id: "caller" }, { event: "test/caller" }, async ({ event, step }) => {
  const doubled = await step.invoke("call", { function: callee, data: { n: event.data.n } });
  const failed = await step.invoke("bad", { function: callee, data: { n: -1 } }).catch(messageOf);
  return { doubled, failed };
});

inngest.createFunction({ id: "teller" }, { event: "test/teller" }, ({ event, step }) => {
  const events = Array.from({ length: event.data.n }, (_, i) => ({ name: "test/told", data: { i } }));
  return step.sendEvent("tell", events);
});

inngest.createFunction({ id: "listener" }, { event: "test/told" }, ({ event, step }) =>
  step.run("hear", () => event.data.i),
);
