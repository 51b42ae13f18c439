/** The plugin: the three functions that Stripe's events start. */
export { processCheckoutCompleted } from "./checkout-completed.js";
export { processPaymentFailed } from "./payment-failed.js";
export { processPaymentSucceeded } from "./payment-succeeded.js";
