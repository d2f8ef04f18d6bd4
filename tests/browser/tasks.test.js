import assert from "node:assert/strict";
import { test } from "node:test";

import { PHONE, REFUSED, fitsThePhone, isAccessible, site, tabTo } from "./harness.js";

const { server, visit } = site("--app", "tasks");

const add = (title, description = "Para probar", done = false) =>
  server.call("POST", "/add", { title, description, done });
const card = (page, title) => page.getByRole("listitem").filter({ hasText: title });

async function fillIn(page, title, description) {
  await page.getByLabel("Título").fill(title);
  await page.getByLabel("Descripción", { exact: true }).fill(description);
  await page.getByRole("main").getByRole("button", { name: "Añadir" }).click();
}

test("a person adds a task and finds it in the list", () =>
  visit(async (page) => {
    await page.goto("/");
    await page.getByRole("main").getByRole("link", { name: "Añadir" }).first().click();
    await fillIn(page, "Regar las plantas", "También el cactus");
    await page.getByRole("status").filter({ hasText: "Tarea añadida correctamente" }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/add");
    assert.equal(await page.getByLabel("Título").inputValue(), "");
    await page.getByRole("navigation").getByRole("link", { name: "Lista" }).click();
    await card(page, "Regar las plantas").getByText("También el cactus").waitFor();
    await page.reload();
    assert.equal(await page.getByText("Tarea añadida correctamente").count(), 0);
  }));

test("what is wrong stands beside the field, and what was typed stays", () =>
  visit(
    async (page) => {
      await page.goto("/add");
      await fillIn(page, "", "Esto <b>se queda</b>");
      await page.getByRole("alert").waitFor();
      const title = page.getByLabel("Título");
      assert.equal(await title.getAttribute("aria-invalid"), "true");
      const description = await title.evaluate((field) => {
        const ids = field.getAttribute("aria-describedby").split(" ");
        return ids.map((id) => document.getElementById(id).textContent).join(" ");
      });
      assert.match(description, /Escribe un título/);
      assert.equal(await page.getByLabel("Descripción", { exact: true }).inputValue(), "Esto <b>se queda</b>");
      assert.match(await page.title(), /^\S+.*·/);
      await isAccessible(page);
      await title.fill("Ahora sí");
      await page.getByRole("main").getByRole("button", { name: "Añadir" }).click();
      await page.getByText("Tarea añadida correctamente").waitFor();
    },
    { allowed: [REFUSED] },
  ));

test("a person changes a task", async () => {
  await add("Comprar pan", "Integral");
  await visit(async (page) => {
    await page.goto("/update");
    await page.getByRole("link", { name: "Comprar pan" }).click();
    assert.equal(await page.getByLabel("Descripción", { exact: true }).inputValue(), "Integral");
    await page.getByLabel("Descripción", { exact: true }).fill("De centeno");
    await page.getByLabel("Hecha").check();
    await page.getByRole("button", { name: "Guardar" }).click();
    await page.getByText("Tarea actualizada correctamente").waitFor();
    assert.equal(new URL(page.url()).pathname, "/update");
    await page.goto("/");
    await card(page, "Comprar pan").getByText("De centeno").waitFor();
    await card(page, "Comprar pan").getByText("Hecha").waitFor();
  });
});

test("a person deletes a task, but not before saying so twice", async () => {
  await add("Sobra esta tarea");
  await visit(async (page) => {
    await page.goto("/");
    await page.getByRole("link", { name: "Eliminar: Sobra esta tarea" }).click();
    await page.getByRole("heading", { name: "¿Eliminar esta tarea?" }).waitFor();
    await page.getByRole("link", { name: "Cancelar" }).click();
    await card(page, "Sobra esta tarea").waitFor();
    await page.getByRole("link", { name: "Eliminar: Sobra esta tarea" }).click();
    await page.getByRole("button", { name: "Eliminar" }).click();
    await page.getByText("Tarea eliminada correctamente").waitFor();
    assert.equal(await card(page, "Sobra esta tarea").count(), 0);
  });
});

test("search finds words and states", async () => {
  await add("Aguja fina", "en un pajar");
  await add("Otra aguja", "ya encontrada", true);
  await visit(async (page) => {
    await page.goto("/");
    await page.getByRole("searchbox").fill("AGUJA");
    await page.keyboard.press("Enter");
    await card(page, "Aguja fina").waitFor();
    assert.equal(await page.locator("#tasks").getByRole("listitem").count(), 2);
    await page.getByLabel("Estado").selectOption({ label: "Hechas" });
    await page.getByRole("button", { name: "Buscar" }).click();
    await card(page, "Otra aguja").waitFor();
    assert.equal(await page.locator("#tasks").getByRole("listitem").count(), 1);
    assert.equal(await page.getByRole("searchbox").inputValue(), "AGUJA");
    await page.getByRole("searchbox").fill("no hay tal cosa");
    await page.keyboard.press("Enter");
    await page.getByText("Ninguna tarea coincide").waitFor();
  });
});

test("a long list has pages", async () => {
  for (let n = 0; n < 35; ++n) await add(`Larga ${n}`);
  await visit(async (page) => {
    await page.goto("/?q=Larga");
    assert.equal(await page.locator("#tasks").getByRole("listitem").count(), 30);
    await page.locator('a[rel="next"]').click();
    await card(page, "Larga 0").waitFor();
    assert.equal(await page.locator("#tasks").getByRole("listitem").count(), 5);
    await page.locator('a[rel="prev"]').click();
    await card(page, "Larga 34").waitFor();
  });
});

test("what one person adds, changes and deletes appears to another without reload", () =>
  visit(async (one, context) => {
    const two = await context.newPage();
    await two.goto("/");
    // A mark in the page's memory: a reload would lose it.
    await two.evaluate(() => (globalThis.mark = true));
    await one.goto("/add");
    await fillIn(one, "Aparece sola", "En la otra ventana");
    await card(two, "Aparece sola").waitFor();
    await one.goto("/");
    await one.getByRole("link", { name: "Cambiar: Aparece sola" }).click();
    await one.getByLabel("Título").fill("Cambia sola");
    await one.getByRole("button", { name: "Guardar" }).click();
    await card(two, "Cambia sola").waitFor();
    await one.goto("/");
    await one.getByRole("link", { name: "Eliminar: Cambia sola" }).click();
    await one.getByRole("button", { name: "Eliminar" }).click();
    await card(two, "Cambia sola").waitFor({ state: "detached" });
    assert.equal(await two.evaluate(() => globalThis.mark), true);
  }));

test("everything works without JavaScript", () =>
  visit(
    async (page) => {
      await page.goto("/add");
      await fillIn(page, "Sin guiones", "Solo HTML");
      await page.getByText("Tarea añadida correctamente").waitFor();
      await page.goto("/?q=guiones");
      await page.getByRole("link", { name: "Cambiar: Sin guiones" }).click();
      await page.getByLabel("Título").fill("Sin ningún guion");
      await page.getByRole("button", { name: "Guardar" }).click();
      await page.goto("/?q=guion");
      await page.getByRole("link", { name: "Eliminar: Sin ningún guion" }).click();
      await page.getByRole("button", { name: "Eliminar" }).click();
      await page.getByText("Tarea eliminada correctamente").waitFor();
    },
    { javaScriptEnabled: false },
  ));

test("the keyboard is enough", () =>
  visit(async (page) => {
    await page.goto("/add");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // the skip link
    await tabTo(page, "Título");
    await page.keyboard.type("Con el teclado");
    await tabTo(page, "Descripción");
    await page.keyboard.type("Sin ratón");
    await tabTo(page, "Hecha");
    await page.keyboard.press("Space");
    await tabTo(page, "Añadir");
    await page.keyboard.press("Enter");
    await page.getByText("Tarea añadida correctamente").waitFor();
    await page.goto("/?q=teclado");
    await tabTo(page, "Eliminar: Con el teclado");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "¿Eliminar esta tarea?" }).waitFor();
    await tabTo(page, "Eliminar");
    await page.keyboard.press("Enter");
    await page.getByText("Tarea eliminada correctamente").waitFor();
  }));

test("a phone shows every page whole", async () => {
  const { id } = await add("Palabramuylargasinningunespacio".repeat(6), "https://example.org/" + "a".repeat(300));
  await visit(async (page) => {
    for (const target of ["/", "/add", "/update", `/update/${id}`, `/delete/${id}`, "/?q=nada"]) {
      await page.goto(target);
      await fitsThePhone(page);
      await isAccessible(page);
    }
  }, PHONE);
});

test("it speaks the reader's language and keeps her choice", async () => {
  await visit(async (page) => {
    await page.goto("/");
    await page.getByRole("heading", { name: "Tareas", level: 1 }).waitFor();
    await page.getByRole("link", { name: "English" }).click();
    await page.getByRole("heading", { name: "Tasks", level: 1 }).waitFor();
    await page.goto("/add");
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    await isAccessible(page);
  });
  await visit(
    async (page) => {
      await page.goto("/");
      assert.equal(await page.locator("html").getAttribute("lang"), "en");
    },
    { locale: "en-GB" },
  );
});

test("what is not there has a page", () =>
  visit(
    async (page) => {
      const answer = await page.goto("/update/aaaaaaaaaaaaaaa");
      assert.equal(answer.status(), 404);
      await isAccessible(page);
      await page.getByRole("main").getByRole("link").click();
      await page.getByRole("heading", { name: "Tareas", level: 1 }).waitFor();
    },
    { allowed: [/status of 404/] },
  ));
