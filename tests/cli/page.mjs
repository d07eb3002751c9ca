// Looks at the page of a report in chromium, in both colours and at two widths: no request but the page's own, no word on the console, nothing for
// axe-core to complain of, nothing wider than the window, no text on another, and all of it within reach of the keyboard. First in a file,
// then of a run that goes on, which goes on when this program says `open` and what it waits for. SHOTS=FOLDER keeps pictures, and what a printer would print.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [, , tools, executablePath, file, live] = process.argv;
const require = createRequire(`${tools}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
let failed = false;

function report(what, faults) {
  console.log(`${what}: ${faults.join("; ") || "ok"}`);
  failed ||= faults.length > 0;
}

// A page whose faults are collected; it may ask for `url` alone, with or without a question mark and what is behind it.
async function open(url, options, faults) {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(60_000);
  const asked = (request) => request.url().replace(/[?#].*$/, "");
  page.on("console", (message) => faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error}`));
  page.on("dialog", (dialog) => faults.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => asked(request) === url.replace(/[?#].*$/, "") || faults.push(`request: ${request.url()}`));
  await page.goto(url);
  return page;
}

// Texts of the drawings that cover each other.
function covered() {
  const faults = [];
  for (const drawing of document.querySelectorAll("svg")) {
    const texts = [...drawing.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    texts.forEach(([a, one], nth) => {
      for (const [b, other] of texts.slice(nth + 1)) {
        const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        if (across > 1 && down > 3) faults.push(`\`${a}\` and \`${b}\` cover each other`);
      }
    });
  }
  return faults;
}

async function look(name, url) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 420]) {
      // Each colour and each width is looked at; for pictures, each with each.
      if (!process.env.SHOTS && (colorScheme === "light") !== (width > 1000)) continue;
      const faults = [];
      const options = { colorScheme, viewport: { width, height: 900 } };
      const page = await open(url, options, faults);
      const shot = `${process.env.SHOTS}/${name}-${colorScheme}-${width}`;
      if (process.env.SHOTS) await page.screenshot({ path: `${shot}.png`, fullPage: true });
      if (process.env.SHOTS && width > 1000) await page.pdf({ path: `${shot}.pdf`, format: "A4" });
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      if (!page.url().endsWith("#main")) faults.push("the first tab does not skip to the figures");
      await page.evaluate(axe);
      const { passes, violations } = await page.evaluate(() => axe.run());
      if (!passes.some((rule) => rule.id === "color-contrast")) faults.push("contrast was not checked");
      for (const rule of violations) faults.push(`axe: ${rule.id}: ${rule.nodes.length}: ${rule.nodes[0].html}`);
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (beyond > 0) faults.push(`${beyond} pixels wider than the window`);
      faults.push(...(await page.evaluate(covered)));
      await page.close();
      report(`${name} ${colorScheme} ${width}`, faults);
    }
  }
}

await look("file", `file://${file}`);
if (live) {
  // What shows itself again cannot be looked at for long; a link stops it, and goes on.
  await look("live", `${live}?paused`);
  const faults = [];
  const page = await open(live, {}, faults);
  await page.getByRole("link", { name: "Pause" }).click();
  await page.getByRole("link", { name: "Follow the run" }).click();
  const shows = (words) => page.locator("header", { hasText: words }).waitFor();
  await shows("stage 2 of 4");
  console.log("open gate");
  // It shows itself again.
  await shows("stage 4 of 4");
  console.log("open second");
  do await page.goto(live);
  while ((await page.locator(".status").textContent()) === "running");
  await shows("finished");
  await page.close();
  report("followed to its end", faults);
}
await browser.close();
process.exit(failed ? 1 : 0);
