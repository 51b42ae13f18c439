/** Failures, and how often what failed is tried. */
import { NonRetriableError, RetryAfterError } from "pawl";
import { inngest, messageOf } from "./client.js";

class FlakyError extends Error {}

inngest.createFunction({ id: "flaky", retries: 3 }, { event: "test/flaky" }, ({ event, step }) =>
  step.run("try", (attempt) => {
    if (attempt.number < event.data.failures) throw new FlakyError(`attempt ${attempt.number} fails`);
    return { tries: attempt.number + 1, max: attempt.max, key: attempt.idempotencyKey };
  }),
);

inngest.createFunction({ id: "hopeless" }, { event: "test/hopeless" }, async ({ step }) => {
  const charge = step.run("charge", () => {
    throw new NonRetriableError("the card is stolen");
  });
  const caught = await charge.catch(messageOf);
  return { caught, said: await step.run("apologise", () => "sorry") };
});

inngest.createFunction({ id: "later" }, { event: "test/later" }, ({ step }) =>
  step.run("busy", (attempt) => {
    if (attempt.number === 0) throw new RetryAfterError("busy", "1s");
    return "done";
  }),
);

inngest.createFunction({ id: "failing", retries: 0 }, { event: "test/failing" }, async ({ step }) => {
  await step.run("ok", () => 1);
  deepInTheCode();
});

function deepInTheCode(): never {
  throw new Error("nothing works");
}

inngest.createFunction({ id: "own-options", retries: 3 }, { event: "test/own-options" }, async ({ step }) => {
  const once = () => {
    throw new Error("only once");
  };
  return { caught: await step.run("once", once, { retries: 0, timeout: "2s" }).catch(messageOf) };
});
