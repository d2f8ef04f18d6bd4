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

/// Those of its conditions, too.
std::vector<std::string> columns_of(Index const& index) {
  std::vector<std::string> names;
  for (auto const& column : index.columns) names.push_back(column.name);
  for (auto const& condition : index.conditions) names.push_back(condition.column);
  return names;
}

/// Adds an error of each field of the unique indexes by which another record stands in the way.
Async<void> find_taken(RowReader const& read, Write const& write, JsonObject const& record,
                       std::string const& stored_id, std::vector<std::string> const& made_up,
                       FieldErrors& errors) {
  auto const& definition = write.layout.definition();
  auto const& dialect = write.store.database.dialect();
  auto const is_settled = [&, found = errors](std::string const& column) {
    return (found.has(column) && !found.is_not_unique(column)) ||
           std::find(made_up.begin(), made_up.end(), column) != made_up.end();
  };
  for (auto const& index : unique_indexes(definition)) {
    auto const columns = columns_of(index);
    if (std::any_of(columns.begin(), columns.end(), is_settled)) continue;
    if (!constrains(index, record)) continue;
    sql::Params values;
    for (auto const& column : index.columns)
      values.push_back(to_column(*definition.find(column.name), record.at(column.name)));
    if (!stored_id.empty()) values.emplace_back(stored_id);
    sql::Statement statement(holder_sql(index, definition, dialect, !stored_id.empty()),
                             std::move(values));
    auto const holders = co_await read(std::move(statement));
    if (holders.empty()) continue;
    for (auto const& column : index.columns) errors.add_not_unique(column.name);
  }
}

}  // namespace

Async<void> complete_refusal(Write& write, JsonObject const& record, std::string const& stored_id,
                             std::vector<std::string> const& made_up, Error& refusal) {
  if (refusal.status() != 400 || refusal.data().empty() || record.empty()) co_return;
  FieldErrors errors(refusal.data());
  RowReader const read = [&write](sql::Statement statement) {
    statement.deadline = write.context.deadline;
    return write.store.database.read(std::move(statement));
  };
  try {
    co_await find_missing(read, "", *write.catalog, write.layout, record, errors);
    co_await find_taken(read, write, record, stored_id, made_up, errors);
  } catch (sql::Error const& error) {
    log::warning(fmt::format("what else is wrong with a record is not known: {}", error.what()));
  }
  refusal = errors.error(refusal.message());
}

}  // namespace minga::records
