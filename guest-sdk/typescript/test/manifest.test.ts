/** What `createFunction` is told, as the host reads it. */
import { beforeEach, expect, test, vi } from "vitest";

beforeEach(() => vi.resetModules());

async function sdk() {
  const { configsOf } = await import("../src/manifest.js");
  const { allEntries } = await import("../src/functions.js");
  const api = await import("../src/index.js");
  const client = new api.Inngest({ id: "shop" });
  return { ...api, client, describe: () => configsOf(allEntries()) };
}

const nothing = {
  flow: { concurrency: [], cancelOn: [], timeouts: {} },
  capabilities: { hosts: [], settings: [], secrets: [] },
};

test("what is left out is absent", async () => {
  const { client, describe } = await sdk();
  client.createFunction({ id: "f" }, { event: "a/b" }, () => 1);
  expect(describe()).toEqual([{ id: "f", app: "shop", triggers: [{ tag: "event", name: "a/b" }], ...nothing }]);
});

test("triggers stand after the options or among them, alone or in a list, or are not there", async () => {
  const { client, cron, describe, eventType } = await sdk();
  const handler = () => null;
  client.createFunction(
    { id: "a" },
    [
      { event: "a/b", if: "event.data.n > 1" },
      { cron: "@daily", jitter: "30s" },
    ],
    handler,
  );
  client.createFunction({ id: "b", triggers: [{ event: "a/*" }, cron("TZ=Europe/Paris 0 9 * * 1-5")] }, handler);
  client.createFunction({ id: "c", triggers: eventType("a/c") }, handler);
  client.createFunction({ id: "d" }, handler);
  expect(describe().map((config) => config.triggers)).toEqual([
    [
      { tag: "event", name: "a/b", filter: "event.data.n > 1" },
      { tag: "cron", schedule: "@daily", jitter: 30_000 },
    ],
    [
      { tag: "event", name: "a/*" },
      { tag: "cron", schedule: "TZ=Europe/Paris 0 9 * * 1-5" },
    ],
    [{ tag: "event", name: "a/c" }],
    [],
  ]);
});

test("every option comes to the host", async () => {
  const { client, describe } = await sdk();
  const key = "event.data.user";
  client.createFunction(
    {
      id: "all",
      name: "All of it",
      description: "for people",
      retries: 7,
      stepTimeout: "2m",
      concurrency: [{ limit: 5 }, { limit: 1, key, scope: "account" }],
      throttle: { limit: 10, period: "1m", burst: 2, key },
      rateLimit: { limit: 100, period: "1h", key },
      debounce: { period: "5s", key, timeout: "1m" },
      batchEvents: { maxSize: 3, timeout: "1s", key, if: "event.data.small" },
      priority: { run: "event.data.paid ? 120 : 0" },
      idempotency: "event.data.id",
      cancelOn: [
        { event: "a/gone", match: "data.id", timeout: "1h" },
        { event: "a/x", if: "async.data.sure" },
      ],
      singleton: { mode: "skip", key },
      timeouts: { start: "1m", finish: "1h" },
      hosts: ["api.example.com"],
      settings: ["GREETING"],
      secrets: ["TOKEN"],
    },
    { event: "a/b" },
    () => null,
  );
  expect(describe()).toEqual([
    {
      id: "all",
      name: "All of it",
      app: "shop",
      triggers: [{ tag: "event", name: "a/b" }],
      retries: 7,
      stepTimeout: 120_000,
      flow: {
        concurrency: [
          { limit: 5, scope: "function" },
          { limit: 1, key, scope: "account" },
        ],
        throttle: { limit: 10, period: 60_000, burst: 2, key },
        rateLimit: { limit: 100, period: 3_600_000, key },
        debounce: { period: 5_000, timeout: 60_000, key },
        batch: { maxSize: 3, timeout: 1_000, key, filter: "event.data.small" },
        priority: "event.data.paid ? 120 : 0",
        idempotency: "event.data.id",
        cancelOn: [
          { event: "a/gone", filter: "event.data.id == async.data.id", timeout: 3_600_000 },
          { event: "a/x", filter: "async.data.sure" },
        ],
        singleton: { key, mode: "skip" },
        timeouts: { start: 60_000, finish: 3_600_000 },
      },
      capabilities: { hosts: ["api.example.com"], settings: ["GREETING"], secrets: ["TOKEN"] },
    },
  ]);
});

test("a concurrency is a number, a limit or several, each in one of the scopes", async () => {
  const { client, describe } = await sdk();
  client.createFunction({ id: "a", concurrency: 3 }, () => null);
  client.createFunction({ id: "b", concurrency: { limit: 1, key: "k", scope: "env" } }, () => null);
  client.createFunction(
    {
      id: "c",
      concurrency: [
        { limit: 2, scope: "fn" },
        { limit: 1, key: "k", scope: "app" },
      ],
    },
    () => null,
  );
  expect(describe().map((config) => config.flow.concurrency)).toEqual([
    [{ limit: 3, scope: "function" }],
    [{ limit: 1, key: "k", scope: "account" }],
    [
      { limit: 2, scope: "function" },
      { limit: 1, key: "k", scope: "app" },
    ],
  ]);
});

test("a function's onFailure is a function beside it, with its capabilities and none of its limits", async () => {
  const { client, describe } = await sdk();
  const onFailure = () => null;
  client.createFunction(
    { id: "f", name: "F", retries: 5, concurrency: 2, hosts: ["h"], onFailure },
    { event: "a" },
    () => 1,
  );
  expect(describe()[1]).toEqual({
    id: "f-failure",
    name: "F (failure)",
    app: "shop",
    triggers: [{ tag: "event", name: "inngest/function.failed", filter: "event.data.function_id == 'f'" }],
    retries: 1,
    flow: nothing.flow,
    capabilities: { hosts: ["h"], settings: [], secrets: [] },
  });
});

test("what would come to nothing is refused with its name", async () => {
  const { Inngest, client, describe } = await sdk();
  const create = (options: object) => () => client.createFunction(options as never, () => null);
  expect(create({})).toThrow("a function needs an `id`");
  expect(create({ id: "f", retires: 3 })).toThrow("function `f`: there is no option `retires`");
  expect(create({ id: "f", middleware: [] })).toThrow("Pawl has no middleware");
  expect(() => client.createFunction({ id: "f" }, undefined as never)).toThrow("needs a handler");
  expect(() => new Inngest({} as never)).toThrow("a client needs an `id`");
  expect(() => new Inngest({ id: "x", middleware: [1] })).toThrow("Pawl has no middleware");
  expect(describe).toThrow("the program creates no functions");
  create({ id: "f", debounce: { period: "soon" } })();
  expect(describe).toThrow("function `f`: `soon` is no duration");
});

test("two functions with one id are refused", async () => {
  const { client, describe } = await sdk();
  client.createFunction({ id: "f" }, () => 1);
  client.createFunction({ id: "f" }, () => 2);
  expect(describe).toThrow("there are two functions `f`");
});
