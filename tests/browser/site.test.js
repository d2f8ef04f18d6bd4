import assert from "node:assert/strict";
import { test } from "node:test";

import { PHONE, fitsThePhone, isAccessible, site } from "./harness.js";

const { visit } = site();

test("the start page leads to every application and back", () =>
  visit(async (page) => {
    await page.goto("/");
    await isAccessible(page);
    for (const name of ["Visitas", "Tareas", "Documentos"]) {
      await page.getByRole("main").getByRole("link", { name }).click();
      await page.getByRole("heading", { level: 1 }).waitFor();
      assert.notEqual(new URL(page.url()).pathname, "/");
      await page.getByRole("navigation").getByRole("link", { name: "aplicaciones" }).click();
      assert.equal(new URL(page.url()).pathname, "/");
    }
  }));

test("a task of the site is added below its prefix", () =>
  visit(async (page) => {
    await page.goto("/tasks/add");
    await page.getByLabel("Título").fill("Con prefijo");
    await page.getByLabel("Descripción", { exact: true }).fill("En el sitio de todas");
    await page.getByRole("main").getByRole("button", { name: "Añadir" }).click();
    await page.getByText("Tarea añadida correctamente").waitFor();
    assert.equal(new URL(page.url()).pathname, "/tasks/add");
    const other = await page.context().newPage();
    await other.goto("/tasks/");
    await other.getByText("Con prefijo", { exact: true }).waitFor();
  }));

test("the start page fits a phone", () =>
  visit(async (page) => {
    await page.goto("/");
    await fitsThePhone(page);
    await isAccessible(page);
  }, PHONE));
