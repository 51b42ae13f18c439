// Events and webhooks: what came in, what it started, what is shown of people.
import { confirmed, expect, filter, flash, runLink, status, test } from "./fixtures.js";

test("an event is found, and leads to the runs that it started", async ({ page, host }) => {
  const run = await host.made("test/ten-steps", { n: 1, order: "o-event" }, "Completed");
  await page.goto("/events");
  await filter(page, { Search: "data.order:o-event" });
  const row = page.getByRole("row").filter({ hasText: "test/ten-steps" });
  await expect(row).toHaveCount(1);
  await row.getByRole("link").first().click();
  await expect(page).toHaveURL(new RegExp(`/events/${run.event_id}$`));
  await expect(page.getByRole("main")).toContainText("o-event");
  await runLink(page, run.run_id).click();
  await expect(status(page)).toHaveText("Completed");
  // and back
  await page.locator(`main a[href$="/events/${run.event_id}"]`).first().click();
  await expect(page).toHaveURL(new RegExp(`/events/${run.event_id}$`));
});

test("an event is sent again as a new one", async ({ page, host }) => {
  const run = await host.made("test/ten-steps", { n: 1, order: "o-again" }, "Completed");
  await page.goto(`/events/${run.event_id}`);
  await page.getByRole("button", { name: "Resend" }).click();
  await confirmed(page, "Resend");
  await expect(flash(page)).toContainText(/sent/i);
  await page.goto("/events?q=data.order%3Ao-again");
  await expect(page.getByRole("row").filter({ hasText: "test/ten-steps" })).toHaveCount(2);
});

test("what an event says of people is masked, shown on a wish, and the wish is on record", async ({
  page,
  host,
}) => {
  const data = { n: 1, customer_email: "ann@example.com", order: "o-private" };
  const run = await host.made("test/ten-steps", data, "Completed");
  for (const path of [`/events/${run.event_id}`, `/runs/${run.run_id}`]) {
    await page.goto(path);
    const main = page.getByRole("main");
    await expect(main).toContainText("o-private");
    expect(await page.content(), "not even in what is hidden").not.toContain("ann@example.com");
    await page.getByRole("button", { name: "Show personal data" }).click();
    await confirmed(page, "Show personal data");
    await expect(main).toContainText("ann@example.com");
    await expect(main).toContainText(/on record/i);
  }
  await page.goto("/audit");
  for (const id of [run.event_id, run.run_id]) {
    const entry = page.getByRole("row").filter({ has: page.locator(`a[href$="${id}"]`) });
    await expect(entry).toHaveCount(1);
    await expect(entry).toContainText(/reveal|personal data/i);
    await expect(entry).toContainText(/login/i);
  }
  // another reader is shown nothing by it
  await page.goto("/events");
  expect(await page.content()).not.toContain("ann@example.com");
});

test("webhooks tell what was taken, what was known, what was refused and why", async ({ page, host }) => {
  const id = "evt_browser_1";
  expect((await host.deliver("payment_intent.succeeded", { id })).status).toBe(200);
  expect((await host.deliver("payment_intent.succeeded", { id })).status).toBe(200);
  expect((await host.deliver("payment_intent.succeeded", { id: "evt_browser_2", secret: "whsec_other" })).status).toBeGreaterThan(399);
  const rows = page.getByRole("table", { name: "Webhooks, newest first" }).getByRole("row");
  // they are written some at a time
  await expect(async () => {
    await page.goto("/webhooks");
    await expect(rows.filter({ hasText: "evt_browser_1" })).toHaveCount(2, { timeout: 1_000 });
  }).toPass();
  await expect(rows.filter({ hasText: /accepted/i }).first()).toBeVisible();
  await expect(rows.filter({ hasText: /duplicate/i }).first()).toBeVisible();
  const refused = rows.filter({ hasText: /refused/i }).first();
  await expect(refused).toContainText(/signature/i);
  await expect(page.getByRole("main")).toContainText("STRIPE_WEBHOOK_SECRET");
  await rows.filter({ hasText: /accepted/i }).getByRole("link").first().click();
  await expect(page.getByRole("main")).toContainText(id);
});

test("what comes from outside is text and nothing else", async ({ page, host }) => {
  const evil = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>';
  const run = await host.made("test/ten-steps", { n: 0, [evil]: evil, order: "o-evil" }, "Completed", {
    user: { name: evil },
  });
  for (const path of ["/?q=" + encodeURIComponent(evil), `/runs/${run.run_id}`, `/events/${run.event_id}`, "/events"]) {
    await page.goto(path);
    await expect(page.getByRole("main")).toBeVisible();
    expect(await page.evaluate(() => window.broken)).toBeUndefined();
  }
});
