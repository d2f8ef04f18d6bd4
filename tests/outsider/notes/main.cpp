#include <minga/minga.hpp>

using namespace minga;

void notes(App& app) {
  auto notes = app.collection("notes", {text("text").required().max(500)}, {.public_access = true});

  app.get("/", [notes](Request& request) -> Async<Response> {
    auto page = co_await notes.list(request, {.sort = "-id"});
    co_return Response::json(page.envelope());
  });
}

int main(int argc, char** argv) {
  return run(argc, argv, {{"notes", notes}});
}
