#pragma once

#include "records/filter/functions.hpp"
#include "records/store.hpp"
#include "support/any_engine.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <future>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

/// The text as a JSON object.
inline JsonObject object(std::string_view text) {
  return boost::json::parse(text).as_object();
}

/// A definition that everyone may use.
inline Definition open_to_all(std::string name, std::vector<Field> fields) {
  Definition definition;
  definition.name = std::move(name);
  definition.fields = std::move(fields);
  definition.list_rule = definition.view_rule = definition.create_rule = definition.update_rule =
      definition.delete_rule = "";
  return definition;
}

/// A fresh database with a Store on two I/O threads; the calls wait for their outcome.
class TestStore {
 public:
  TestStore() : engine(options()), database(engine.database) { open_store(); }

  /// Another node on the PostgreSQL database of `other`.
  struct NodeOf {
    TestStore const& other;
    int port = 0;  // of what stands before its server; 0: nothing does
  };
  explicit TestStore(NodeOf node)
      : engine(testing_support::AnyEngine::NodeOf{node.other.engine, node.port}),
        database(engine.database) {
    open_store();
  }

  void open() {
    engine.open();
    open_store();
  }
  void close() {
    store.reset();
    engine.close();
  }

  template <class T>
  std::future<T> start(Async<T> task, std::size_t thread = 0) {
    return boost::asio::co_spawn(engine.threads.context(thread), std::move(task),
                                 boost::asio::use_future);
  }
  template <class T>
  T run(Async<T> task) {
    return engine.run(std::move(task));
  }

  void declare(Definition definition) { run(store->declare(std::move(definition))); }
  JsonObject create(std::string_view collection, JsonObject input) {
    return run(store->create(context, collection, std::move(input)));
  }
  JsonObject create(std::string_view collection, std::string_view input) {
    return create(collection, object(input));
  }
  JsonObject update(std::string_view collection, std::string_view id, std::string_view changes) {
    return run(store->update(context, collection, id, object(changes)));
  }
  JsonObject view(std::string_view collection, std::string_view id, std::string_view expand = {}) {
    return run(store->view(context, collection, id, expand));
  }
  void remove(std::string_view collection, std::string_view id) {
    run(store->remove(context, collection, id));
  }
  Page list(std::string_view collection, std::string_view filter, std::string_view sort = {}) {
    ListQuery query;
    query.filter = filter;
    query.sort = sort;
    query.per_page = 1'000;
    return run(store->list(context, collection, query));
  }
  std::vector<Change> changes(Place after = {}, std::int64_t limit = 100'000) {
    return run(store->changes().after(after, limit, kNoDeadline));
  }

  testing_support::AnyEngine engine;
  std::unique_ptr<sql::Database>& database;
  std::unique_ptr<Store> store;
  Context context;

 private:
  static sql::sqlite::Options options() {
    sql::sqlite::Options options;
    for (auto const& function : filter::sql_functions())
      options.functions.push_back({function.name, function.arity, function.call});
    return options;
  }
  void open_store() {
    store = std::make_unique<Store>(*database, engine.metrics);
    run(store->open());
  }
};

/// A text member.
inline std::string text_of(JsonObject const& record, std::string_view key) {
  auto const& text = record.at(key).as_string();
  return {text.data(), text.size()};
}

/// The Error that the call ends with; fails with status 0 when it ends without one.
template <class Call>
Error error_of(Call call) {
  try {
    call();
  } catch (Error const& error) {
    return error;
  }
  return Error(0, "none", "No error.");
}

/// "field: code, ..." of an Error's data, sorted.
inline std::string codes_of(Error const& error) {
  std::set<std::string> codes;
  for (auto const& pair : error.data()) {
    std::string_view const code = pair.value().at("code").as_string();
    codes.insert(fmt::format("{}: {}", std::string_view(pair.key()), code));
  }
  return fmt::format("{}", fmt::join(codes, ", "));
}

}  // namespace minga::records
