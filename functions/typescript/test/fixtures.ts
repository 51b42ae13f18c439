/** Stripe's own recorded events. */
import asyncSucceeded from "../../../tests/fixtures/stripe/checkout.session.async_payment_succeeded.json";
import subscription from "../../../tests/fixtures/stripe/checkout.session.completed.subscription.json";
import unpaid from "../../../tests/fixtures/stripe/checkout.session.completed.unpaid_async.json";
import paymentFailed from "../../../tests/fixtures/stripe/payment_intent.payment_failed.json";
import paymentSucceeded from "../../../tests/fixtures/stripe/payment_intent.succeeded.json";

const objectOf = (event: { data: { object: unknown } }): any => structuredClone(event.data.object);

export const objects = {
  asyncSucceeded: objectOf(asyncSucceeded),
  subscription: objectOf(subscription),
  unpaid: objectOf(unpaid),
  paymentFailed: objectOf(paymentFailed),
  paymentSucceeded: objectOf(paymentSucceeded),
};

/** The user of the recorded sessions. */
export const USER = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
