#include <minga/minga.hpp>

#include "apps.hpp"
#include "embedded/tasks.hpp"

using namespace minga;

namespace {

/// What a client may set.
JsonObject task_from(JsonObject input) {
  return pick(std::move(input), {"title", "description", "done"});
}

/// The filter for the tasks with the words `q`, only what is `done` or what is not.
std::string wanted_by(Request const& request) {
  auto words = request.query("q").value_or("");
  auto done = request.query("done").value_or("");
  std::string wanted;
  if (!words.empty()) {
    wanted = filter("(title ~ {:words} || description ~ {:words})", {{"words", words}});
  }
  if (done == "true" || done == "false") {
    if (!wanted.empty()) wanted += " && ";
    wanted += filter("done = {:done}", {{"done", done == "true"}});
  }
  return wanted;
}

/// One page of the tasks, newest first. The filter must outlive the options.
ListOptions newest_first(Request const& request, std::string_view filter) {
  auto options = ListOptions::from(request);
  options.filter = filter;
  options.sort = "-created,-id";
  return options;
}

Response list_page(Request& request, std::string_view page, Page found) {
  auto words = request.query("q").value_or("");
  auto done = request.query("done").value_or("");
  JsonObject model;
  model["words"] = words;
  model["only_done"] = done == "true";
  model["only_open"] = done == "false";
  model["searched"] = !words.empty() || !done.empty();
  model["count"] = found.total_items;
  model["paging"] = paging(request, found);
  model["tasks"] = std::move(found.items);
  return request.render(page, std::move(model));
}

/// After a change: who sent a form goes on to the next page and sees the message there, a program
/// gets the task.
Response changed(Request& request, std::string_view message_key, std::string_view next,
                 JsonObject task = {}, int status = 200) {
  auto message = request.text(message_key);
  if (request.is_form()) return Response::redirect(request.url(next)).notice(message);
  task["message"] = message;
  return Response::json(pick(std::move(task), {"message", "id", "title", "description", "done"}),
                        status);
}

}  // namespace

/// A list of things to do that many people keep together.
void apps::tasks(App& app) {
  app.files(embedded::tasks());
  app.describe("app.title", "app.summary");
  auto tasks = app.collection(
      "tasks",
      {
          text("title").required().max(200),
          text("description").required().max(2'000),
          boolean("done"),
          autodate("created", false),
          autodate("updated"),
      },
      {.public_access = true, .indexes = {"CREATE INDEX idx_tasks_newest ON tasks (created, id)"}});

  app.get("/",
          [tasks](Request& request) -> Async<Response> {
            auto wanted = wanted_by(request);
            auto options = newest_first(request, wanted);
            if (request.format() != Format::html) {
              co_return co_await tasks.list_json(request, options);
            }
            auto found = co_await tasks.list(request, options);
            co_return list_page(request, "index.html", std::move(found));
          })
      .summary("The tasks, newest first; `q` looks for words, `done` is true or false.");

  app.get("/add", [](Request& request) -> Async<Response> { co_return request.render("add.html"); })
      .summary("The form that adds a task.");

  app.post("/add",
           [tasks](Request& request) -> Async<Response> {
             auto input = co_await request.input();
             auto task = co_await tasks.create(request, task_from(std::move(input)));
             co_return changed(request, "messages.added", "/add", std::move(task), 201);
           })
      .form("add.html")
      .summary("Adds a task: title, description, done.");

  app.get("/update",
          [tasks](Request& request) -> Async<Response> {
            auto wanted = wanted_by(request);
            auto found = co_await tasks.list(request, newest_first(request, wanted));
            co_return list_page(request, "update.html", std::move(found));
          })
      .summary("The tasks, to choose one to change.");

  app.get("/update/<id>",
          [tasks](Request& request) -> Async<Response> {
            auto task = co_await tasks.view(request, request.param("id"));
            task["_version"] = Collection::etag(task);
            co_return request.render("edit.html", {{"values", task}});
          })
      .summary("The form that changes a task.");

  app.post("/update/<id>",
           [tasks](Request& request) -> Async<Response> {
             auto input = co_await request.input();
             auto task =
                 co_await tasks.replace(request, request.param("id"), task_from(std::move(input)));
             co_return changed(request, "messages.updated", "/update", std::move(task));
           })
      .form("edit.html")
      .summary("Replaces a task's title, description and done.");

  app.get("/delete/<id>",
          [tasks](Request& request) -> Async<Response> {
            auto task = co_await tasks.view(request, request.param("id"));
            co_return request.render("delete.html", {{"task", task}});
          })
      .summary("Asks whether to delete a task.");

  Handler remove = [tasks](Request& request) -> Async<Response> {
    co_await tasks.remove(request, request.param("id"));
    co_return changed(request, "messages.deleted", "/");
  };
  app.post("/delete/<id>", remove).summary("Deletes a task.");
  app.del("/delete/<id>", remove).summary("Deletes a task.");
}
