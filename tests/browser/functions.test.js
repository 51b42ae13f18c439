// Functions: what there is, a test event, pause and resume.
import { confirmed, expect, flash, mark, runRow, test } from "./fixtures.js";

test("a function tells its trigger and deployment, and how it has been", async ({ page, host }) => {
  await host.made("test/ten-steps", { n: 1 }, "Completed");
  await page.goto("/functions");
  await page.getByRole("link", { name: "ten-steps" }).first().click();
  await expect(page).toHaveURL(/\/functions\/ten-steps$/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("ten-steps");
  const [{ deployment }] = (await host.get("/v1/functions")).filter((f) => f.id === "ten-steps");
  const main = page.getByRole("main");
  await expect(main).toContainText("test/ten-steps");
  if (deployment) await expect(main).toContainText(deployment.slice(0, 8));
  await expect(main).toContainText("steps.wasm");
  await expect(main).toContainText("p95");
});

test("what starts a function is told: an event, an event that another waits for, the clock", async ({ page }) => {
  const told = {
    "ship-order": /shop\/order\.placed/,
    "remind-of-cart": /shop\/cart\.left/,
    "daily-report": /0 7 \* \* \*/,
  };
  await page.goto("/functions");
  for (const [id, trigger] of Object.entries(told)) {
    const row = page.getByRole("row").filter({ has: page.locator(`a[href="/functions/${id}"]`) });
    await expect(row).toContainText(trigger);
  }
  await page.goto("/functions/daily-report");
  // its next time, the reader's
  await expect(page.getByRole("main").locator('time[datetime*="T07:00:00"]').first()).toBeVisible();
});

test("a test event is sent from a function's page; JSON that is none stays and is explained", async ({
  page,
  context,
}) => {
  context.watch.allow(/400|422/);
  await page.goto("/functions/ten-steps");
  const data = page.getByRole("textbox", { name: "Data" });
  const typed = '{"n": 2, "order": "o-form",';
  await data.fill(typed);
  await page.getByRole("button", { name: "Send test event" }).click();
  await expect(data).toHaveValue(typed);
  await expect(data).toHaveAttribute("aria-invalid", "true");
  await expect(data).toHaveAccessibleDescription(/line 1|EOF|JSON/i);
  await data.fill('{"n": 2, "order": "o-form"}');
  await page.getByRole("button", { name: "Send test event" }).click();
  await expect(flash(page)).toContainText(/sent/i);
  await page.goto("/?q=data.order%3Ao-form");
  const rows = page.getByRole("row").filter({ hasText: "ten-steps" });
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("Completed");
});

test("a paused function lets its runs wait until it is resumed", async ({ page, host }) => {
  await page.goto("/functions/repeat");
  await page.getByRole("button", { name: "Pause function" }).click();
  await confirmed(page, "Pause function");
  const resume = page.getByRole("button", { name: "Resume function" });
  await expect(resume).toBeVisible();
  const waiting = await host.made("test/repeat", {}, "Queued");

  const list = await page.context().newPage();
  await list.goto("/functions");
  await expect(list.getByRole("row").filter({ hasText: "repeat" })).toContainText(/paused/i);
  await list.goto("/");
  await expect(runRow(list, waiting.run_id)).toContainText("Queued");
  const isTheSamePage = await mark(list);
  await resume.click();
  await expect(page.getByRole("button", { name: "Pause function" })).toBeVisible();
  await expect(runRow(list, waiting.run_id)).toContainText("Completed");
  await isTheSamePage();
  await page.goto("/audit");
  await expect(page.getByRole("row").filter({ hasText: "repeat" })).toHaveCount(2);
});
