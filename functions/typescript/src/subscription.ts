/** A user's subscription, and the host's own key-value store as its place. */
import { kv } from "pawl";
import type { Checkout } from "./checkout.js";

/**
 * What is written about a user: absolute values, so that writing twice changes nothing. An id that the session does
 * not have leaves the one there is.
 */
export type Subscription = {
  subscriptionStatus: "active";
  stripeCustomerId?: string;
  stripeSubscriptionId?: string;
  lastSessionId: string;
  /** When the event happened, not when it was worked on: the same on every try. */
  updatedAt: string;
};

/** The subscription that a paid session gives; `at` is when that happened, in milliseconds since 1970. */
export function active({ customerId, subscriptionId, sessionId }: Checkout, at: number): Subscription {
  return {
    subscriptionStatus: "active",
    ...(customerId === null ? {} : { stripeCustomerId: customerId }),
    ...(subscriptionId === null ? {} : { stripeSubscriptionId: subscriptionId }),
    lastSessionId: sessionId,
    updatedAt: new Date(at).toISOString(),
  };
}

/** Writes it to the key-value store as `user:<id>`; gives the place's name. */
export async function keep(userId: string, subscription: Subscription): Promise<string> {
  const key = `user:${userId}`;
  const { stripeCustomerId, stripeSubscriptionId } = (await kv.getJson<Partial<Subscription>>(key)) ?? {};
  const known = {
    ...(stripeCustomerId === undefined ? {} : { stripeCustomerId }),
    ...(stripeSubscriptionId === undefined ? {} : { stripeSubscriptionId }),
  };
  await kv.setJson(key, { ...known, ...subscription });
  return "key-value";
}
