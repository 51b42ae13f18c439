/** What steps may use of the host: requests, keys, settings. */
import { kv, settings } from "pawl";
import { inngest, messageOf } from "./client.js";

inngest.createFunction(
  { id: "fetcher", hosts: ["127.0.0.1:*"] },
  { event: "test/fetcher" },
  async ({ event, step }) => {
    const { url } = event.data;
    const inside = await step.run("get", async () => {
      const answer = await fetch(url, { headers: { "x-language": "typescript" } });
      return { status: answer.status, body: await answer.text() };
    });
    const durable = await step.fetch("durable", url);
    const outside = await fetch(url).then(() => "it was sent", messageOf);
    return { inside, durable: durable.status, outside };
  },
);

inngest.createFunction({ id: "keys" }, { event: "test/keys" }, async ({ event, step }) => {
  const { key, value } = event.data;
  const read = await step.run("set", async () => {
    await kv.set(key, value);
    return kv.get(key);
  });
  const exists = await step.run("delete", async () => {
    await kv.delete(key);
    return kv.exists(key);
  });
  return { read, exists };
});

inngest.createFunction({ id: "configured", settings: ["GREETING"] }, { event: "test/configured" }, ({ step }) =>
  step.run("read", () => settings.get("GREETING")),
);
