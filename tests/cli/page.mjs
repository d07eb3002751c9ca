// Looks at a page in chromium, in both colours and at two widths: no request, no word on the console, nothing for axe-core to complain of,
// nothing wider than the window, and all of it within reach of the keyboard. SHOTS=FOLDER keeps pictures.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [, , tools, browserPath, file] = process.argv;
const require = createRequire(`${tools}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
let failed = false;
for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 420]) {
    const faults = [];
    const viewport = { width, height: 900 };
    const page = await browser.newPage({ colorScheme, viewport });
    page.on("console", (message) => faults.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => faults.push(`error: ${error}`));
    page.on("dialog", (dialog) => faults.push(`dialog: ${dialog.message()}`));
    page.on("request", (request) => request.url() === `file://${file}` || faults.push(`request: ${request.url()}`));
    await page.goto(`file://${file}`);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${colorScheme}-${width}.png`, fullPage: true });
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    if (!page.url().endsWith("#main")) faults.push("the first tab does not skip to the figures");
    await page.close();
    // The page's policy lets no script in, and axe is one.
    const context = await browser.newContext({ bypassCSP: true, colorScheme, viewport });
    const checked = await context.newPage();
    await checked.goto(`file://${file}`);
    await checked.evaluate(axe);
    const { passes, violations } = await checked.evaluate(() => axe.run());
    if (!passes.some((rule) => rule.id === "color-contrast")) faults.push("contrast was not checked");
    for (const rule of violations) faults.push(`axe: ${rule.id}: ${rule.nodes.length}: ${rule.nodes[0].html}`);
    const beyond = await checked.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (beyond > 0) faults.push(`${beyond} pixels wider than the window`);
    await context.close();
    console.log(`${colorScheme} ${width}: ${faults.join("; ") || "ok"}`);
    failed ||= faults.length > 0;
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
