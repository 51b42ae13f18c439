//! A small shop: functions as people have them, so that a page that is looked at shows
//! something to think about. `tests/browser/` sends their events.

use pawl::{Error, Event, On, Result, Step, Value, json};
use serde::Deserialize;
use std::time::Duration;

/// `{id, trouble, pickup_ms}`
#[derive(Deserialize)]
struct Order {
    id: String,
    trouble: Option<String>,
    pickup_ms: Option<u64>,
}

/// `shop/order.placed {id, trouble (none), pickup_ms (two hours)}`: reserves, charges, prints
/// a label, waits for the pickup, tells. Its trouble may be `printer`: two tries fail; `card`:
/// the charge fails for good; `total`: the total cannot be added up, and it panics.
#[pawl::function(
    id = "ship-order",
    name = "Ship an order",
    event = "shop/order.placed",
    concurrency = 20,
    retries = 3
)]
fn ship_order(event: Event<Order>, step: Step) -> Result<Value> {
    let Order { id, trouble, pickup_ms } = event.data;
    let trouble = trouble.as_deref().unwrap_or_default();
    let total: u64 = step.run("add-up", || {
        pawl::info!("order taken"; order = id);
        Ok(add_up(&[1_900, 450], trouble == "total"))
    })?;
    let charge: String = step.run("charge-card", || {
        if trouble == "card" {
            let declined = Error::no_retry("the card was declined: insufficient funds");
            return Err(declined
                .with_name("CardDeclined")
                .with_data(json!({ "decline_code": "insufficient_funds" })));
        }
        pawl::info!("charged"; order = id, amount = total);
        Ok(format!("ch_{id}"))
    })?;
    let label: Value = step.task("print-label").run_attempt(|attempt| {
        if trouble == "printer" && attempt.number() < 2 {
            pawl::warn!("the printer does not answer"; attempt = attempt.number());
            return Err(Error::new("label printer 3 does not answer").with_name("PrinterOffline"));
        }
        Ok(json!({ "label": format!("label of {id}"), "format": "A6" }))
    })?;
    step.sleep("wait-for-pickup", Duration::from_millis(pickup_ms.unwrap_or(7_200_000)))?;
    step.run("tell-customer", || {
        pawl::info!("told"; order = id);
        Ok(())
    })?;
    Ok(json!({ "order": id, "charge": charge, "label": label["label"] }))
}

/// In a function of its own, so that a trace has a name to show.
#[inline(never)]
fn add_up(prices: &[u64], is_wrong: bool) -> u64 {
    let total = prices.iter().sum();
    assert!(!is_wrong, "an order of nothing costs {total}");
    total
}

/// `{id}`
#[derive(Deserialize)]
struct Cart {
    id: String,
}

/// `shop/cart.left {id}`: unless an order of the same id comes within a day, reminds.
#[pawl::function(id = "remind-of-cart", name = "Remind of a cart", event = "shop/cart.left")]
fn remind_of_cart(event: Event<Cart>, step: Step) -> Result<Value> {
    let on = On::event("shop/order.placed").matching("data.id").timeout(Duration::from_secs(86_400));
    let order: Option<Event> = step.wait_for_event("wait-for-order", on)?;
    if order.is_none() {
        step.run("remind", || Ok(format!("reminded of {}", event.data.id)))?;
    }
    Ok(json!({ "reminded": order.is_none() }))
}

/// Every morning at seven.
#[pawl::function(id = "daily-report", name = "Daily report", cron = "0 7 * * *")]
fn daily_report(_: Event, step: Step) -> Result<u64> {
    step.run("count-orders", || Ok(0))
}

pawl::plugin!(ship_order, remind_of_cart, daily_report);
