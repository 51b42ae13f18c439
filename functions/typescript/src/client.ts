/** The app, and the events that it knows. */
import { EventSchemas, Inngest } from "pawl";

/** The data is read by the functions themselves: Stripe's shapes belong to the endpoint's API version. */
type Session = { data: { session?: unknown } };
type Payment = { data: { paymentIntent?: unknown } };

type Events = {
  "stripe/checkout.session.completed": Session;
  "stripe/checkout.session.async_payment_succeeded": Session;
  "stripe/payment_intent.succeeded": Payment;
  "stripe/payment_intent.payment_failed": Payment;
};

export const inngest = new Inngest({ id: "stripe", schemas: new EventSchemas().fromRecord<Events>() });
