/** `stripe/payment_intent.succeeded`: the payment is confirmed in the log and recorded. */
import { kv } from "pawl";
import { inngest } from "./client.js";
import { PaymentIntent, paymentId, read, userOf } from "./stripe.js";

/** A payment without the data of the person who paid. */
export type Confirmation = {
  paymentIntentId: string;
  userId: string | null;
  /** In the currency's smallest unit. */
  amount: number;
  currency: string;
};

export const processPaymentSucceeded = inngest.createFunction(
  { id: "process-payment-succeeded", name: "Process succeeded payments", retries: 3 },
  { event: "stripe/payment_intent.succeeded" },
  async ({ event, step, logger }) => {
    const confirmation = await step.run("log-payment-confirmation", () => {
      const confirmation = confirm(event.data.paymentIntent);
      const { paymentIntentId, amount, currency } = confirmation;
      logger.info("payment succeeded", { payment_intent: paymentIntentId, amount, currency });
      return confirmation;
    });
    const { paymentIntentId } = confirmation;
    const recordedAs = await step.run("record-payment", async () => {
      const key = `payment:${paymentIntentId}`;
      // the same bytes each time: a repeated step or event changes nothing
      const at = new Date(event.ts).toISOString();
      await kv.setJson(key, { status: "succeeded", ...confirmation, eventId: event.id, at });
      return key;
    });
    return { completed: true, paymentIntentId, recordedAs };
  },
);

/** What is kept of a payment. */
export function confirm(object: unknown): Confirmation {
  const payment = read(PaymentIntent, object, "payment intent");
  return {
    paymentIntentId: paymentId(payment),
    userId: userOf({ metadata: payment.metadata ?? null }) ?? null,
    amount: payment.amount_received ?? payment.amount ?? 0,
    currency: payment.currency ?? "",
  };
}
