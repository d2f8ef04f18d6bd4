import assert from "node:assert/strict";
import { test } from "node:test";

import { PHONE, fitsThePhone, isAccessible, site } from "./harness.js";

const { server, visit } = site("--app", "hits");

const SEEN = /I have been seen (\d+) times/;

async function shown(page) {
  return Number((await page.getByText(SEEN).textContent()).match(SEEN)[1]);
}

test("each visit counts, looking does not", () =>
  visit(async (page) => {
    await page.goto("/");
    const first = await shown(page);
    await page.reload();
    assert.equal(await shown(page), first + 1);
    await page.getByRole("main").getByRole("link", { name: "Mirar sin contar" }).click();
    assert.equal(await shown(page), first + 1);
    assert.equal((await server.call("GET", "/count")).message, `Hello! I have been seen ${first + 1} times.`);
  }));

test("its pages are accessible and fit a phone", () =>
  visit(async (page) => {
    for (const target of ["/", "/count"]) {
      await page.goto(target);
      await isAccessible(page);
      await fitsThePhone(page);
    }
  }, PHONE));
