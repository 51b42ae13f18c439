// An app with a function for each way of flow control, on npm's `inngest` of the major version
// that is the first argument; with `cron` as the second one there is a function by the clock.
// Serves at a free port and prints its address; ends with its standard input.
import { createServer } from "node:http";

const major = process.argv[2];
const { Inngest } = await import(`inngest${major}`);
const { createServer: serve } = await import(`inngest${major}/node`);

const client = new Inngest({ id: "flow" });
const functions = [];

function on(id, options, handler, triggers = [{ event: `flow/${id}` }]) {
  const made =
    major === "3"
      ? client.createFunction({ id, ...options }, triggers, handler)
      : client.createFunction({ id, ...options, triggers }, handler);
  functions.push(made);
}

const echo = ({ event }) => event.data;
const call = ({ event, step }) =>
  step.run("call", async () => {
    if (event.data.url) await fetch(event.data.url);
    return event.data;
  });
const rest = async ({ event, step }) => {
  await step.sleep("rest", event.data.rest ?? "1h");
  return event.data;
};
const key = "event.data.user";

on("throttled", { throttle: { limit: 1, period: "1s", key } }, echo);
on("rate-limited", { rateLimit: { limit: 1, period: "1h", key } }, echo);
on("idempotent", { idempotency: "event.data.id" }, echo);
on("debounced", { debounce: { period: "1s", timeout: "10s", key } }, echo);
on("batched", { batchEvents: { maxSize: 3, timeout: "2s", key } }, ({ events }) => events.map((e) => e.data));
on("in-turn", { concurrency: [{ limit: 1, key }] }, call);
on("prioritised", { concurrency: 1, priority: { run: "event.data.p" } }, call);
on("single-skip", { singleton: { key, mode: "skip" } }, rest);
on("single-cancel", { singleton: { key, mode: "cancel" } }, rest);
on("late-start", { concurrency: { limit: 1 }, timeouts: { start: "1s" } }, call);
on("long-run", { timeouts: { finish: "1s" } }, rest);
on(
  "cancelled",
  {
    cancelOn: [
      { event: "flow/stop", match: "data.user" },
      { event: "flow/stop-if", if: "async.data.n > event.data.n", timeout: "1h" },
    ],
  },
  rest,
);
on("filtered", {}, ({ event }) => event.name, [
  { event: "flow/filtered", if: "event.data.n > 1" },
  { event: "flow/also" },
]);
if (process.argv[3] === "cron") {
  on("timed", {}, ({ event }) => ({ name: event.name, cron: event.data.cron }), [{ cron: "@every 1s" }]);
}

const server = serve({ client, functions });
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/api/inngest`);
});
process.stdin.on("end", () => process.exit(0)).resume();
