// axe-core on a page as it is now.
import fs from "node:fs";
import { createRequire } from "node:module";
import { expect } from "@playwright/test";

const source = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Nothing that WCAG 2.1 AA calls serious or critical. */
export async function accessible(page, what) {
  // through the debugger, so that the page's policy stays as it is
  await page.evaluate(source);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
      resultTypes: ["violations"],
      // it would ask for the style sheets again
      preload: false,
    }),
  );
  const told = violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((n) => `${n.target} (${n.any[0]?.message ?? n.failureSummary})`).join("; ")}`);
  expect.soft(told, what).toEqual([]);
}
