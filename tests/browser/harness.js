// Starts the built server and Debian's Chromium, and watches every page: a request to another host, a breach of the
// Content-Security-Policy, an error in the console or in a script fails the test that opened it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import axe from "axe-core";
import { chromium } from "playwright-core";

const PATIENCE = 10_000;

export class Server {
  async start(args) {
    this.folder = await mkdtemp(path.join(tmpdir(), "minga-browser-"));
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(MINGA_.*|PORT|BIND_PORT|DATABASE_URL)$/.test(name)),
    );
    const data = path.join(this.folder, "data");
    const own = await Promise.all(args.map((argument) => (typeof argument === "function" ? argument() : argument)));
    this.process = spawn(process.env.MINGA_BINARY, ["serve", "--listen", "127.0.0.1:0", "--data", data, ...own], {
      env,
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.log = "";
    this.process.stderr.on("data", (text) => (this.log = (this.log + text).slice(-20_000)));
    this.exited = once(this.process, "exit");
    const lines = readline.createInterface({ input: this.process.stdout });
    const first = await Promise.race([once(lines, "line"), this.exited]);
    this.url = String(first[0]).replace(/\/$/, "");
    assert.match(this.url, /^http/, `no URL; log:\n${this.log}`);
  }

  async stop() {
    this.process.kill("SIGTERM");
    const [status] = await this.exited;
    await rm(this.folder, { recursive: true, force: true });
    assert.equal(status, 0, `the server ended with ${status}; log:\n${this.log}`);
  }

  // A request as a program makes it, to prepare what a person will see.
  async call(method, target, body) {
    const answer = await fetch(this.url + target, {
      method,
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    assert.ok(answer.ok, `${method} ${target}: ${answer.status} ${await answer.clone().text()}`);
    return answer.status === 204 ? null : answer.json();
  }
}

// What was started is stopped after a file's last test, the last one first: a server before the database under it.
const started = [];

function stopInTheEnd(stop) {
  if (started.length === 0) {
    after(async () => {
      const faults = [];
      for (const stop of started.reverse()) await stop().catch((fault) => faults.push(fault));
      assert.deepEqual(faults, []);
    });
  }
  started.push(stop);
}

// For a test file: gives the URL of a fresh database of a PostgreSQL server of its own, as a promise.
export function postgres() {
  const support = path.join(path.dirname(fileURLToPath(import.meta.url)), "../support");
  const script =
    "import postgres_server, sys; s = postgres_server.Postgres(); " +
    "print(s.create_database(), flush=True); sys.stdin.read(); s.stop()";
  const env = { ...process.env, PYTHONPATH: support, PYTHONDONTWRITEBYTECODE: "1" };
  const server = spawn("/usr/bin/python3", ["-c", script], { env, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(server, "exit");
  const first = Promise.race([once(readline.createInterface({ input: server.stdout }), "line"), ended]);
  stopInTheEnd(async () => {
    server.stdin.end();
    assert.equal((await ended)[0], 0);
  });
  return async () => String((await first)[0]);
}

// For a test file: a server with these options and a browser, from its first test to its last. An option may be a
// function that gives it, or a promise of it, when the server starts.
export function site(...args) {
  const server = new Server();
  let browser;
  before(async () => {
    await server.start(args);
    browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
    });
  });
  stopInTheEnd(async () => {
    await browser?.close();
    await server.stop();
  });

  // Runs `use(page, context)` in a browser context of its own and asserts that nothing went wrong behind it.
  // `allowed` are patterns of console errors that the test provokes, `elsewhere` is another site that may be asked.
  async function visit(use, { allowed = [], elsewhere, ...options } = {}) {
    const context = await browser.newContext({ baseURL: server.url, locale: "es-ES", ...options });
    context.setDefaultTimeout(PATIENCE);
    const faults = [];
    context.on("request", (request) => {
      const url = new URL(request.url());
      const isKnown = [server.url, elsewhere].includes(url.origin);
      if (url.protocol.startsWith("http") && !isKnown) faults.push(`a request to ${url.origin}`);
    });
    context.on("console", (message) => {
      const text = message.text();
      if (message.type() === "error" && !allowed.some((pattern) => pattern.test(text))) faults.push(`console: ${text}`);
    });
    context.on("weberror", (error) => faults.push(`script: ${error.error()}`));
    try {
      await use(await context.newPage(), context);
    } finally {
      await context.close();
    }
    assert.deepEqual(faults, []);
  }

  return { server, visit };
}

// Chromium writes this when a form is refused with 400; the page itself says why.
export const REFUSED = /status of 400/;

// axe-core finds nothing to complain about, in either colour scheme.
export async function isAccessible(page) {
  for (const colorScheme of ["light", "dark"]) {
    // Without motion a colour is at once what it will be: a button half way through its transition has no contrast.
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(found, [], `${page.url()} (${colorScheme})`);
  }
}

// Nothing has to be scrolled sideways, and what one taps is large enough.
export async function fitsThePhone(page) {
  const { scroll, width } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    width: document.documentElement.clientWidth,
  }));
  assert.ok(scroll <= width, `${page.url()} is ${scroll} px wide on a screen of ${width} px`);
}

export const PHONE = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };

// Presses Tab until the element that has the focus satisfies the test; fails after a number of stops.
export async function tabTo(page, name, stops = 40) {
  const seen = [];
  for (let stop = 0; stop < stops; ++stop) {
    await page.keyboard.press("Tab");
    const text = await page.evaluate(() => {
      const element = document.activeElement;
      const label = element.labels?.[0]?.textContent ?? element.getAttribute("aria-label") ?? element.textContent;
      return label.trim();
    });
    seen.push(text);
    if (text === name) {
      const visible = await page.evaluate(() => document.activeElement.matches(":focus-visible"));
      assert.ok(visible, `${name} has the focus but does not show it`);
      return;
    }
  }
  assert.fail(`Tab does not lead to "${name}", but to: ${seen.join(", ")}`);
}
