/** What only JavaScript can do wrong. */
import { inngest } from "./client.js";

/** A function of one step, `bad`, that is tried once. */
function bad(id: string, code: () => unknown): void {
  inngest.createFunction({ id, retries: 0 }, { event: `test/${id}` }, ({ step }) => step.run("bad", code));
}

function circle(): unknown {
  const ring: { next?: unknown } = {};
  ring.next = ring;
  return ring;
}

bad("not-json", circle);
bad("circular", circle);
bad("bigint", () => 10n);
bad("nan", () => ({ a: Number.NaN }));
bad("hangs", () => new Promise(() => {}));
bad("throws-text", () => {
  throw "just a text";
});
bad("throws-nothing", () => {
  throw undefined;
});

inngest.createFunction({ id: "unheard", retries: 0 }, { event: "test/unheard" }, async ({ step }) => {
  await step.run("ok", () => 1);
  void Promise.reject(new Error("nobody heard me"));
  await step.sleep("nap", 50);
});
