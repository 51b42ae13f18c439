/**
 * The parts of Stripe's objects that the functions look at.
 *
 * The shape of an object belongs to the API version of its endpoint, so little is asked of it: a field that nobody
 * needs may be anything. What is needed and wrong is an error that another try would not cure.
 */
import { NonRetriableError } from "pawl";
import * as z from "zod";

const text = z.string().nullish();
const amount = z.number().int().nonnegative().nullish();
const metadata = z.record(z.string(), z.unknown()).nullish();

/** Another object: its id, also where the object itself was put in its place. */
const reference = z.union([z.string(), z.object({ id: z.string() }).transform((object) => object.id)]).nullish();

/** A [Checkout Session](https://docs.stripe.com/api/checkout/sessions/object). */
export const Session = z.object({
  id: text,
  mode: text,
  payment_status: text,
  /** What the page that opened the session wrote; on a Payment Link the buyer can change it. */
  client_reference_id: text,
  /** Written by whoever made the session. */
  metadata,
  customer: reference,
  subscription: reference,
});

/**
 * A [PaymentIntent](https://docs.stripe.com/api/payment_intents/object). Its `client_secret` is left out on
 * purpose: who holds it can act on the payment.
 */
export const PaymentIntent = z.object({
  id: text,
  /** In the currency's smallest unit, as is what came in. */
  amount,
  amount_received: amount,
  currency: text,
  metadata,
  /** Why the last try did not succeed. The words for the buyer are left out. */
  last_payment_error: z.object({ code: text, decline_code: text }).nullish(),
});

/** Reads an event's object; `what` names it in the error. */
export function read<T>(shape: z.ZodType<T>, object: unknown, what: string): T {
  if (typeof object !== "object" || object === null || Array.isArray(object)) {
    throw new NonRetriableError(`the event carries no ${what}`);
  }
  const result = shape.safeParse(object);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new NonRetriableError(`the ${what} is not as Stripe's are: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** A text that says something. */
export function filled(value: unknown): string | undefined {
  return (typeof value === "string" && value.trim()) || undefined;
}

/** Whose session it is: `client_reference_id`, else `metadata.userId`. */
export function userOf(object: {
  client_reference_id?: string | null;
  metadata?: Record<string, unknown> | null;
}) {
  return filled(object.client_reference_id) ?? filled(object.metadata?.userId);
}

/** A payment's id, without which there is nothing to record. */
export function paymentId(payment: z.infer<typeof PaymentIntent>): string {
  const id = filled(payment.id);
  if (id === undefined) throw new NonRetriableError("the payment intent has no id: it is none of Stripe's");
  return id;
}
