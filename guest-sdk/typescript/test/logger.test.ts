/** What a line of the log says. */
import { expect, test } from "vitest";
import { logger } from "../src/logger.js";
import { ScriptedNative } from "./native.js";

test("texts are the message, and a plain object at either end the fields", () => {
  const host = new ScriptedNative();
  logger.info("paid", 7, { order: "o1", items: [1], none: null });
  logger.warn({ order: "o1" }, "late");
  logger.error("failed:", new TypeError("no"));
  logger.debug({ alone: true });
  logger.trace("list", [1, { a: 2 }], undefined);
  const circle: Record<string, unknown> = {};
  circle.me = circle;
  logger.info("odd", [circle]);
  expect(host.logs).toEqual([
    "info paid 7 order=o1 items=[1] none=null",
    "warn late order=o1",
    "error failed: TypeError: no",
    'debug {"alone":true}',
    'trace list [1,{"a":2}] undefined',
    "info odd [object Array]",
  ]);
});
