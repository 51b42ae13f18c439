import { describe, expect, test } from "vitest";
import { console as ours, format } from "../../src/runtime/console.js";
import { inspect, showStacks } from "../../src/runtime/inspect.js";
import { useHost } from "./mock.js";

const host = useHost();

describe("inspect", () => {
  class Card {
    number = 1;
  }
  const circular: Record<string, unknown> = { name: "a" };
  circular.self = circular;
  const bare = Object.assign(Object.create(null), { a: 1 });

  test.each<[unknown, string]>([
    ["it's", `"it's"`],
    [-0, "-0"],
    [10n, "10n"],
    [null, "null"],
    [undefined, "undefined"],
    [Symbol("s"), "Symbol(s)"],
    [{}, "{}"],
    [[], "[]"],
    [{ a: 1, "b-c": "x", [Symbol("s")]: true }, "{ a: 1, 'b-c': 'x', [Symbol(s)]: true }"],
    [[1, , 3], "[ 1, <empty>, 3 ]"],
    [{ a: { b: { c: { d: 1 } } } }, "{ a: { b: { c: [Object] } } }"],
    [new Card(), "Card { number: 1 }"],
    [bare, "[Object: null prototype] { a: 1 }"],
    [circular, "<ref *1> { name: 'a', self: [Circular *1] }"],
    [new Map([["k", { v: 1 }]]), "Map(1) { 'k' => { v: 1 } }"],
    [new Set([1, "a"]), "Set(2) { 1, 'a' }"],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [new Date(Number.NaN), "Invalid Date"],
    [/a/g, "/a/g"],
    [new Uint8Array(3), "Uint8Array(3) [ 0, 0, 0 ]"],
    [new ArrayBuffer(2), "ArrayBuffer { byteLength: 2 }"],
    [function named() {}, "[Function: named]"],
    [() => {}, "[Function (anonymous)]"],
    [{ get a() { return 1; } }, "{ a: [Getter] }"],
    [Object("text"), "[String: 'text']"],
    [Promise.resolve(), "Promise {}"],
  ])("shows %o", (value, text) => {
    expect(inspect(value)).toBe(text);
  });

  test("breaks what is long into lines", () => {
    expect(inspect({ first: "x".repeat(50), second: ["y".repeat(40)] })).toBe(
      `{\n  first: '${"x".repeat(50)}',\n  second: [ '${"y".repeat(40)}' ]\n}`,
    );
  });

  test("shows the beginning of what is very long", () => {
    expect(inspect(Array(150).fill(0))).toContain("... 50 more items");
  });

  test("an error is shown with its stack, its cause and its fields", () => {
    showStacks(() => "    at here");
    const error = Object.assign(new TypeError("boom", { cause: "why" }), { code: 7 });
    expect(inspect(error)).toBe("TypeError: boom\n    at here\n  [cause]: 'why' { code: 7 }");
    showStacks((shown) => shown.stack ?? "");
  });

  test("what throws when it is looked at is still shown", () => {
    expect(inspect(new Proxy({}, { ownKeys() { throw new Error("hands off"); } }))).toBe("[cannot be shown: hands off]");
  });
});

test.each<[unknown[], string]>([
  [["a", 1, { b: 2 }], "a 1 { b: 2 }"],
  [["%s is %d, %i, %f", "x", "4.5", "4.5", "4.5"], "x is 4.5, 4, 4.5"],
  [["%j %o", { a: 1 }, { a: 1 }], '{"a":1} { a: 1 }'],
  [["100%% of %s"], "100%% of %s"],
  [["100%% of %s", "it", "more"], "100% of it more"],
  [["%cstyled", "color: red"], "styled"],
  [[], ""],
])("formats %j", (args, text) => {
  expect(format(...args)).toBe(text);
});

test("each method has its level", () => {
  ours.log("a");
  ours.info("b");
  ours.debug("c");
  ours.warn("d");
  ours.error("e");
  ours.assert(true, "not this");
  ours.assert(false, "f");
  expect(host.current.lines).toEqual([["info", "a"], ["info", "b"], ["debug", "c"], ["warn", "d"], ["error", "e"], ["error", "Assertion failed: f"]]);
});

test("lines of a group are indented, and counts and times are kept by their label", () => {
  ours.group("g");
  ours.log("a\nb");
  ours.groupEnd();
  ours.count("n");
  ours.count("n");
  expect(host.current.lines.map(([, line]) => line)).toEqual(["g", "  a\n  b", "n: 1", "n: 2"]);
});
