// Two nodes on one PostgreSQL database, a window at each: what a person does at one is seen at the other.
import assert from "node:assert/strict";
import { test } from "node:test";

import { postgres, site } from "./harness.js";

const database = postgres();
// A node that looks for itself once a minute has been told.
const options = ["--app", "tasks", "--poll", "60000", "--database", database];
const one = site(...options);
const two = site(...options);

const card = (page, title) => page.getByRole("listitem").filter({ hasText: title });

test("a window at one node follows what is done at the other", () =>
  one.visit((watching) =>
    two.visit(async (working) => {
      await watching.goto("/");
      await working.goto("/add");
      await working.getByLabel("Título").fill("Regar las plantas");
      await working.getByLabel("Descripción", { exact: true }).fill("También el cactus");
      await working.getByRole("main").getByRole("button", { name: "Añadir" }).click();
      await card(watching, "Regar las plantas").waitFor();

      const id = (await one.server.call("GET", "/api/collections/tasks/records")).items[0].id;
      await two.server.call("PATCH", `/api/collections/tasks/records/${id}`, { done: true });
      await card(watching, "Regar las plantas").getByText("Hecha").waitFor();
      await two.server.call("DELETE", `/api/collections/tasks/records/${id}`);
      await card(watching, "Regar las plantas").waitFor({ state: "detached" });
      assert.equal(await card(watching, "Regar las plantas").count(), 0);
    }),
  ));
