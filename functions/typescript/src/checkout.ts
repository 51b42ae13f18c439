/** What a session says about who paid for what. */
import { NonRetriableError } from "pawl";
import { Session, filled, read, userOf } from "./stripe.js";

/** A session that is valid, by its ids: nothing about the person is kept. */
export type Checkout = {
  sessionId: string;
  userId: string;
  customerId: string | null;
  subscriptionId: string | null;
  verdict: Verdict;
};

/**
 * What follows from a session. `activate`: the user gets what was paid. `unpaid`: nothing yet, the money is
 * on its way, and another event comes when it has arrived. `setup`: nothing, a payment method was kept for
 * later.
 */
export type Verdict = "activate" | "unpaid" | "setup";

/** Reads a session. What is wrong with it is no better on another try. */
export function validate(object: unknown): Checkout {
  const session = read(Session, object, "session");
  const sessionId = filled(session.id);
  if (sessionId === undefined) throw new NonRetriableError("the session has no id: it is none of Stripe's");
  const userId = userOf(session);
  if (userId === undefined) {
    throw new NonRetriableError(
      `session ${sessionId} names no user: give it a client_reference_id or metadata.userId when it is made`,
    );
  }
  return {
    sessionId,
    userId,
    customerId: session.customer ?? null,
    subscriptionId: session.subscription ?? null,
    verdict: verdictOf(sessionId, session.mode, session.payment_status),
  };
}

function verdictOf(id: string, mode: string | null | undefined, status: string | null | undefined): Verdict {
  if (mode === "setup") return "setup";
  switch (status) {
    case "paid":
    case "no_payment_required":
      return "activate";
    case "unpaid":
      return "unpaid";
    case undefined:
    case null:
      throw new NonRetriableError(`session ${id} has no payment_status`);
    default:
      // who knows whether anything was paid
      throw new NonRetriableError(
        `session ${id} has payment_status \`${status}\`, which this function does not know`,
      );
  }
}
