// An app as a user of Inngest writes it, on npm's `inngest` of the major version that is the first
// argument. Serves at a free port and prints its address; ends with its standard input.
import { createServer } from "node:http";

const major = process.argv[2];
const { Inngest, NonRetriableError, RetryAfterError, referenceFunction } = await import(`inngest${major}`);
const { createServer: serve } = await import(`inngest${major}/node`);

const client = new Inngest({ id: "shop", checkpointing: process.argv[3] === "checkpointing" });
const functions = [];
const counts = {};
const count = (key) => (counts[key] = (counts[key] ?? 0) + 1);

// the one difference between the versions: where triggers stand
function on(trigger, options, handler) {
  const made =
    major === "3"
      ? client.createFunction(options, trigger, handler)
      : client.createFunction({ ...options, triggers: [trigger].flat() }, handler);
  functions.push(made);
  return made;
}

on({ event: "shop/plain" }, { id: "plain", name: "Plain" }, async ({ event, step, runId, attempt }) => {
  const passes = count(`${runId}-passes`);
  const a = await step.run("a", () => `${event.data.word}-a${count(runId)}`);
  const b = await step.run("b", async () => ({ from: a, n: 1.5, none: null }));
  return { b, user: event.user?.id, attempt, calls: counts[runId], passes };
});

on({ event: "shop/loop" }, { id: "loop" }, async ({ step }) => {
  const all = [];
  for (let n = 0; n < 3; n++) all.push(await step.run("again", () => n * 10));
  return all;
});

on({ event: "shop/nap" }, { id: "nap" }, async ({ step }) => {
  await step.sleep("short", "1s");
  await step.sleepUntil("until", new Date(Date.now() + 500));
  return "rested";
});

on({ event: "shop/wait" }, { id: "wait" }, async ({ step }) => {
  const came = await step.waitForEvent("payment", {
    event: "shop/paid",
    timeout: "1m",
    if: "event.data.order == async.data.order",
  });
  const none = await step.waitForEvent("never", { event: "shop/never", timeout: "1s" });
  return { name: came.name, data: came.data, none };
});

on({ event: "shop/parallel" }, { id: "parallel" }, async ({ step }) => {
  const all = await Promise.all([
    step.run("p1", () => 1),
    step.run("p2", () => 2),
    step.sleep("nap", "1s").then(() => "slept"),
    step.run("p1", () => 3),
  ]);
  return [all, await step.run("after", () => "after")];
});

on({ event: "shop/race" }, { id: "race" }, async ({ step }) => {
  return await Promise.race([
    step.run("quick", () => "quick"),
    step.sleep("slow", "30s").then(() => "slow"),
  ]);
});

on({ event: "shop/flaky" }, { id: "flaky", retries: 3 }, async ({ step, runId }) => {
  const first = await step.run("first", () => "kept");
  const n = await step.run("flaky", () => {
    const n = count(`${runId}-flaky`);
    if (n < 3) throw new Error(`try ${n}`);
    return n;
  });
  return { first, n };
});

on({ event: "shop/later" }, { id: "later", retries: 1 }, async ({ step, runId }) =>
  step.run("later", () => {
    if (count(`${runId}-later`) === 1) throw new RetryAfterError("not yet", "2s");
    return "now";
  }),
);

on({ event: "shop/outside" }, { id: "outside", retries: 2 }, async ({ step, attempt, runId }) => {
  const kept = await step.run("kept", () => count(`${runId}-kept`));
  if (attempt < 2) throw new Error(`function try ${attempt}`);
  return { kept, attempt };
});

on(
  { event: "shop/fatal" },
  {
    id: "fatal",
    retries: 3,
    onFailure: async ({ event, error, step }) => {
      await step.run("tell", () => `${event.data.function_id}: ${error.message}`);
    },
  },
  async ({ step }) => {
    await step.run("boom", () => {
      throw new NonRetriableError("never again");
    });
  },
);

on({ event: "shop/caught" }, { id: "caught", retries: 0 }, async ({ step }) => {
  try {
    await step.run("boom", () => {
      throw new Error("caught me");
    });
  } catch (error) {
    return await step.run("mend", () => `mended: ${error.message}`);
  }
});

const callee = on({ event: "shop/callee" }, { id: "callee" }, async ({ event, step }) =>
  step.run("twice", () => event.data.n * 2),
);

on({ event: "shop/caller" }, { id: "caller" }, async ({ event, step }) => {
  const twice = await step.invoke("call", { function: callee, data: { n: 21 } });
  let sandboxed = null;
  if (event.data.wasm) {
    // the SDK puts the app's name before a function's id
    const there = referenceFunction({ appId: event.data.app, functionId: event.data.wasm });
    sandboxed = await step.invoke("sandbox", { function: there, data: event.data.input });
  }
  return { twice, sandboxed };
});

on({ event: "shop/send" }, { id: "send" }, async ({ step }) => {
  const { ids } = await step.sendEvent("tell", [
    { name: "shop/told", data: { n: 1 } },
    { name: "shop/told", data: { n: 2 } },
  ]);
  return ids;
});

if (major !== "3") {
  on({ event: "shop/fetch" }, { id: "fetch" }, async ({ event, step }) => {
    const answer = await step.fetch(event.data.url, { method: "POST", body: "hello" });
    return { status: answer.status, text: await answer.text() };
  });
}

on({ event: "shop/large" }, { id: "large" }, async ({ step }) => {
  const sizes = [];
  for (let n = 0; n < 3; n++) {
    sizes.push((await step.run(`large-${n}`, () => String(n).repeat(2_000_000))).length);
  }
  return sizes;
});

on({ event: "shop/signal" }, { id: "signal" }, async ({ event, step }) => {
  const { signal, timeout, onConflict } = event.data;
  try {
    return await step.waitForSignal("signal", { signal, timeout: timeout ?? "1m", onConflict });
  } catch (error) {
    return { refused: error.message };
  }
});

on({ event: "shop/signaller" }, { id: "signaller" }, async ({ event, step }) =>
  step.sendSignal("send", { signal: event.data.signal, data: event.data.data }),
);

// no model has this key
const apiKey = "sk-0123456789abcdef0123456789abcdef";

on({ event: "shop/infer" }, { id: "infer", retries: 2 }, async ({ event, step }) => {
  const { vendor, url } = event.data;
  const more = vendor === "anthropic" ? { defaultParameters: { max_tokens: 9 } } : {};
  const model = step.ai.models[vendor]({ model: "parrot", apiKey, baseUrl: url, ...more });
  return await step.ai.infer("ask", { model, body: { messages: [{ role: "user", content: "hi" }] } });
});

on({ event: "shop/wrap" }, { id: "wrap" }, async ({ step }) =>
  step.ai.wrap("wrap", async (a, b) => ({ sum: a + b }), 20, 22),
);

const server = serve({ client, functions });
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/api/inngest`);
});
process.stdin.on("end", () => process.exit(0)).resume();
