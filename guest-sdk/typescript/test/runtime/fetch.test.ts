import { describe, expect, test } from "vitest";
import { AbortController, AbortSignal } from "../../src/runtime/abort.js";
import { fetch } from "../../src/runtime/fetch.js";
import { registerSteps } from "../../src/runtime/loop.js";
import type { HttpRequest, HttpResult } from "../../src/runtime/native.js";
import { ok, runLoop, useHost } from "./mock.js";

const host = useHost();

/** Runs the loop beside the promise: gives what it comes to, or what it is rejected with. */
async function settled<T>(promise: Promise<T>): Promise<T | Error> {
  const result = promise.catch((error: Error) => error);
  await runLoop();
  return result;
}

const sent = (): HttpRequest[] => host.current.batches.flat();
const text = (bytes: ArrayBuffer | undefined) => Buffer.from(bytes ?? new ArrayBuffer(0)).toString();

/** Answers by the path. */
function answers(by: Record<string, HttpResult>): void {
  host.current.answer = ({ url }) => by[new URL(url).pathname] ?? ok("", 404);
}

test("sends method, headers and body, and leaves out the headers that are the host's", async () => {
  await settled(fetch("http://a/x#part", { method: "post", headers: { "X-A": "1", "Content-Length": "9", Host: "b" }, body: "hällo" }));
  const [request] = sent();
  expect(request).toMatchObject({ method: "POST", url: "http://a/x", headers: [["content-type", "text/plain;charset=UTF-8"], ["x-a", "1"]] });
  expect(text(request?.body)).toBe("hällo");
});

test("gives status, headers, url and body", async () => {
  host.current.answer = () => ok('{"a":1}', 201, [["X-B", "2"]]);
  const response = (await settled(fetch("http://a/x"))) as Awaited<ReturnType<typeof fetch>>;
  expect([response.status, response.ok, response.headers.get("x-b"), response.url, response.redirected]).toEqual([201, true, "2", "http://a/x", false]);
  expect(await response.json()).toEqual({ a: 1 });
  await expect(response.text()).rejects.toThrow("already been read");
});

test("two at once are sent at once", async () => {
  await settled(Promise.all([fetch("http://a/1"), fetch("http://a/2")]));
  expect(host.current.batches).toHaveLength(1);
});

test("the host's reason is in the error", async () => {
  host.current.answer = () => ({ err: { tag: "denied", message: "outgoing HTTP is for steps: wrap it in step.run" } });
  const error = await settled(fetch("http://a/"));
  expect(error).toBeInstanceOf(TypeError);
  expect(error).toMatchObject({ message: "fetch failed: outgoing HTTP is for steps: wrap it in step.run", code: "denied" });
});

test("what is no URL is refused before anything is sent", async () => {
  expect(await settled(fetch("nonsense"))).toBeInstanceOf(TypeError);
  expect(sent()).toEqual([]);
});

describe("redirects", () => {
  test.each([
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [307, "POST", "POST", "body"],
    [308, "PUT", "PUT", "body"],
  ])("a %i after %s is a %s", async (status, method, then, body) => {
    answers({ "/from": ok("", status, [["location", "to?x=1"]]), "/to": ok("there") });
    const response = await settled(fetch("http://a/from", { method, body: "body" }));
    expect(response).toMatchObject({ redirected: true, url: "http://a/to?x=1" });
    expect(sent()[1]).toMatchObject({ method: then, url: "http://a/to?x=1" });
    expect(text(sent()[1]?.body)).toBe(body);
  });

  test("to another host take no credentials and no secrets along", async () => {
    answers({ "/from": ok("", 307, [["location", "http://b/to"]]) });
    await settled(fetch("http://a/from", { headers: { authorization: "t", cookie: "c", "x-key": "{secret:KEY}", "x-other": "1" } }));
    expect(sent()[1]?.headers).toEqual([["x-other", "1"]]);
  });

  test("in the same host keep them", async () => {
    answers({ "/from": ok("", 307, [["location", "/to"]]) });
    await settled(fetch("http://a/from", { headers: { authorization: "t" } }));
    expect(sent()[1]?.headers).toEqual([["authorization", "t"]]);
  });

  test("in a circle end after twenty", async () => {
    answers({ "/from": ok("", 302, [["location", "/from"]]) });
    expect(await settled(fetch("http://a/from"))).toMatchObject({ message: "fetch failed: more than 20 redirects" });
    expect(sent()).toHaveLength(21);
  });

  test("are given as they are, or refused, when that is asked for", async () => {
    answers({ "/from": ok("", 302, [["location", "/to"]]) });
    expect(await settled(fetch("http://a/from", { redirect: "manual" }))).toMatchObject({ status: 302 });
    expect(await settled(fetch("http://a/from", { redirect: "error" }))).toBeInstanceOf(TypeError);
  });

  test("to what is not HTTP are refused", async () => {
    answers({ "/from": ok("", 302, [["location", "file:///etc/passwd"]]) });
    expect(await settled(fetch("http://a/from"))).toMatchObject({ message: "fetch failed: a redirect to file:" });
  });
});

describe("signals", () => {
  test("one that has aborted sends nothing", async () => {
    expect(await settled(fetch("http://a/", { signal: AbortSignal.abort(new Error("no")) }))).toEqual(new Error("no"));
    expect(sent()).toEqual([]);
  });

  test("one that aborts before the request goes out takes it back", async () => {
    const controller = new AbortController();
    const request = fetch("http://a/", { signal: controller.signal });
    controller.abort();
    expect(await settled(request)).toMatchObject({ name: "AbortError" });
    expect(sent()).toEqual([]);
  });

  test("a timeout is the request's limit, and its end is a TimeoutError", async () => {
    registerSteps({ executing: () => true, flush: () => false });
    host.current.answer = (request) => {
      host.current.time += request.timeout ?? 0;
      return { err: { tag: "network", message: "timed out" } };
    };
    const signal = AbortSignal.any([AbortSignal.timeout(50), new AbortController().signal]);
    expect(await settled(fetch("http://a/", { signal }))).toMatchObject({ name: "TimeoutError" });
    expect(sent()[0]?.timeout).toBe(50);
  });

  test("an error before the time is over stays what it is", async () => {
    registerSteps({ executing: () => true, flush: () => false });
    host.current.answer = () => ({ err: { tag: "network", message: "broke off" } });
    expect(await settled(fetch("http://a/", { signal: AbortSignal.timeout(50) }))).toMatchObject({ message: "fetch failed: broke off" });
  });
});
