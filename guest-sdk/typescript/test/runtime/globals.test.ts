import { describe, expect, test } from "vitest";
import { AbortController, AbortSignal } from "../../src/runtime/abort.js";
import { TextDecoder, TextEncoder } from "../../src/runtime/encoding.js";
import { Event, EventTarget } from "../../src/runtime/events.js";
import { Headers } from "../../src/runtime/headers.js";
import { Request, Response } from "../../src/runtime/http.js";
import { crypto, random } from "../../src/runtime/random.js";
import { useHost } from "./mock.js";

const host = useHost();

describe("Headers", () => {
  test("names are of any case, values are joined, and the list is sorted", () => {
    const headers = new Headers({ B: "1", a: " 2 " });
    headers.append("b", "3");
    expect([headers.get("B"), headers.has("A"), headers.get("none")]).toEqual(["1, 3", true, null]);
    expect([...headers]).toEqual([["a", "2"], ["b", "1, 3"]]);
  });

  test("cookies stay apart", () => {
    const headers = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
    expect(headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect([...headers]).toHaveLength(2);
  });

  test.each([["a b", "x"], ["", "x"], ["a", "x\ny"]])("refuses the header %j with %j", (name, value) => {
    expect(() => new Headers([[name, value]])).toThrow(TypeError);
  });
});

describe("Request and Response", () => {
  test("a request of a request has its parts, but for what is given anew", async () => {
    const request = new Request("http://a/x", { method: "put", body: "text", headers: { a: "1" } });
    const again = new Request(request, { headers: { b: "2" } });
    expect([again.method, again.url, again.headers.get("a"), again.headers.get("b"), await again.text()]).toEqual(["PUT", "http://a/x", null, "2", "text"]);
  });

  test("what cannot be asked for is refused", () => {
    expect(() => new Request("http://a/", { body: "x" })).toThrow("GET method cannot have body");
    expect(() => new Request("http://me:secret@a/")).toThrow("credentials");
    expect(() => new Response("x", { status: 204 })).toThrow("cannot have body");
    expect(() => new Response("x", { status: 99 })).toThrow(RangeError);
  });

  test("a clone can be read beside the first", async () => {
    const response = Response.json({ a: 1 }, { status: 202 });
    const clone = response.clone();
    expect([await response.json(), await clone.text(), clone.status, clone.headers.get("content-type")]).toEqual([{ a: 1 }, '{"a":1}', 202, "application/json"]);
  });

  test("a body of parameters says what it is", async () => {
    const request = new Request("http://a/", { method: "POST", body: new URLSearchParams({ a: "1 2" }) });
    expect([request.headers.get("content-type"), await request.text()]).toEqual(["application/x-www-form-urlencoded;charset=UTF-8", "a=1+2"]);
  });

  test("a body of bytes is copied, with the part that a view shows", async () => {
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const response = new Response(bytes.subarray(1, 3));
    bytes.fill(9);
    expect([...(await response.bytes())]).toEqual([2, 3]);
  });
});

describe("TextDecoder", () => {
  test("holds the beginning of a character until its rest comes", () => {
    const decoder = new TextDecoder();
    const bytes = new TextEncoder().encode("a🎉ü");
    const parts = [...bytes].map((byte) => decoder.decode(new Uint8Array([byte]), { stream: true }));
    expect(parts.join("") + decoder.decode()).toBe("a🎉ü");
  });

  test("an end that never comes is U+FFFD", () => {
    const decoder = new TextDecoder();
    expect(decoder.decode(new Uint8Array([0xf0, 0x9f]), { stream: true }) + decoder.decode()).toBe("\ufffd");
  });

  test("leaves out the byte order mark, unless told to keep it", () => {
    const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0x61]);
    expect([new TextDecoder().decode(bytes), new TextDecoder("utf8", { ignoreBOM: true }).decode(bytes)]).toEqual(["a", "\ufeffa"]);
  });

  test("refuses bytes that are not UTF-8 when it is strict, and other encodings", () => {
    expect(() => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff]))).toThrow(TypeError);
    expect(() => new TextDecoder("latin1")).toThrow(RangeError);
  });
});

test("encodeInto writes whole characters alone", () => {
  expect(new TextEncoder().encodeInto("aü🎉", new Uint8Array(5))).toEqual({ read: 2, written: 3 });
});

describe("events and signals", () => {
  test("a listener that throws keeps no other from hearing", async () => {
    const heard: string[] = [];
    const told = new Promise((resolve) => process.once("unhandledRejection", resolve));
    const target = new EventTarget();
    target.addEventListener("x", () => { throw new Error("mine"); });
    target.addEventListener("x", { handleEvent: () => void heard.push("second") }, { once: true });
    target.dispatchEvent(new Event("x"));
    target.dispatchEvent(new Event("y"));
    expect(heard).toEqual(["second"]);
    expect(await told).toEqual(new Error("mine"));
  });

  test("a signal aborts once, with its reason", () => {
    const controller = new AbortController();
    const heard: string[] = [];
    controller.signal.onabort = () => heard.push("property");
    controller.signal.addEventListener("abort", () => heard.push("listener"));
    controller.abort("first");
    controller.abort("second");
    expect([heard, controller.signal.reason]).toEqual([["property", "listener"], "first"]);
    expect(() => controller.signal.throwIfAborted()).toThrow("first");
  });

  test("any of several aborts with the first", () => {
    const controller = new AbortController();
    const any = AbortSignal.any([new AbortController().signal, controller.signal]);
    controller.abort("this one");
    expect([any.aborted, any.reason]).toEqual([true, "this one"]);
  });
});

describe("randomness is the host's", () => {
  test("a number from 0 up to 1 of 53 bits", () => {
    host.current.random = [[0, 0], [0xffffffff, 0xffffffff], [0x80000000, 0]];
    expect([random(), random(), random()]).toEqual([0, 1 - 2 ** -53, 0.5]);
  });

  test("bytes and ids", () => {
    host.current.random = [[1, 2], [3, 4]];
    expect(crypto.randomUUID()).toBe("01000000-0200-4000-8300-000004000000");
    host.current.random = [[0x04030201, 0]];
    expect([...crypto.getRandomValues(new Uint8Array(3))]).toEqual([1, 2, 3]);
    expect(() => crypto.getRandomValues(new Float32Array(1))).toThrow(TypeError);
  });
});
