// Pictures of every page for the documentation. `PAWL_SCREENSHOTS=1` draws them anew;
// else it is only looked whether there is one of each, small, and shown somewhere.
import fs from "node:fs";
import path from "node:path";
import { expect, test } from "@playwright/test";
import UPNG from "upng-js";
import { PAGES } from "./fixtures.js";
import { Host, repository, SIGNING_KEY } from "./host.js";
import { stories, wave } from "./shop.js";

const FOLDER = path.join(repository, "docs/screens");
const LIMIT = 100_000;

/** Rules of alerts, which tell nobody. */
const CONFIG = `
[[alert]]
name = "orders failing"
when = "failed"
function = "ship-order"

[[alert]]
name = "payments failing"
when = "error_rate"
function = "process-payment-*"
above = "5%"

[[alert]]
name = "shipping is slow"
when = "slow"
function = "ship-order"
above = "30s"

[[alert]]
name = "no checkouts"
when = "silence"
event = "stripe/checkout.session.completed"
within = "6h"
`;

/** Pages by the name of their picture; the path, or what gives it. */
const SHOWN = {
  ...Object.fromEntries(Object.entries(PAGES).map(([name, path]) => [name.toLowerCase(), () => path])),
  metrics: () => "/charts?period=1h",
  run: ({ tried }) => `/runs/${tried.run_id}`,
  "run-failed": ({ broken }) => `/runs/${broken.run_id}`,
  function: () => "/functions/ship-order",
  event: ({ declined }) => `/events/${declined.event_id}`,
  login: () => "/login",
};
const ON_PHONE = ["runs", "run"];

const PICTURES = [
  ...Object.keys(SHOWN).flatMap((name) => ["light", "dark"].map((scheme) => ({ name, scheme }))),
  ...ON_PHONE.map((name) => ({ name, scheme: "light", isPhone: true })),
].map((picture) => ({
  ...picture,
  file: `${picture.name}-${picture.isPhone ? "phone" : picture.scheme}.png`,
}));

if (process.env.PAWL_SCREENSHOTS === "1") {
  test("pictures of every page", async ({ browser }) => {
    test.setTimeout(600_000);
    const host = await Host.start({
      functions: [
        "functions/process-checkout-completed",
        "functions/process-payment-succeeded",
        "functions/process-payment-failed",
        "guests-wasm/shop",
      ],
      config: CONFIG,
    });
    // some minutes of it, so that there is something on the charts' axes
    for (let n = 0; n < 10; n++) {
      const troubles = [[], ["printer"], [null, "card"], [], ["total"]][n % 5];
      await wave(host, 1000 + n * 20, { troubles, size: 6 + ((n * 5) % 9) });
      await new Promise((resolve) => setTimeout(resolve, 15_000));
    }
    const made = await stories(host);
    await host.deliver("payment_intent.succeeded", { id: "evt_forged_2", secret: "whsec_of_another_endpoint" });
    fs.mkdirSync(FOLDER, { recursive: true });
    const login = await loggedIn(host);
    await somethingOnRecord(login, host, made);
    for (const { name, scheme, isPhone, file } of PICTURES) {
      const context = await browser.newContext({
        baseURL: host.url,
        storageState: name === "login" ? undefined : login,
        colorScheme: scheme,
        viewport: isPhone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
        isMobile: isPhone,
        timezoneId: "Europe/Berlin",
      });
      const page = await context.newPage();
      await page.goto(SHOWN[name](made));
      await page.waitForLoadState("load");
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await page.evaluate(() => document.fonts.ready);
      fs.writeFileSync(path.join(FOLDER, file), fewer(await page.screenshot({ animations: "disabled", caret: "hide" })));
      await context.close();
    }
    await host.stop();
  });
}

test("each page has its pictures, small ones, which the documentation shows", () => {
  const text = fs.readFileSync(path.join(repository, "docs/dashboard.md"), "utf8");
  for (const { file, isPhone } of PICTURES) {
    const bytes = fs.readFileSync(path.join(FOLDER, file));
    expect(bytes.length, file).toBeLessThan(LIMIT);
    // a PNG's width and height
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], file).toEqual(isPhone ? [390, 844] : [1280, 800]);
    expect(text, file).toContain(`screens/${file}`);
  }
  expect(fs.readdirSync(FOLDER).sort()).toEqual(PICTURES.map(({ file }) => file).sort());
});

/** A login as a browser keeps it. */
async function loggedIn(host) {
  const body = new URLSearchParams({ key: SIGNING_KEY, to: "/" });
  const answer = await fetch(`${host.url}/login`, { method: "POST", body, redirect: "manual" });
  const [, name, value] = /^([^=]+)=([^;]*)/.exec(answer.headers.getSetCookie()[0]);
  const cookie = { name, value, domain: "127.0.0.1", path: "/", expires: -1, httpOnly: true, secure: false };
  return { cookies: [{ ...cookie, sameSite: "Strict" }], origins: [] };
}

/** What operators do, so that the audit log tells of it. */
async function somethingOnRecord(login, host, { declined, asleep }) {
  const headers = { cookie: login.cookies.map(({ name, value }) => `${name}=${value}`).join("; ") };
  const form = async (page, action, more = {}) => {
    const html = await (await fetch(host.url + page, { headers })).text();
    const csrf = /name="csrf" value="([^"]*)"/.exec(html)[1];
    const body = new URLSearchParams({ csrf, ...more });
    const answer = await fetch(host.url + action, { method: "POST", headers: { ...headers, origin: host.url }, body, redirect: "manual" });
    expect(answer.status, action).toBe(303);
  };
  await form(`/events/${declined.event_id}`, "/ui/reveal", { subject: `event:${declined.event_id}` });
  await form(`/events/${declined.event_id}`, "/ui/conceal", { subject: `event:${declined.event_id}` });
  await form(`/runs/${declined.run_id}`, `/ui/runs/${declined.run_id}/rerun`);
  await form(`/runs/${asleep.run_id}`, `/ui/runs/${asleep.run_id}/cancel`);
  await form("/functions/remind-of-cart", "/ui/functions/remind-of-cart/pause");
  await form("/functions/remind-of-cart", "/ui/functions/remind-of-cart/resume");
  // what it says of the last one is read here, and not in the pictures
  await fetch(`${host.url}/functions`, { headers });
}

/** The same picture in at most 256 colours: a third of the bytes. */
function fewer(png) {
  const image = UPNG.decode(png);
  return Buffer.from(UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, 256));
}
