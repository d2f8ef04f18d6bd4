// PocketBase's own client, unchanged, as a program and as a page of another site use it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import PocketBase, { ClientResponseError } from "pocketbase";

import { postgres, site } from "./harness.js";

// Another site on this machine, whose pages all have the client. Gives its URL once it is there.
function otherSite() {
  const script = readFileSync(createRequire(import.meta.url).resolve("pocketbase/umd"), "utf8");
  const other = createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end(`<!doctype html><script>${script}</script>`);
  });
  before(() => new Promise((listening) => other.listen(0, "127.0.0.1", listening)));
  after(() => {
    other.close();
    other.closeAllConnections();
  });
  return () => `http://127.0.0.1:${other.address().port}`;
}

const elsewhere = otherSite();
const engines = { SQLite: site(), PostgreSQL: site("--database", postgres()) };

// That a request fails with this status, and what its answer says of it.
async function refused(status, promise) {
  const error = await promise.then(
    (answer) => assert.fail(`not refused, but answered: ${JSON.stringify(answer)}`),
    (failure) => failure,
  );
  assert.ok(error instanceof ClientResponseError, error.stack);
  assert.equal(error.status, status, JSON.stringify(error.response));
  return error.response;
}

for (const [engine, { server, visit }] of Object.entries(engines)) {
  const client = () => new PocketBase(server.url).autoCancellation(false);

  test(`a record is created, read, changed and deleted, on ${engine}`, async () => {
    const tasks = client().collection("tasks");
    const created = await tasks.create({ title: "Water the plants", description: "The cactus, too" });
    assert.match(created.id, /^[a-z0-9]{15}$/);
    assert.equal(created.collectionName, "tasks");
    assert.equal(created.done, false);
    assert.deepEqual(await tasks.getOne(created.id), created);

    const changed = await tasks.update(created.id, { done: true });
    assert.deepEqual({ ...changed, done: false, updated: created.updated }, created);
    assert.ok(changed.updated >= created.updated);

    const form = new FormData();
    form.append("title", "Water the garden");
    form.append("done", false);
    const sent = await tasks.update(created.id, form);
    assert.deepEqual({ ...sent, updated: created.updated }, { ...created, title: "Water the garden" });

    assert.equal(await tasks.delete(created.id), true);
    await refused(404, tasks.getOne(created.id));
    await refused(404, tasks.delete(created.id));
  });

  test(`records are filtered, sorted and paged, on ${engine}`, async () => {
    const pb = client();
    const tasks = pb.collection("tasks");
    const mark = "it's \"paged\" \\ 100_";
    for (const number of [3, 1, 5, 2, 4]) {
      await tasks.create({ title: `${mark} ${number}`, description: "A page of tasks", done: number > 3 });
    }
    const ours = pb.filter("title ~ {:mark} && created <= {:now}", { mark, now: new Date(Date.now() + 60_000) });
    const numbers = (items) => items.map(({ title }) => Number(title.at(-1)));

    const page = await tasks.getList(2, 2, { filter: ours, sort: "-title" });
    assert.deepEqual(numbers(page.items), [3, 2]);
    assert.deepEqual([page.page, page.perPage, page.totalItems, page.totalPages], [2, 2, 5, 3]);
    const uncounted = await tasks.getList(3, 2, { filter: ours, sort: "title", skipTotal: true });
    assert.deepEqual(numbers(uncounted.items), [5]);
    assert.deepEqual([uncounted.totalItems, uncounted.totalPages], [-1, -1]);

    const all = await tasks.getFullList({ filter: ours, sort: "title", fields: "title", batch: 2 });
    assert.deepEqual(all, [1, 2, 3, 4, 5].map((number) => ({ title: `${mark} ${number}` })));
    const first = await tasks.getFirstListItem(`${ours} && done = true`, { sort: "title" });
    assert.deepEqual(numbers([first]), [4]);
    await refused(404, tasks.getFirstListItem(`${ours} && done = null`));
  });

  test(`documents keep their shape, on ${engine}`, async () => {
    const pb = client();
    const items = pb.collection("items");
    const nested = { list: [1, { deep: "ñ" }, null], number: -0.5 };
    const { id } = await items.create({ name: "shape", description: "", nested });
    assert.deepEqual((await items.getOne(id)).nested, nested);
    const found = await items.getList(1, 10, { filter: pb.filter("nested.list.1.deep = {:deep}", { deep: "ñ" }) });
    assert.deepEqual(found.items.map((item) => item.id), [id]);
  });

  test(`an error says what is wrong with which field, on ${engine}`, async () => {
    const tasks = client().collection("tasks");
    const { message, data } = await refused(400, tasks.create({ title: "x".repeat(201) }));
    assert.equal(message, "Failed to create record.");
    assert.equal(data.title.code, "validation_max_text_constraint");
    assert.deepEqual(data.title.params, { max: 200 });
    assert.equal(data.description.code, "validation_required");
    await refused(400, tasks.getList(1, 10, { filter: "title = " }));
    await refused(404, client().collection("nowhere").getList());
  });

  test(`a write that is repeated with its key is done once, on ${engine}`, async () => {
    const pb = client();
    const key = randomUUID();
    const options = { headers: { "Idempotency-Key": key } };
    const task = { title: key, description: "Only one of it" };
    const first = await pb.collection("tasks").create(task, options);
    assert.deepEqual(await pb.collection("tasks").create(task, options), first);
    const stored = await pb.collection("tasks").getFullList({ filter: pb.filter("title = {:key}", { key }) });
    assert.deepEqual(stored, [first]);
  });

  test(`a token that nobody gave makes a guest, on ${engine}`, async () => {
    const pb = client();
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    pb.authStore.save(`${part({ alg: "HS256" })}.${part({ id: "1", exp: 4_000_000_000 })}.x`, { id: "1" });
    assert.ok(pb.authStore.isValid);
    await pb.collection("tasks").getList();
  });

  test(`of two equal reads the client gives up the first, and the second is answered, on ${engine}`, async () => {
    const tasks = new PocketBase(server.url).collection("tasks");
    const first = tasks.getList(1, 1).catch((error) => error);
    const second = await tasks.getList(1, 1);
    assert.equal(second.page, 1);
    assert.equal((await first).isAbort, true);
  });

  test(`a page of another site uses it, on ${engine}`, () =>
    visit(
      async (page) => {
        await page.goto(elsewhere());
        const seen = await page.evaluate(async (url) => {
          const tasks = new globalThis.PocketBase(url).collection("tasks");
          const headers = { "Idempotency-Key": "one-page-of-another-site" };
          const { id } = await tasks.create({ title: "From elsewhere", description: "Across origins" }, { headers });
          const changed = await tasks.update(id, { done: true });
          const deleted = await tasks.delete(id);
          const gone = await tasks.getOne(id).catch((error) => error.status);
          return { origin: globalThis.origin, done: changed.done, deleted, gone };
        }, server.url);
        assert.deepEqual(seen, { origin: elsewhere(), done: true, deleted: true, gone: 404 });
      },
      { allowed: [/status of 404/], elsewhere: elsewhere() },
    ));
}
