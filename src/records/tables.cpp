#include "records/tables.hpp"

#include <fmt/format.h>

namespace minga::records {
namespace {

std::vector<std::string> first_tables(sql::Dialect const& dialect) {
  auto const text = dialect.text_type();
  auto const integer = dialect.integer_type();
  auto const json = dialect.json_type();
  auto const transaction = std::string(dialect.transaction_number());
  std::vector<std::string> statements{
      fmt::format("CREATE TABLE _collections (id {0} PRIMARY KEY NOT NULL, name {0} NOT NULL "
                  "UNIQUE, definition {1} NOT NULL)",
                  text, json),
      fmt::format("CREATE TABLE _changes (number {0}, collection {1} NOT NULL, record_id {1} NOT "
                  "NULL, action {2} NOT NULL, "
                  "record {3} NOT NULL, before {3} NOT NULL, at {1} NOT NULL{4})",
                  dialect.growing_key(), text, integer, json,
                  transaction.empty() ? ""
                                      : fmt::format(", transaction {} NOT NULL DEFAULT ({})",
                                                    integer, transaction)),
      fmt::format("CREATE TABLE _counters (name {} PRIMARY KEY NOT NULL, value {} NOT NULL)", text,
                  integer),
      fmt::format("CREATE TABLE _idempotency (scope {0} NOT NULL, key {0} NOT NULL, ordinal {1} "
                  "NOT NULL, request_hash {0} NOT NULL, "
                  "result {2} NOT NULL, created {0} NOT NULL, PRIMARY KEY (scope, key, ordinal))",
                  text, integer, json),
      "CREATE INDEX _idempotency_created ON _idempotency (created)",
      fmt::format("CREATE TABLE _settings (key {0} PRIMARY KEY NOT NULL, value {0} NOT NULL)",
                  text),
  };
  if (!transaction.empty())
    statements.emplace_back("CREATE INDEX _changes_order ON _changes (transaction, number)");
  return statements;
}

/// The processes that serve the database: cluster/nodes.cpp.
std::vector<std::string> nodes_table(sql::Dialect const& dialect) {
  return {
      fmt::format("CREATE TABLE _nodes (name {0} PRIMARY KEY NOT NULL, id {0} NOT NULL, about "
                  "{1} NOT NULL, load {1} NOT NULL, last_seen {0} NOT NULL)",
                  dialect.text_type(), dialect.json_type())};
}

}  // namespace

std::vector<sql::Migration> const& platform_migrations() {
  static std::vector<sql::Migration> const migrations{{1, "platform tables", first_tables},
                                                      {2, "nodes", nodes_table}};
  return migrations;
}

}  // namespace minga::records
