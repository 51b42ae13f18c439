// Runs: found, read, run again, watched, cancelled.
import { confirmed, expect, filter, mark, openAll, runLink, runRow, status, test, Upstream } from "./fixtures.js";

test("a failed run is found by its status and by what its event says, and tells its error and stack", async ({
  page,
  host,
}) => {
  const order = "o-panic";
  const failed = await host.made("test/panicker", { order }, "Failed");
  const fine = await host.made("test/ten-steps", { n: 1, order }, "Completed");

  await page.goto("/");
  await filter(page, { Status: "Failed" });
  await expect(page).toHaveURL(/status=Failed/i);
  await expect(runRow(page, failed.run_id)).toContainText("Failed");
  await expect(runRow(page, fine.run_id)).toHaveCount(0);

  // what is found, and what is not
  for (const search of [failed.event_id, failed.run_id, `data.order:${order}`]) {
    await filter(page, { Search: search });
    await expect(runRow(page, failed.run_id), search).toHaveCount(1);
  }
  await filter(page, { Search: "data.order:another" });
  await expect(runRow(page, failed.run_id)).toHaveCount(0);
  await filter(page, { Search: `data.order:${order}`, Status: "" });
  await expect(runRow(page, fine.run_id)).toHaveCount(1);

  await runLink(page, failed.run_id).click();
  await expect(page).toHaveURL(new RegExp(`/runs/${failed.run_id}$`));
  await expect(status(page)).toHaveText("Failed");
  const main = page.getByRole("main");
  await expect(main.getByText("the card is made of paper").first()).toBeVisible();
  await expect(page.getByRole("rowheader", { name: "charge" })).toBeVisible();
  await expect(main.getByText("charge_the_card").first()).toBeVisible();
});

test("a failed run is run again, and is watched until it completes", async ({ page, host }) => {
  const upstream = await Upstream.start();
  const event = await host.send("test/slow", { url: upstream.url, timeout_ms: 30_000, order: "o-slow" });
  await upstream.drop();
  const failed = await host.run(event, "Failed");

  await page.goto(`/runs/${failed.run_id}`);
  await expect(status(page)).toHaveText("Failed");
  await page.getByRole("button", { name: "Rerun", exact: true }).click();
  await confirmed(page, "Rerun");
  await expect(page).not.toHaveURL(new RegExp(failed.run_id));
  await expect(page).toHaveURL(/\/runs\/[0-9A-Z]+$/);
  await expect(status(page)).toHaveText("Running");
  const isTheSamePage = await mark(page);
  await upstream.answer(200, { stock: 7 });
  await expect(status(page)).toHaveText("Completed");
  await expect(page.getByRole("rowheader", { name: "wait" })).toBeVisible();
  await expect(page.getByRole("main")).toContainText("stock");
  await isTheSamePage();
  upstream.stop();
});

test("a run goes on from the step that an operator says", async ({ page, host }) => {
  const run = await host.made("test/sleeper", { ms: 1 }, "Completed");
  await page.goto(`/runs/${run.run_id}`);
  const step = page.locator("tbody").filter({ has: page.getByRole("rowheader", { name: "after" }) });
  await step.locator("summary").click();
  await step.getByRole("button", { name: "Rerun from here" }).click();
  await confirmed(page, "Rerun from here");
  await expect(page).not.toHaveURL(new RegExp(run.run_id));
  await expect(status(page)).toHaveText("Completed");
  const id = new URL(page.url()).pathname.split("/").pop();
  const again = await host.get(`/v1/runs/${id}`);
  expect(again.event_id).toBe(run.event_id);
  expect(again.output).toEqual({ before: "before", after: "after" });
});

test("a sleeping run says until when, and is cancelled only after a confirmation", async ({ page, host }) => {
  const run = await host.made("test/sleeper", { ms: 3 * 86_400_000 }, "Sleeping");
  await page.goto("/");
  await expect(runRow(page, run.run_id)).toContainText("Sleeping");
  await page.goto(`/runs/${run.run_id}`);
  await expect(status(page)).toHaveText("Sleeping");
  await expect(page.getByRole("rowheader", { name: "nap" })).toBeVisible();
  await expect(page.locator(`time[datetime^="${run.wake_at.slice(0, 19)}"]`).first()).toBeVisible();

  const cancel = page.getByRole("button", { name: "Cancel run" });
  await cancel.click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(cancel, "the focus returns to what opened the dialog").toBeFocused();
  expect((await host.get(`/v1/runs/${run.run_id}`)).status).toBe("Sleeping");

  await cancel.click();
  await dialog.getByRole("button", { name: "Cancel run" }).click();
  await expect(status(page)).toHaveText("Cancelled");
  await expect(cancel).toHaveCount(0);
  expect((await host.get(`/v1/runs/${run.run_id}`)).status).toBe("Cancelled");
});

test("each try of a step is told, with its error", async ({ page, host }) => {
  const run = await host.made("test/flaky", { failures: 2 }, "Completed");
  await page.goto(`/runs/${run.run_id}`);
  const main = page.getByRole("main");
  await openAll(page);
  await expect(main.getByText("attempt 0 fails").first()).toBeVisible();
  await expect(main.getByText("attempt 1 fails").first()).toBeVisible();
  await expect(main.getByText("FlakyError").first()).toBeVisible();
});

test("a run's log lines stand with it", async ({ page, host }) => {
  const run = await host.made("test/logger", { ms: 1 }, "Completed");
  await page.goto(`/runs/${run.run_id}`);
  const main = page.getByRole("main");
  await openAll(page);
  for (const line of ["before all steps", "a warn line", "an error line", "after all steps"]) {
    await expect(main.getByText(line).first()).toBeVisible();
  }
});

test("filters are in the URL: they survive a reload, a way back and a bookmark", async ({ page, host }) => {
  const run = await host.made("test/ten-steps", { n: 1, order: "o-url" }, "Completed");
  await page.goto("/");
  await filter(page, { Status: "Completed", Function: "ten-steps", Search: "data.order:o-url" });
  await expect(runRow(page, run.run_id)).toHaveCount(1);
  const url = page.url();
  const holds = async () => {
    expect(page.url()).toBe(url);
    await expect(page.getByLabel("Search")).toHaveValue("data.order:o-url");
    await expect(page.getByLabel("Status", { exact: true })).toHaveValue(/completed/i);
    await expect(page.getByLabel("Function", { exact: true })).toHaveValue("ten-steps");
    await expect(runRow(page, run.run_id)).toHaveCount(1);
  };
  await page.reload();
  await holds();
  await runLink(page, run.run_id).click();
  await expect(status(page)).toHaveText("Completed");
  await page.goBack();
  await holds();
});

test("a search that finds nothing says so, and how to get out of it", async ({ page }) => {
  await page.goto("/?q=data.order%3Anobody");
  await expect(page.getByRole("main")).toContainText(/no (such )?runs/i);
});

test("two tabs see what happens, wherever it happens", async ({ context, host }) => {
  const run = await host.made("test/sleeper", { ms: 3_600_000, tab: "two" }, "Sleeping");
  const [list, detail] = [await context.newPage(), await context.newPage()];
  await list.goto("/");
  await detail.goto(`/runs/${run.run_id}`);
  const same = [await mark(list), await mark(detail)];
  // a new one is there by itself
  const next = await host.made("test/ten-steps", { n: 1 }, "Completed");
  await expect(runRow(list, next.run_id)).toContainText("Completed");
  // what another operator does as well
  await fetch(`${host.url}/v1/runs/${run.run_id}`, {
    method: "DELETE",
    headers: { authorization: "Bearer signing-key-of-the-tests" },
  });
  await expect(status(detail)).toHaveText("Cancelled");
  await expect(runRow(list, run.run_id)).toContainText("Cancelled");
  for (const isTheSamePage of same) await isTheSamePage();
});

test("what one reads and types stays as it is while the page lives", async ({ page, host }) => {
  const upstream = await Upstream.start();
  const event = await host.send("test/slow", { url: upstream.url, timeout_ms: 30_000 });
  const run = await host.run(event, "Running");
  await page.goto(`/runs/${run.run_id}`);
  const details = page.getByRole("main").locator("details").last();
  await details.locator("summary").click();
  await upstream.answer(200, {});
  await expect(status(page)).toHaveText("Completed");
  expect(await details.evaluate((element) => element.open), "stays open").toBe(true);
  upstream.stop();

  await page.goto("/");
  const search = page.getByLabel("Search");
  await search.pressSequentially("data.order:o-ty");
  await page.evaluate(() => window.scrollTo(0, 40));
  const before = await page.evaluate(() => window.scrollY);
  const next = await host.made("test/ten-steps", { n: 1 }, "Completed");
  await expect(runRow(page, next.run_id)).toHaveCount(1);
  await expect(search).toBeFocused();
  await expect(search).toHaveValue("data.order:o-ty");
  await page.keyboard.type("ped");
  await expect(search).toHaveValue("data.order:o-typed");
  expect(await page.evaluate(() => window.scrollY)).toBe(before);
});

test("a run's event is copied as a command without a key in it", async ({ page, host, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const run = await host.made("test/ten-steps", { n: 2, note: "it's" }, "Completed");
  await page.goto(`/runs/${run.run_id}`);
  await page.getByRole("button", { name: "Copy as curl" }).click();
  const read = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(read).toContain("curl ");
  const text = await read();
  expect(text).toContain("${INNGEST_EVENT_KEY");
  expect(text).toContain(host.url);
  expect(text).not.toContain("key-of-the-tests");
});

test("older runs are on further pages", async ({ page, host }) => {
  const sent = [];
  for (let n = 0; n < 120; n++) sent.push(await host.send("test/ten-steps", { n: 0, batch: "pages" }));
  await host.run(sent.at(-1), "Completed");
  await page.goto("/");
  await filter(page, { Search: "data.batch:pages" });
  const ids = new Set();
  for (let at = 0; at < 10; at++) {
    for (const link of await page.locator('tbody a[href*="/runs/"]').all()) {
      ids.add(await link.getAttribute("href"));
    }
    const older = page.getByRole("link", { name: "Older" });
    if (!(await older.isVisible())) break;
    const url = page.url();
    await older.click();
    await expect(page).not.toHaveURL(url);
  }
  expect(ids.size).toBe(120);
  await page.getByRole("link", { name: "Newest" }).click();
  await expect(page.getByLabel("Search")).toHaveValue("data.batch:pages");
});
