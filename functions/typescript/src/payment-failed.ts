/** `stripe/payment_intent.payment_failed`: the failure is logged, recorded and warned of. */
import { kv } from "pawl";
import { inngest } from "./client.js";
import { PaymentIntent, paymentId, read, userOf } from "./stripe.js";

/** Failures of one payment that are kept: enough to see a pattern. */
const KEPT = 20;

/** A failed payment without the data of the person who tried to pay. */
export type Failure = {
  paymentIntentId: string;
  userId: string | null;
  code: string | null;
  declineCode: string | null;
};

/** One failure of a payment, as it is kept. */
export type Entry = { eventId: string; at: string; code: string | null; declineCode: string | null };

/** What is kept under `failures:<payment intent>`: how often the payment has failed, and the latest of them. */
export type FailureRecord = { userId: string | null; count: number; latest: Entry[] };

export const processPaymentFailed = inngest.createFunction(
  { id: "process-payment-failed", name: "Process failed payments", retries: 3 },
  { event: "stripe/payment_intent.payment_failed" },
  async ({ event, step, logger }) => {
    const failure = await step.run("log-failure", () => {
      const failure = readFailure(event.data.paymentIntent);
      logger.warn("payment failed", {
        payment_intent: failure.paymentIntentId,
        code: failure.code ?? "unknown",
        decline_code: failure.declineCode ?? "none",
      });
      return failure;
    });
    const { paymentIntentId, userId, code, declineCode } = failure;
    const failures = await step.run("handle-failure", async () => {
      const key = `failures:${paymentIntentId}`;
      const before = (await kv.getJson<FailureRecord>(key)) ?? { userId: null, count: 0, latest: [] };
      const entry = { eventId: event.id, at: new Date(event.ts).toISOString(), code, declineCode };
      const record = add(before, userId, entry);
      await kv.setJson(key, record);
      if (record.count > 1) {
        // what somebody should look at: the buyer tries again and again
        logger.warn("a payment fails again and again", { payment_intent: paymentIntentId, count: record.count });
      }
      return record.count;
    });
    return { completed: true, paymentIntentId, code, failures };
  },
);

/** What is kept of a failure. */
export function readFailure(object: unknown): Failure {
  const payment = read(PaymentIntent, object, "payment intent");
  return {
    paymentIntentId: paymentId(payment),
    userId: userOf({ metadata: payment.metadata ?? null }) ?? null,
    code: payment.last_payment_error?.code ?? null,
    declineCode: payment.last_payment_error?.decline_code ?? null,
  };
}

/** The record with this failure in it. A repeated step or event changes nothing. */
export function add(record: FailureRecord, userId: string | null, entry: Entry): FailureRecord {
  const user = userId ?? record.userId;
  if (record.latest.some((known) => known.eventId === entry.eventId)) return { ...record, userId: user };
  return { userId: user, count: record.count + 1, latest: [...record.latest, entry].slice(-KEPT) };
}
