#include <minga/minga.hpp>

#include "apps.hpp"
#include "embedded/items.hpp"

#include <boost/json/parse.hpp>

using namespace minga;

namespace {

bool wants_page(Request const& request) {
  return request.format() == Format::html;
}

std::string address(Request& request, JsonObject const& document) {
  return request.url("/items/" + std::string(document.at("id").as_string()));
}

/// The document as it was given, with its id: without what the platform's own API adds.
JsonObject as_given(JsonObject document) {
  document.stable_erase("collectionId");
  document.stable_erase("collectionName");
  return document;
}

Response answer(JsonObject document, int status = 200) {
  auto tag = Collection::etag(document);
  return Response::json(as_given(std::move(document)), status).etag(tag);
}

JsonObject as_document(Json value) {
  if (auto* object = value.if_object()) return std::move(*object);
  throw Error::bad_request("A document is a JSON object.");
}

/// The form has fields for name and description, and a text for the rest of the document.
JsonObject document_from_form(JsonObject const& form) {
  auto document = pick(form, {"name", "description"});
  auto const* rest = form.if_contains("rest");
  if (!rest || (rest->is_string() && rest->as_string().empty())) return document;
  boost::system::error_code failure;
  auto others = rest->is_string() ? boost::json::parse(rest->as_string(), failure) : *rest;
  if (failure || !others.is_object()) {
    throw Error::invalid("rest", "items_rest_no_object", "Must be a JSON object.");
  }
  for (auto& [key, value] : others.get_object()) document.insert_or_assign(key, std::move(value));
  return document;
}

JsonObject form_from_document(JsonObject document) {
  auto form = pick(document, {"name", "description"});
  for (auto field : {"id", "name", "description"}) document.stable_erase(field);
  form["rest"] = pretty(document);
  return form;
}

Response list_page(Request& request, Page found) {
  JsonObject model;
  auto words = request.query("q").value_or("");
  auto wanted = request.query("filter").value_or("");
  model["values"] = JsonObject{{"q", words}, {"filter", wanted}};
  model["searched"] = !words.empty() || !wanted.empty();
  model["count"] = found.total_items;
  model["paging"] = paging(request, found);
  JsonArray items;
  for (auto& item : found.items) {
    auto const& document = item.get_object();
    items.push_back(JsonObject{{"id", document.at("id")},
                               {"name", document.at("name")},
                               {"description", document.at("description")}});
  }
  model["items"] = std::move(items);
  return request.render("index.html", std::move(model));
}

Response list_answer(Page found) {
  for (auto& item : found.items) item = as_given(std::move(item.get_object()));
  return Response::json(std::move(found).envelope());
}

Async<Response> list_items(Collection items, Request& request) {
  auto options = ListOptions::from(request);
  std::string looked_for;
  if (auto words = request.query("q"); words && !words->empty()) {
    auto by_words = filter("(name ~ {:words} || description ~ {:words})", {{"words", *words}});
    if (!options.filter.empty()) {
      looked_for.append("(").append(options.filter).append("\n) && ");  // it may end in a comment
    }
    looked_for += by_words;
    options.filter = looked_for;
  }
  auto found = co_await items.list(request, options);
  co_return wants_page(request) ? list_page(request, std::move(found))
                                : list_answer(std::move(found));
}

}  // namespace

/// A REST API over documents of any shape, and pages to look at them.
void apps::items(App& app) {
  app.files(embedded::items());
  app.describe("app.title", "app.summary");
  auto items =
      app.collection("items", {text("name").required(), text("description").max(1'000'000)},
                     {.open = true, .public_access = true});

  Handler list = [items](Request& request) {
    return list_items(items, request);
  };
  app.get("/", list).form("index.html").summary("The documents.");
  app.get("/items", list)
      .form("index.html")
      .summary("The documents: page, perPage, sort, filter, q.");

  app.post("/items",
           [items](Request& request) -> Async<Response> {
             if (request.is_form()) {
               auto form = co_await request.input();
               auto document = co_await items.create(request, document_from_form(form));
               co_return Response::redirect(address(request, document))
                   .notice(request.text("messages.added"));
             }
             auto given = co_await request.json();
             auto document = co_await items.create(request, as_document(std::move(given)));
             auto location = address(request, document);
             co_return answer(std::move(document), 201).header("Location", location);
           })
      .form("new.html")
      .summary("Adds a document: any JSON object with a name.");

  app.get("/items/new",
          [](Request& request) -> Async<Response> {
            co_return request.render("new.html", {{"values", {{"rest", "{}"}}}});
          })
      .summary("The form that adds a document.");

  app.post("/items/import",
           [items](Request& request) -> Async<Response> {
             auto report = co_await items.import(request);
             co_return Response::json(report.summary());
           })
      .summary(
          "Adds documents, one JSON object on each line; MongoDB's Extended JSON is understood.");

  app.get("/items/export",
          [items](Request& request) -> Async<Response> {
            auto wanted = std::string(request.query("filter").value_or(""));
            co_return items.export_all(request, wanted);
          })
      .summary("All documents, or those of a filter, one JSON object on each line.");

  app.get("/items/<id>",
          [items](Request& request) -> Async<Response> {
            auto document = co_await items.view(request, request.param("id"));
            if (!wants_page(request)) co_return answer(std::move(document));
            auto version = Collection::etag(document);
            document = as_given(std::move(document));
            JsonObject model{{"json", pretty(document)}};
            auto values = form_from_document(std::move(document));
            values["_version"] = version;
            model["values"] = std::move(values);
            co_return request.render("document.html", std::move(model));
          })
      .summary("A document.");

  app.post("/items/<id>",
           [items](Request& request) -> Async<Response> {
             auto form = co_await request.input();
             auto document =
                 co_await items.replace(request, request.param("id"), document_from_form(form));
             co_return Response::redirect(address(request, document))
                 .notice(request.text("messages.saved"));
           })
      .form("document.html")
      .summary("The document's form: replaces it.");

  app.put("/items/<id>",
          [items](Request& request) -> Async<Response> {
            auto given = co_await request.json();
            auto document =
                co_await items.replace(request, request.param("id"), as_document(std::move(given)));
            co_return answer(std::move(document));
          })
      .summary("Replaces a document.");

  app.patch("/items/<id>",
            [items](Request& request) -> Async<Response> {
              auto patch = co_await request.json();
              auto document =
                  co_await items.merge(request, request.param("id"), as_document(std::move(patch)));
              co_return answer(std::move(document));
            })
      .summary("Merges a JSON Merge Patch into a document.");

  app.del("/items/<id>",
          [items](Request& request) -> Async<Response> {
            co_await items.remove(request, request.param("id"));
            co_return Response::empty();
          })
      .summary("Deletes a document.");

  app.get("/items/<id>/delete",
          [items](Request& request) -> Async<Response> {
            auto document = co_await items.view(request, request.param("id"));
            co_return request.render("delete.html", {{"name", document["name"]}});
          })
      .summary("Asks whether to delete a document.");

  app.post(
         "/items/<id>/delete",
         [items](Request& request) -> Async<Response> {
           co_await items.remove(request, request.param("id"));
           co_return Response::redirect(request.url("/")).notice(request.text("messages.deleted"));
         })
      .summary("The form that deletes a document.");
}
