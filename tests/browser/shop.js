// A shop's day: what pages are shown with.
const CUSTOMERS = ["ann", "bea", "carl", "dora", "emil", "fay", "gus", "hilde"];

/** Sends a wave of events; their order numbers begin at `first`. Ends when its runs have. */
export async function wave(host, first, { troubles = [], size = 8 } = {}) {
  const ended = [];
  for (let n = 0; n < size; n++) {
    const id = `o-${first + n}`;
    const customer = CUSTOMERS[(first + n) % CUSTOMERS.length];
    const data = {
      id,
      customer_email: `${customer}@example.com`,
      items: [
        { sku: "mug-blue", price: 1900 },
        { sku: "card-thanks", price: 450 },
      ],
      pickup_ms: 40 + ((first * 37 + n * 53) % 400),
    };
    const trouble = troubles[n];
    if (trouble) data.trouble = trouble;
    const status = ["card", "total"].includes(trouble) ? "Failed" : "Completed";
    ended.push(host.made("shop/order.placed", data, status));
  }
  const paid = (object) => (object.amount = object.amount_received = 2350);
  await host.deliver("payment_intent.succeeded", { id: `evt_pay_${first}`, change: paid });
  return Promise.all(ended);
}

/** Runs that are worth a page of their own, and events of every kind; ids by name. */
export async function stories(host) {
  const order = (id, more) => host.send("shop/order.placed", { id, customer_email: "ann@example.com", ...more });
  const tried = await host.run(await order("o-2001", { trouble: "printer" }), "Sleeping");
  await host.deliver("checkout.session.completed.subscription", { id: "evt_checkout_1" });
  await host.deliver("payment_intent.payment_failed", { id: "evt_failed_1" });
  await host.deliver("payment_intent.payment_failed", { id: "evt_failed_1" });
  await host.deliver("invoice.paid", { id: "evt_invoice_1" });
  await host.deliver("payment_intent.succeeded", { id: "evt_forged_1", secret: "whsec_of_another_endpoint" });
  await host.made("shop/cart.left", { id: "o-2100", customer_email: "fay@example.com" }, "Sleeping");
  const declined = await host.run(await order("o-2002", { trouble: "card" }), "Failed");
  const broken = await host.run(await order("o-2003", { trouble: "total" }), "Failed");
  const asleep = await host.run(await order("o-2004"), "Sleeping");
  return { tried, declined, broken, asleep };
}
