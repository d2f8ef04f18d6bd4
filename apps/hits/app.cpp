#include <minga/minga.hpp>

#include "apps.hpp"
#include "embedded/hits.hpp"

using namespace minga;

namespace {

Response seen(Request& request, std::int64_t hits) {
  auto message = "Hello! I have been seen " + std::to_string(hits) + " times.";
  JsonObject answer{{"hits", hits}, {"message", message}};
  switch (request.format()) {
    case Format::html:
      return request.render("index.html", answer);
    case Format::text:
      return Response::text(message + "\n");
    case Format::json:
      break;
  }
  return Response::json(answer);
}

}  // namespace

/// A visit counter: it counts who comes to the front page and says how many came.
void apps::hits(App& app) {
  app.files(embedded::hits());
  app.describe("app.title", "app.summary");
  auto counter = app.counter("hits");

  app.get("/",
          [counter](Request& request) -> Async<Response> {
            // HEAD shows the page to nobody: no visit.
            if (request.method() == Method::head)
              co_return seen(request, co_await counter.read(request));
            auto hits = co_await counter.add(request);
            co_return seen(request, hits);
          })
      .summary("Counts the visit and tells the number of visits.");

  app.get("/count",
          [counter](Request& request) -> Async<Response> {
            auto hits = co_await counter.read(request);
            co_return seen(request, hits);
          })
      .summary("Tells the number of visits without counting.");
}
