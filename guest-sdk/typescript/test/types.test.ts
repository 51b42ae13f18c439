/** What the compiler knows; `tsc` is what checks it. */
import { expectTypeOf, test } from "vitest";
import { EventSchemas, Inngest, type Jsonify, eventType, referenceFunction, staticSchema } from "../src/index.js";

type Events = {
  "shop/order.placed": { data: { id: string; total: number } };
  "shop/order.paid": { data: { paid: boolean } };
};
const inngest = new Inngest({ id: "types", schemas: new EventSchemas().fromRecord<Events>() });
const untyped = new Inngest({ id: "untyped" });

test("an event has the data of its schema, and without one any", () => {
  inngest.createFunction({ id: "one" }, { event: "shop/order.placed" }, ({ event, events }) => {
    expectTypeOf(event.data).toEqualTypeOf<{ id: string; total: number }>();
    expectTypeOf(event.name).toEqualTypeOf<"shop/order.placed">();
    expectTypeOf(events[0]).toEqualTypeOf(event);
  });
  inngest.createFunction(
    { id: "two", triggers: [{ event: "shop/order.placed" }, { cron: "@daily" }] },
    ({ event }) => {
      expectTypeOf(event.name).toEqualTypeOf<"shop/order.placed" | "inngest/scheduled.timer">();
    },
  );
  untyped.createFunction({ id: "three" }, { event: "a/b" }, ({ event }) => {
    expectTypeOf(event.data).toBeAny();
  });
  const shipped = eventType("shop/shipped", { schema: staticSchema<{ by: string }>() });
  inngest.createFunction({ id: "four", triggers: [shipped] }, ({ event }) => {
    expectTypeOf(event.data).toEqualTypeOf<{ by: string }>();
  });
  // @ts-expect-error: there is no such event
  inngest.createFunction({ id: "five" }, { event: "shop/order.plcaed" }, () => 1);
});

test("steps give what JSON makes of their outputs", () => {
  const label = inngest.createFunction({ id: "label" }, { event: "shop/order.placed" }, () => ({
    url: "u",
    at: new Date(),
  }));
  inngest.createFunction({ id: "six" }, { event: "shop/order.placed" }, async ({ step }) => {
    expectTypeOf(await step.run("date", () => ({ at: new Date(), n: 1 }))).toEqualTypeOf<{
      at: string;
      n: number;
    }>();
    expectTypeOf(await step.run("nothing", () => {})).toEqualTypeOf<null>();
    expectTypeOf(await step.run("input", async (n: number) => [n], 1)).toEqualTypeOf<number[]>();
    expectTypeOf(await step.run("attempt", ({ number }) => number, { retries: 1 })).toEqualTypeOf<number>();
    const paid = await step.waitForEvent("paid", { event: "shop/order.paid", timeout: "1d" });
    expectTypeOf(paid?.data.paid).toEqualTypeOf<boolean | undefined>();
    const made = await step.invoke("label", { function: label, data: { id: "o", total: 1 } });
    expectTypeOf(made).toEqualTypeOf<{ url: string; at: string }>();
    const theirs = referenceFunction<typeof label>({ functionId: "label" });
    // @ts-expect-error: the data is not that of the function's event
    await step.invoke("theirs", { function: theirs, data: { total: "much" } });
    // @ts-expect-error: nor is this an event that there is
    await step.sendEvent("tell", { name: "shop/unknown", data: {} });
    await step.sendEvent("tell", [{ name: "shop/order.paid", data: { paid: true } }]);
  });
});

test("what JSON leaves out is not in the type", () => {
  expectTypeOf<Jsonify<{ a?: Date; b: () => void; c: [1, "x"]; d: undefined | number }>>().toEqualTypeOf<{
    a?: string | undefined;
    c: [1, "x"];
    d: number | undefined;
  }>();
  expectTypeOf<Jsonify<unknown>>().toBeUnknown();
});
