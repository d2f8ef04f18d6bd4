import assert from "node:assert/strict";
import { test } from "node:test";

import { PHONE, REFUSED, fitsThePhone, isAccessible, site } from "./harness.js";

const { server, visit } = site("--app", "items");

const add = (document) => server.call("POST", "/items", document);
const REST = /demás campos/;

test("a person adds a document of her own shape", () =>
  visit(async (page) => {
    await page.goto("/");
    await page.getByRole("main").getByRole("link", { name: "Añadir" }).first().click();
    await page.getByLabel("Nombre").fill("Bicicleta");
    await page.getByLabel(REST).fill('{"price": 120, "tags": ["azul", "vieja"]}');
    await page.getByRole("main").getByRole("button", { name: "Añadir" }).click();
    await page.getByText("Documento añadido correctamente").waitFor();
    await page.getByRole("region", { name: "Como JSON" }).getByText('"azul"').waitFor();
    const { items } = await server.call("GET", "/items?filter=price%3D120");
    assert.deepEqual(items[0].tags, ["azul", "vieja"]);
  }));

test("text that is no JSON stays in the form with the reason", () =>
  visit(
    async (page) => {
      await page.goto("/items/new");
      await page.getByLabel("Nombre").fill("Mal escrito");
      await page.getByLabel(REST).fill("{precio: 1}");
      await page.getByRole("main").getByRole("button", { name: "Añadir" }).click();
      await page.getByRole("alert").waitFor();
      assert.equal(await page.getByLabel(REST).inputValue(), "{precio: 1}");
      assert.equal(await page.getByLabel("Nombre").inputValue(), "Mal escrito");
      await isAccessible(page);
    },
    { allowed: [REFUSED] },
  ));

test("a person changes and deletes a document", async () => {
  const { id } = await add({ name: "Silla", deep: { legs: 4 } });
  await visit(async (page) => {
    await page.goto(`/items/${id}`);
    assert.match(await page.getByLabel(REST).inputValue(), /"legs": 4/);
    await page.getByLabel(REST).fill('{"deep": {"legs": 3}}');
    await page.getByRole("button", { name: "Guardar" }).click();
    await page.getByText("Documento guardado correctamente").waitFor();
    assert.deepEqual((await server.call("GET", `/items/${id}`)).deep, { legs: 3 });
    await page.getByRole("link", { name: "Eliminar este documento" }).click();
    await page.getByRole("button", { name: "Eliminar" }).click();
    await page.getByText("Documento eliminado correctamente").waitFor();
  });
  assert.equal((await fetch(`${server.url}/items/${id}`)).status, 404);
});

test("of two people who save one document, the second is told and keeps her text", async () => {
  const { id } = await add({ name: "Mesa" });
  for (const options of [{}, PHONE]) {
    await visit(
      async (page, context) => {
        await page.goto(`/items/${id}`);
        await page.getByLabel("Descripción").fill("Lo que escribo yo");
        await server.call("PATCH", `/items/${id}`, { description: `De otra persona (${JSON.stringify(options)})` });
        await page.getByRole("button", { name: "Guardar" }).click();
        await page.getByRole("alert").getByText("Otra persona guardó un cambio").waitFor();
        assert.equal(await page.getByLabel("Descripción").inputValue(), "Lo que escribo yo");
        await fitsThePhone(page);
        await isAccessible(page);
        const opened = context.waitForEvent("page");
        await page.getByRole("link", { name: "Ver lo que está guardado ahora" }).click();
        assert.match(await (await opened).getByLabel("Descripción").inputValue(), /^De otra persona/);
        await page.getByRole("button", { name: "Guardar" }).click();
        await page.getByText("Documento guardado correctamente").waitFor();
        assert.equal((await server.call("GET", `/items/${id}`)).description, "Lo que escribo yo");
      },
      { ...options, allowed: [/status of 412/] },
    );
  }
});

test("words and filters find documents", async () => {
  await add({ name: "Uno", set: "buscar", n: 1 });
  await add({ name: "Dos", set: "buscar", n: 2 });
  await visit(
    async (page) => {
      await page.goto("/");
      await page.getByLabel("Filtro").fill("set = 'buscar' && n > 1");
      await page.getByRole("button", { name: "Buscar" }).click();
      await page.getByRole("link", { name: "Dos" }).waitFor();
      assert.equal(await page.getByRole("link", { name: "Uno", exact: true }).count(), 0);
      await page.getByLabel("Filtro").fill("set = ");
      await page.getByRole("button", { name: "Buscar" }).click();
      await page.locator("#filter-error").waitFor();
      assert.equal(await page.getByLabel("Filtro").inputValue(), "set = ");
      await isAccessible(page);
    },
    { allowed: [REFUSED] },
  );
});

test("every page is accessible and fits a phone", async () => {
  const { id } = await add({ name: "Ancho", wide: "x".repeat(500), deep: { a: { b: { c: [1, 2, 3] } } } });
  await visit(async (page) => {
    for (const target of ["/", "/items/new", `/items/${id}`, `/items/${id}/delete`]) {
      await page.goto(target);
      await fitsThePhone(page);
      await isAccessible(page);
    }
  }, PHONE);
});
