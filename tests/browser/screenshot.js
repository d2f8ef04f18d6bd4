// Makes README's picture: node screenshot.js FILE, with MINGA_BINARY naming the built server.

import { chromium } from "playwright-core";

import { Server } from "./harness.js";

const TASKS = [
  ["Buy bread", "Sourdough, from the corner", false],
  ["Water the plants", "The cactus too, but little", true],
  ["Call grandmother", "Before Sunday: she goes on a journey", false],
  ["Prepare the neighbourhood's minga", "Shovels, gloves, water and something to eat afterwards", false],
];

const server = new Server();
await server.start(["--app", "tasks"]);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--disable-gpu"] });
try {
  for (const [title, description, done] of TASKS) {
    await server.call("POST", "/add", { title, description, done });
    await new Promise((resolve) => setTimeout(resolve, 2)); // a millisecond each: the list shows them in their order
  }
  const page = await browser.newPage({ baseURL: server.url, locale: "en-GB", viewport: { width: 1000, height: 660 } });
  await page.goto("/");
  await page.screenshot({ path: process.argv[2] });
} finally {
  await browser.close();
  await server.stop();
}
