/** Values as JSON that every reader takes. */
import { expect, test } from "vitest";
import { encode } from "../src/json.js";

test("half of a pair becomes the replacement character, in texts and keys, and whole pairs stay", () => {
  const value = { "\ud800": ["a\udc00b", { deep: "🎉" }], when: new Date(0), text: "\\ud800" };
  expect(JSON.parse(encode(value, "it"))).toEqual({
    "\ufffd": ["a\ufffdb", { deep: "🎉" }],
    when: "1970-01-01T00:00:00.000Z",
    text: "\\ud800",
  });
});

test("what has no JSON is null, and what cannot have one is named with its place", () => {
  expect(encode(undefined, "it")).toBe("null");
  expect(() => encode({ a: [{ b: 1n }] }, "it")).toThrow("`a[0].b` is a BigInt");
});
