/** Payments: what is kept of those that succeeded and those that failed. */
import { TestRun } from "pawl/test";
import { expect, test } from "vitest";
import { processPaymentFailed, processPaymentSucceeded } from "../src/index.js";
import { type FailureRecord, add } from "../src/payment-failed.js";
import { confirm } from "../src/payment-succeeded.js";
import { USER, objects } from "./fixtures.js";

const TS = 1_793_000_008_000;
const AT = "2026-10-26T07:33:28.000Z";

test("a payment that succeeded is logged and recorded by its ids and its amount", async () => {
  const event = { id: "evt_1", data: { paymentIntent: objects.paymentSucceeded }, ts: TS };
  const run = await TestRun.of(processPaymentSucceeded, { event });
  const paymentIntentId = "pi_3QxTn0B7WZ01zgkW0aBcDeFg";
  const confirmation = { paymentIntentId, userId: USER, amount: 3_139, currency: "usd" };
  expect(run.steps).toMatchObject([
    { id: "log-payment-confirmation", output: confirmation, attempts: 1 },
    { id: "record-payment", output: `payment:${paymentIntentId}`, attempts: 1 },
  ]);
  expect(run.output).toEqual({ completed: true, paymentIntentId, recordedAs: `payment:${paymentIntentId}` });
  const record = { status: "succeeded", ...confirmation, eventId: "evt_1", at: AT };
  expect(run.kv).toEqual({ [`payment:${paymentIntentId}`]: record });
  expect(run.logs).toMatchObject([
    {
      level: "info",
      message: "payment succeeded",
      fields: { payment_intent: paymentIntentId, amount: "3139", currency: "usd" },
    },
  ]);
});

test("a payment without an id, or none at all, is refused for good", async () => {
  for (const paymentIntent of [undefined, {}, { id: "" }, { id: "pi_1", amount: "much" }]) {
    const run = await TestRun.of(processPaymentSucceeded, { event: { data: { paymentIntent } } });
    expect(run.error?.name).toBe("NonRetriableError");
    expect(run.steps[0]?.attempts).toBe(1);
  }
  expect(confirm({ id: "pi_1", amount: 5 })).toEqual({
    paymentIntentId: "pi_1",
    userId: null,
    amount: 5,
    currency: "",
  });
});

test("a payment that failed is logged and counted, and warned of when it fails again", async () => {
  const event = { id: "evt_2", data: { paymentIntent: objects.paymentFailed }, ts: TS };
  const paymentIntentId = "pi_3QxTnFB7WZ01zgkW1hIjKlMn";
  const key = `failures:${paymentIntentId}`;
  const codes = { code: "card_declined", declineCode: "insufficient_funds" };
  const run = await TestRun.of(processPaymentFailed, { event });
  expect(run.steps.map((step) => step.id)).toEqual(["log-failure", "handle-failure"]);
  expect(run.output).toEqual({ completed: true, paymentIntentId, code: "card_declined", failures: 1 });
  expect(run.kv[key]).toMatchObject({ count: 1, latest: [{ eventId: "evt_2", at: AT, ...codes }] });
  expect(run.logs.map((line) => line.message)).toEqual(["payment failed"]);
  const again = await TestRun.of(processPaymentFailed, { event: { ...event, id: "evt_3" }, kv: run.kv });
  expect([again.output.failures, again.kv[key].latest.length]).toEqual([2, 2]);
  expect(again.logs.at(-1)).toMatchObject({ level: "warn", message: "a payment fails again and again" });
});

test("a repeated event counts once and old ones are dropped", () => {
  let record: FailureRecord = { userId: null, count: 0, latest: [] };
  for (let n = 0; n < 30; n++) {
    const entry = { eventId: `evt_${n}`, at: "t", code: null, declineCode: null };
    record = add(record, n === 0 ? "u" : null, entry);
    record = add(record, null, entry);
  }
  expect([record.count, record.latest.length, record.userId, record.latest[0]?.eventId]).toEqual([
    30,
    20,
    "u",
    "evt_10",
  ]);
});
