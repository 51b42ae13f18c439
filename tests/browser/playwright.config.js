// How the tests run: `cargo xtask browser` starts this, and names the browser and the host.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  testMatch: "*.test.js",
  outputDir: "results",
  // each test's host is its worker's: files go side by side, the tests in one do not
  workers: process.env.PAWL_BROWSER_WORKERS ? Number(process.env.PAWL_BROWSER_WORKERS) : 2,
  forbidOnly: Boolean(process.env.CI),
  // a test that fails now and then has found something
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    timezoneId: "UTC",
    colorScheme: "light",
    trace: process.env.CI ? "off" : "retain-on-failure",
    actionTimeout: 10_000,
    launchOptions: {
      executablePath: process.env.PAWL_BROWSER ?? "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // nothing is looked up: what reaches out fails, and is seen
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
      ],
    },
  },
});
