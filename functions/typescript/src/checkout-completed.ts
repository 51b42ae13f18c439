/**
 * `stripe/checkout.session.completed`: the user who paid gets an active subscription.
 *
 * Completed does not mean paid. A delayed payment method gives `completed` with `unpaid` first, which activates
 * nothing, and `async_payment_succeeded` later, which therefore starts this function too. Stripe may send an event
 * several times and both of them for one session: what is written is the same each time.
 */
import { validate } from "./checkout.js";
import { inngest } from "./client.js";
import { appFromSettings, updateUser } from "./instant.js";
import { active, keep } from "./subscription.js";

export const processCheckoutCompleted = inngest.createFunction(
  {
    id: "process-checkout-completed",
    name: "Process completed checkouts",
    retries: 3,
    hosts: ["{setting:INSTANT_API_URI}"],
    settings: ["INSTANT_APP_ID", "INSTANT_API_URI"],
    secrets: ["INSTANT_ADMIN_TOKEN"],
  },
  [{ event: "stripe/checkout.session.completed" }, { event: "stripe/checkout.session.async_payment_succeeded" }],
  async ({ event, step, logger }) => {
    const checkout = await step.run("validate-session", () => validate(event.data.session));
    const { sessionId, userId, verdict } = checkout;
    if (verdict !== "activate") {
      return { completed: true, activated: false, reason: verdict, userId, sessionId };
    }
    const subscription = active(checkout, event.ts);
    const store = await step.run("update-subscription", async () => {
      const app = await appFromSettings();
      return app ? updateUser(app, userId, subscription) : keep(userId, subscription);
    });
    await step.run("log-payment-success", () => {
      logger.info("subscription activated", { session: sessionId, user: userId, store });
    });
    return { completed: true, activated: true, userId, sessionId, store };
  },
);
