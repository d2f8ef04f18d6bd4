#include <minga/minga.hpp>

#include "embedded/guestbook.hpp"

using namespace minga;

/// What a visitor may set; all else in what was sent is left out.
JsonObject entry_from(JsonObject input) {
  return pick(std::move(input), {"name", "mood", "message"});
}

void guestbook(App& app) {
  app.files(embedded::guestbook());
  app.describe("app.title", "app.summary");
  auto owner = app.setting("GUESTBOOK_OWNER", "minga");

  auto entries = app.collection("entries",
                                {
                                    text("name").required().max(80),
                                    text("message").required().max(1'000),
                                    select("mood", {"happy", "thoughtful", "hungry"}),
                                    autodate("created", false),
                                },
                                {.public_access = true});
  auto visits = app.counter("guestbook_visits");

  app.get("/",
          [entries, visits, owner](Request& request) -> Async<Response> {
            auto visit = co_await visits.add(request);
            auto options = ListOptions::from(request);
            options.sort = "-created,-id";
            auto page = co_await entries.list(request, options);
            if (request.format() != Format::html) co_return Response::json(page.envelope());
            JsonObject model{{"owner", owner}, {"visit", visit}};
            model["paging"] = paging(request, page);
            model["entries"] = std::move(page.items);
            co_return request.render("index.html", std::move(model));
          })
      .summary("The entries, newest first.");

  app.get("/sign",
          [](Request& request) -> Async<Response> { co_return request.render("sign.html"); });

  app.post("/sign",
           [entries](Request& request) -> Async<Response> {
             auto input = co_await request.input();
             auto entry = co_await entries.create(request, entry_from(std::move(input)));
             if (!request.is_form()) co_return Response::json(entry, 201);
             co_return Response::redirect(request.url("/")).notice(request.text("sign.thanks"));
           })
      .form("sign.html")
      .summary("Adds an entry: name, message, mood.");

  app.get("/entries/<id>",
          [entries](Request& request) -> Async<Response> {
            auto entry = co_await entries.view(request, request.param("id"));
            auto tag = Collection::etag(entry);
            co_return Response::json(entry).etag(tag);
          })
      .summary("An entry.");

  app.get("/search",
          [entries](Request& request) -> Async<Response> {
            auto mood = request.query("mood").value_or("happy");
            auto wanted = filter("mood = {:mood} && message ~ {:words}",
                                 {{"mood", mood}, {"words", request.query("q").value_or("")}});
            auto options = ListOptions::from(request);
            options.filter = wanted;
            auto page = co_await entries.list(request, options);
            co_return Response::json(page.envelope());
          })
      .summary("Entries of a mood: mood, q.");
}

int main(int argc, char** argv) {
  return run(argc, argv, {{"guestbook", guestbook}});
}
