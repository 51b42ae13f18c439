// Signs bodies with Stripe's official library. Standard input: [{body, secret, t}…];
// prints one `Stripe-Signature` each.
import { readFileSync } from "node:fs";
import Stripe from "stripe";

const stripe = new Stripe("sk_test_unused");
const headers = JSON.parse(readFileSync(0, "utf8")).map(({ body, secret, t }) =>
  stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: t }),
);
console.log(JSON.stringify(headers));
