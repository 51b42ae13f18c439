/** Functions that are about what starts them, and how many there are. */
import { inngest } from "./client.js";

const user = "event.data.user";

inngest.createFunction(
  {
    id: "everything",
    name: "Everything at once",
    retries: 7,
    stepTimeout: "2m",
    concurrency: [{ limit: 5 }, { limit: 1, key: user, scope: "account" }],
    throttle: { limit: 10, period: "1m", burst: 2, key: user },
    rateLimit: { limit: 100, period: "1h", key: user },
    debounce: { period: "5s", key: user, timeout: "1m" },
    priority: { run: "event.data.paid ? 120 : 0" },
    cancelOn: [{ event: "test/cancelled", if: "event.data.id == async.data.id", timeout: "1h" }],
    singleton: { mode: "skip", key: user },
    timeouts: { start: "1m", finish: "1h" },
    hosts: ["api.example.com"],
    settings: ["GREETING"],
    secrets: ["TOKEN"],
  },
  [
    { event: "test/everything", if: "event.data.n > 1" },
    { event: "test/also" },
    { cron: "TZ=Europe/Paris 0 9 * * 1-5", jitter: "30s" },
  ],
  () => null,
);

inngest.createFunction({ id: "frugal", idempotency: "event.data.id" }, { event: "test/frugal" }, () => null);

inngest.createFunction(
  { id: "gathered", batchEvents: { maxSize: 3, timeout: "1s" } },
  { event: "test/gathered" },
  async ({ events, step }) => {
    const n = await step.run("count", () => events.length);
    return { n, values: events.map((event) => event.data.i) };
  },
);

inngest.createFunction(
  {
    id: "parting",
    retries: 0,
    onFailure: ({ error, event, step }) =>
      step.run("bury", () => ({ message: error.message, run: event.data.run_id })),
  },
  { event: "test/parting" },
  () => {
    throw new Error("goodbye");
  },
);
