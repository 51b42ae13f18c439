// Who may see the dashboard, and how one comes in and goes out.
import { expect, Host, logIn, SIGNING_KEY, test } from "./fixtures.js";

test.use({ loggedIn: false });

test("a wrong key is refused with a word, the right one comes to the page that was wanted", async ({
  page,
  context,
}) => {
  context.watch.allow(/401|403/);
  await page.goto("/functions?sort=name");
  await expect(page).toHaveURL(/\/login\?to=/);
  const key = page.getByLabel("Signing key");
  await expect(key).toHaveAttribute("type", "password");
  await expect(key).toBeFocused();
  await logIn(page, "not-the-key");
  await expect(page.getByRole("alert")).toContainText(/key/i);
  await expect(page, "no key in the URL").not.toHaveURL(/not-the-key/);
  await logIn(page, ` ${SIGNING_KEY} `);
  await expect(page).toHaveURL(/\/functions\?sort=name$/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Functions");
});

test("who logs out is out, in every tab and with the old cookie", async ({ context }) => {
  context.watch.allow(/401/);
  const [page, other] = [await context.newPage(), await context.newPage()];
  await page.goto("/login");
  await logIn(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Runs");
  await other.goto("/events");
  const cookies = await context.cookies();
  expect(cookies).toMatchObject([{ name: "pawl_session", httpOnly: true, sameSite: "Strict", path: "/" }]);
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page).toHaveURL(/\/login/);
  // at the next sign of life of its connection
  await expect(other, "the other tab shows nothing that is out of date").toHaveURL(/\/login/, { timeout: 40_000 });
  await context.addCookies(cookies);
  await page.goto("/events");
  await expect(page).toHaveURL(/\/login\?to=%2Fevents$/);
});

test("a cookie that is not ours opens nothing", async ({ page, context, host }) => {
  await context.addCookies([{ name: "pawl_session", value: "0".repeat(64), url: host.url }]);
  await page.goto("/audit");
  await expect(page).toHaveURL(/\/login\?to=%2Faudit$/);
});

test("a login leads to no other site", async ({ page, host }) => {
  for (const to of ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]) {
    await page.goto(`/login?to=${encodeURIComponent(to)}`);
    await logIn(page);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Runs");
    expect(new URL(page.url()).origin).toBe(host.url);
    await page.context().clearCookies();
  }
});

test("who guesses has to wait, and the right key opens all the same", async ({ browser }) => {
  const host = await Host.start({ functions: [] });
  const page = await browser.newPage({ baseURL: host.url });
  await page.goto("/login");
  for (let n = 0; n < 10; n++) {
    await page.goto("/login");
    await logIn(page, `guess ${n}`);
    await expect(page.getByRole("alert")).toBeVisible();
  }
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  await logIn(page, "one guess too many");
  expect((await answered).status()).toBe(429);
  await expect(page.getByRole("alert")).toContainText(/minute|second|wait/i);
  await logIn(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Runs");
  await page.close();
  await host.stop();
});
