// Relations between records: what must exist, and what a deletion does to those that refer to it.
#include "records/draft.hpp"
#include "records/store_impl.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga::records {
namespace {

constexpr std::string_view kReferred =
    "Failed to delete record. Make sure that the record is not part of a required relation "
    "reference.";

std::vector<std::string> ids_of(Json const& value) {
  std::vector<std::string> ids;
  auto const add = [&](Json const& each) {
    if (each.is_string() && !each.get_string().empty())
      ids.emplace_back(each.get_string().data(), each.get_string().size());
  };
  if (auto const* list = value.if_array()) {
    for (auto const& each : *list) add(each);
  } else {
    add(value);
  }
  return ids;
}

Async<bool> exists(RowReader const& read, std::string_view lock, Layout const* target,
                   std::string id) {
  if (target == nullptr) co_return false;
  auto sql = fmt::format("SELECT 1 FROM {} WHERE \"id\" = $1{}", target->table(), lock);
  sql::Params values{std::move(id)};
  sql::Statement statement(std::move(sql), std::move(values));
  auto const rows = co_await read(std::move(statement));
  co_return !rows.empty();
}

/// The ids of the records of `layout` whose relation `field` holds the id.
Async<std::vector<std::string>> referring(sql::Transaction& transaction,
                                          sql::Dialect const& dialect, Layout const& layout,
                                          Field const& field, std::string const& id) {
  // The table's name keeps a field called value or key apart from the columns of a list's rows.
  auto const column = fmt::format("{}.{}", layout.table(), dialect.quote(field.name));
  auto const condition =
      field.is_list() ? dialect.list_contains(column, "$1") : fmt::format("{} = $1", column);
  auto sql = fmt::format("SELECT {0}.\"id\" FROM {0} WHERE {1}", layout.table(), condition);
  sql::Params values{id};
  sql::Statement statement(std::move(sql), std::move(values));
  auto const rows = co_await transaction.execute(std::move(statement));
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < rows.size(); ++i) ids.push_back(rows.text(i, 0));
  co_return ids;
}

Json without(Field const& field, Json const& value, std::string const& id) {
  if (!field.is_list()) return zero_value(field);
  JsonArray rest;
  for (auto const& each : value.as_array()) {
    if (each != Json(id)) rest.push_back(each);
  }
  return rest;
}

struct Deletion {
  sql::Transaction& transaction;
  ChangeLog& log;
  Catalog const& catalog;
  sql::Dialect const& dialect;
};

Async<Place> delete_with_references(Deletion& deletion, Layout const& layout, JsonObject record);

/// One record that referred to the deleted one through `field`. It is read now, for what was
/// deleted before it, or another transaction, may have changed it or taken it along.
Async<void> release(Deletion& deletion, Layout const& layout, Field const& field,
                    std::string referrer, std::string const& id) {
  sql::Params values{std::move(referrer)};
  sql::Statement statement(layout.select_by_id() + std::string(deletion.dialect.for_update()),
                           std::move(values));
  auto rows = co_await deletion.transaction.execute(std::move(statement));
  if (rows.empty()) co_return;
  auto record = layout.record(rows, 0);
  auto const held = ids_of(record.at(field.name));
  if (std::find(held.begin(), held.end(), id) == held.end()) co_return;
  auto rest = without(field, record.at(field.name), id);
  auto const emptied = is_zero(field, rest);
  if (emptied && field.cascades) {
    co_await delete_with_references(deletion, layout, std::move(record));
  } else if (emptied && field.is_required) {
    throw Error::bad_request(std::string(kReferred));
  } else {
    auto changed = record;
    changed[field.name] = std::move(rest);
    co_await update_record(deletion.transaction, deletion.log, layout, record, changed);
  }
}

Async<Place> delete_with_references(Deletion& deletion, Layout const& layout, JsonObject record) {
  std::string const id(record.at("id").as_string().data(), record.at("id").as_string().size());
  sql::Params values{id};
  sql::Statement statement(layout.remove(), std::move(values));
  auto const removed = co_await deletion.transaction.execute(std::move(statement));
  if (removed.affected() == 0) co_return Place{};  // a cycle of cascades came here before
  for (auto const& other : deletion.catalog.layouts) {
    for (auto const& field : other.definition().fields) {
      if (field.type != FieldType::relation || field.collection != layout.definition().id) continue;
      auto referrers = co_await referring(deletion.transaction, deletion.dialect, other, field, id);
      for (auto& referrer : referrers) {
        co_await release(deletion, other, field, std::move(referrer), id);
      }
    }
  }
  auto change =
      deletion.log.append(layout.definition().id, id, Action::delete_, layout.text(record), {});
  auto const appended = co_await deletion.transaction.execute(std::move(change));
  co_return deletion.log.place_of(appended);
}

}  // namespace

Async<void> find_missing(RowReader const& read, std::string_view lock, Catalog const& catalog,
                         Layout const& layout, JsonObject const& record, FieldErrors& errors) {
  for (auto const& field : layout.definition().fields) {
    if (field.type != FieldType::relation || errors.has(field.name)) continue;
    auto const* target = catalog.find(field.collection);
    for (auto& id : ids_of(record.at(field.name))) {
      auto const found = co_await exists(read, lock, target, std::move(id));
      if (found) continue;
      errors.add(field.name, "validation_missing_rel_records",
                 "Failed to find all relation records with the provided ids.");
      break;
    }
  }
}

Async<void> check_relations(sql::Transaction& transaction, sql::Dialect const& dialect,
                            Catalog const& catalog, Layout const& layout, JsonObject const& record,
                            std::string_view message) {
  FieldErrors errors;
  RowReader const read = [&transaction](sql::Statement statement) {
    return transaction.execute(std::move(statement));
  };
  co_await find_missing(read, dialect.for_share(), catalog, layout, record, errors);
  errors.throw_if_any(message);
}

Async<Place> delete_record(sql::Transaction& transaction, ChangeLog& log, Catalog const& catalog,
                           sql::Dialect const& dialect, Layout const& layout, JsonObject record) {
  Deletion deletion{transaction, log, catalog, dialect};
  co_return co_await delete_with_references(deletion, layout, std::move(record));
}

}  // namespace minga::records
