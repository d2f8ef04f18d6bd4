// All that is wrong with a record, not just what a write of it ran into first.
#include "base/logging.hpp"
#include "records/indexes.hpp"
#include "records/write.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::records {
namespace {

/// The unique indexes, of the id too.
std::vector<Index> unique_indexes(Definition const& definition) {
  auto indexes = indexes_of(definition);
  std::erase_if(indexes, [](Index const& index) { return !index.unique; });
  Index key;
  key.unique = true;
  key.columns.push_back({"id"});
  indexes.push_back(std::move(key));
  return indexes;
}

/// Adds an error of each field of the unique indexes by which another record stands in the way.
Async<void> find_taken(RowReader const& read, Write const& write, JsonObject const& record,
                       bool is_stored, std::vector<std::string> const& made_up,
                       FieldErrors& errors) {
  auto const& definition = write.layout.definition();
  auto const& dialect = write.store.database.dialect();
  auto const is_settled = [&, found = errors](Index::Column const& column) {
    return (found.has(column.name) && !found.is_not_unique(column.name)) ||
           std::find(made_up.begin(), made_up.end(), column.name) != made_up.end();
  };
  for (auto const& index : unique_indexes(definition)) {
    if (std::any_of(index.columns.begin(), index.columns.end(), is_settled)) continue;
    if (!constrains(index, record)) continue;
    sql::Params values;
    for (auto const& column : index.columns)
      values.push_back(to_column(*definition.find(column.name), record.at(column.name)));
    if (is_stored) values.push_back(to_column(*definition.find("id"), record.at("id")));
    sql::Statement statement(holder_sql(index, definition, dialect, is_stored), std::move(values));
    auto const holders = co_await read(std::move(statement));
    if (holders.empty()) continue;
    for (auto const& column : index.columns) errors.add_not_unique(column.name);
  }
}

}  // namespace

Async<void> complete_refusal(Write& write, JsonObject const& record, bool is_stored,
                             std::vector<std::string> const& made_up, Error& refusal) {
  if (refusal.status() != 400 || refusal.data().empty() || record.empty()) co_return;
  FieldErrors errors(refusal.data());
  RowReader const read = [&write](sql::Statement statement) {
    statement.deadline = write.context.deadline;
    return write.store.database.read(std::move(statement));
  };
  try {
    co_await find_missing(read, "", *write.catalog, write.layout, record, errors);
    co_await find_taken(read, write, record, is_stored, made_up, errors);
  } catch (sql::Error const& error) {
    log::warning(fmt::format("what else is wrong with a record is not known: {}", error.what()));
  }
  refusal = errors.error(refusal.message());
}

}  // namespace minga::records
