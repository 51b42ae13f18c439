// Every page, as different people meet it: by keyboard, on a phone, in the dark, in
// another time zone, with assistive technology.
import { accessible } from "./axe.js";
import { expect, menu, openAll, PAGES, runLink, status, test } from "./fixtures.js";

/** Every address that has a page of its own, with something on it. */
const everyPage = test.extend({
  pages: [
    async ({ host }, use) => {
      const failed = await host.made("test/panicker", { order: "o-1" }, "Failed");
      const asleep = await host.made("test/sleeper", { ms: 3 * 86_400_000 }, "Sleeping");
      const tried = await host.made("test/flaky", { failures: 2, customer_email: "ann@example.com" }, "Completed");
      await host.deliver("payment_intent.payment_failed");
      await host.deliver("payment_intent.payment_failed", { id: "evt_wrong", secret: "whsec_other" });
      await use({
        ...PAGES,
        "Failed run": `/runs/${failed.run_id}`,
        "Sleeping run": `/runs/${asleep.run_id}`,
        "Run with tries": `/runs/${tried.run_id}`,
        Function: "/functions/flaky",
        Event: `/events/${tried.event_id}`,
        "Runs without a match": "/?q=nobody",
        "Nothing here": "/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV",
      });
    },
    { scope: "worker" },
  ],
});

for (const scheme of ["light", "dark"]) {
  for (const [device, viewport] of Object.entries({
    desk: { width: 1280, height: 800 },
    phone: { width: 390, height: 844 },
  })) {
    everyPage.describe(`${scheme}, ${device}`, () => {
      everyPage.use({ colorScheme: scheme, viewport });

      everyPage("no page has a serious fault for assistive technology", async ({ page, pages, context }) => {
        context.watch.allow(/404/);
        for (const [name, path] of Object.entries(pages)) {
          await page.goto(path);
          await everyPage.step(name, () => accessible(page, name));
        }
        for (const path of Object.values(pages).filter((path) => path.includes("/runs/"))) {
          await page.goto(path);
          await openAll(page);
          await accessible(page, `${path}, all opened`);
        }
        await context.clearCookies();
        await page.goto("/login");
        await accessible(page, "Login");
      });

      everyPage("no page is wider than its window, and nothing is cut", async ({ page, pages, context }) => {
        context.watch.allow(/404/);
        for (const [name, path] of Object.entries(pages)) {
          await page.goto(path);
          await openAll(page);
          const { inside, outside, sticking } = await page.evaluate(widths);
          expect.soft(inside, `${name}: ${JSON.stringify(sticking)}`).toBeLessThanOrEqual(outside);
        }
      });
    });
  }
}

/** How wide the page is, how wide its window, and what sticks out. */
function widths() {
  const outside = document.documentElement.clientWidth;
  const scrolls = (element) => {
    for (let at = element.parentElement; at; at = at.parentElement) {
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX) && at !== document.body) {
        return true;
      }
    }
    return false;
  };
  const sticking = [...document.body.querySelectorAll("*")]
    .filter((e) => e.getBoundingClientRect().right > outside + 1 && !scrolls(e))
    .slice(0, 3)
    .map((e) => `${e.tagName.toLowerCase()}.${e.getAttribute("class") ?? ""}`);
  return { inside: document.documentElement.scrollWidth, outside, sticking };
}

test("navigation leads to every page, and says where one is", async ({ page }) => {
  await page.goto("/");
  for (const [name, path] of Object.entries(PAGES)) {
    const link = menu(page).getByRole("link", { name, exact: true });
    await link.click();
    await expect(page).toHaveURL((url) => url.pathname === path || (path === "/" && url.pathname === "/runs"));
    await expect(link).toHaveAttribute("aria-current", "page");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
    await expect(page).toHaveTitle(new RegExp(name, "i"));
  }
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("the menu leads everywhere, and what is touched is large enough", async ({ page }) => {
    await page.goto("/");
    for (const name of ["Functions", "Audit", "Runs"]) {
      const link = menu(page).getByRole("link", { name, exact: true });
      if (!(await link.isVisible())) await page.getByRole("button", { name: /menu/i }).tap();
      await expect(link).toBeInViewport();
      expect((await link.boundingBox()).height).toBeGreaterThanOrEqual(44);
      await link.tap();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
    }
    const small = await page.evaluate(() =>
      [...document.querySelectorAll("main button, main input, main select")]
        .filter((e) => e.checkVisibility() && e.type !== "hidden" && e.getBoundingClientRect().height < 43.5)
        .map((e) => e.outerHTML.slice(0, 120)),
    );
    expect(small).toEqual([]);
  });

  test("a run is read and cancelled", async ({ page, host }) => {
    const run = await host.made("test/sleeper", { ms: 3_600_000 }, "Sleeping");
    await page.goto(`/runs/${run.run_id}`);
    await expect(page.getByRole("rowheader", { name: "nap" })).toBeVisible();
    await page.getByRole("button", { name: "Cancel run" }).tap();
    const dialog = page.getByRole("dialog");
    await expect(dialog).toBeInViewport({ ratio: 1 });
    await dialog.getByRole("button", { name: "Cancel run" }).tap();
    await expect(status(page)).toHaveText("Cancelled");
  });
});

test("with the keyboard alone: past the navigation, to a run, and back", async ({ page, host }) => {
  const run = await host.made("test/ten-steps", { n: 1, order: "o-keys" }, "Completed");
  await page.goto("/?q=data.order%3Ao-keys");
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: /skip/i });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  // the next stop is in what the page is about
  const seen = [];
  for (let n = 0; n < 30; n++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      const box = e.getBoundingClientRect();
      const style = getComputedStyle(e);
      // a row wears the ring of its link
      const row = e.closest("tr");
      const isRowMarked = row !== null && getComputedStyle(row).outlineStyle !== "none";
      return {
        name: e.getAttribute("aria-label") ?? e.textContent.trim().slice(0, 40) + (e.id ? `#${e.id}` : ""),
        href: e.getAttribute("href"),
        inMain: Boolean(e.closest("main")),
        isSeen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
        // a field of a time shows it around its parts
        hasRing: isRowMarked || e.type === "datetime-local" || style.outlineStyle !== "none" || style.boxShadow !== "none",
      };
    });
    seen.push(at);
    expect(at.inMain, JSON.stringify(seen)).toBe(true);
    expect(at.isSeen, JSON.stringify(at)).toBe(true);
    expect(at.hasRing, JSON.stringify(at)).toBe(true);
    if (at.href?.includes(run.run_id)) break;
  }
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(run.run_id));
  await expect(status(page)).toHaveText("Completed");
  await page.goBack();
  await expect(page).toHaveURL(/o-keys/);
});

test("a filter is chosen with the keyboard without losing one's place", async ({ page }) => {
  await page.goto("/");
  const choice = page.getByLabel("Status");
  await choice.focus();
  for (let n = 0; n < 3; n++) await page.keyboard.press("ArrowDown");
  await expect(choice).toBeFocused();
  expect(await choice.evaluate((element) => element.selectedIndex)).toBe(3);
});

test("the theme is the system's until one chooses, and then one's own", async ({ page, context }) => {
  const ground = (at) => at.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.goto("/");
  const light = await ground(page);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground(page);
  expect(dark).not.toBe(light);
  await page.emulateMedia({ colorScheme: "light" });
  await page.getByRole("button", { name: "Switch theme" }).click();
  await expect.poll(() => ground(page)).toBe(dark);
  await page.goto("/events");
  expect(await ground(page)).toBe(dark);
  const other = await context.newPage();
  await other.goto("/functions");
  expect(await ground(other)).toBe(dark);
  await other.getByRole("button", { name: "Switch theme" }).click();
  await expect.poll(() => ground(other)).toBe(light);
});

test.describe("elsewhere", () => {
  test.use({ timezoneId: "Asia/Kolkata" });

  test("times are the reader's, with the exact one on hover", async ({ page, host }) => {
    const run = await host.made("test/ten-steps", { n: 1 }, "Completed");
    await page.goto(`/runs/${run.run_id}`);
    const time = page.locator(`time[datetime^="${run.run_started_at.slice(0, 19)}"]`).first();
    const there = new Date(new Date(run.run_started_at).getTime() + 5.5 * 3_600_000).toISOString();
    // hours and minutes there, and which zone that is
    await expect(time).toHaveAttribute("title", new RegExp(there.slice(11, 19)));
    await expect(time).toHaveAttribute("title", /GMT\+5:30|IST|Kolkata|\+05:30/);
  });
});

test.describe("a day elsewhere", () => {
  test.use({ timezoneId: "Asia/Kolkata" });

  test("a time that one types is the reader's as well", async ({ page, host }) => {
    const run = await host.made("test/ten-steps", { n: 1, order: "o-zone" }, "Completed");
    const there = (minutes) =>
      new Date(Date.parse(run.created_at) + (5.5 * 60 + minutes) * 60_000).toISOString().slice(0, 16);
    await page.goto("/?q=data.order%3Ao-zone");
    await expect(runLink(page, run.run_id)).toBeVisible();
    for (const [from, isFound] of [
      [there(-2), true],
      [there(+2), false],
    ]) {
      await page.getByLabel("From").fill(from);
      await page.getByRole("button", { name: "Apply" }).click();
      await expect(page).toHaveURL(/from=/);
      await expect(page.getByLabel("From"), "as it was typed").toHaveValue(from);
      await expect(runLink(page, run.run_id)).toHaveCount(isFound ? 1 : 0);
    }
  });
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a run is found, read and cancelled", async ({ page, host }) => {
    const run = await host.made("test/sleeper", { ms: 3_600_000, order: "o-plain" }, "Sleeping");
    await page.goto("/");
    await page.getByLabel("Search").fill("data.order:o-plain");
    await page.keyboard.press("Enter");
    await page.locator(`tbody a[href*="/runs/${run.run_id}"]`).first().click();
    await expect(status(page)).toHaveText("Sleeping");
    await page.getByRole("button", { name: "Cancel run" }).click();
    await expect(page.getByTestId("run-status")).toHaveText("Cancelled");
  });
});
