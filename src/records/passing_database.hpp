#pragma once

#include "sql/database.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minga::records {

/// Passes everything on to another one: tests override what they want to see or to fail.
class PassingDatabase : public sql::Database {
 public:
  explicit PassingDatabase(sql::Database& database) : database_(database) {}

  Async<sql::Rows> read(sql::Statement statement) override {
    return database_.read(std::move(statement));
  }
  Async<sql::Rows> write(sql::Statement statement) override {
    return database_.write(std::move(statement));
  }
  Async<std::vector<sql::Rows>> write_all(std::vector<sql::Statement> statements) override {
    return database_.write_all(std::move(statements));
  }
  Async<void> transact(sql::TransactionBody body, Deadline deadline) override {
    return database_.transact(std::move(body), deadline);
  }
  Async<std::unique_ptr<sql::HeldWrites>> hold_writes(std::vector<std::string> tables,
                                                      Deadline deadline) override {
    return database_.hold_writes(std::move(tables), deadline);
  }
  sql::Dialect const& dialect() const override { return database_.dialect(); }
  bool is_exclusive() const override { return database_.is_exclusive(); }
  Async<void> announce(std::string topic, Deadline deadline) override {
    return database_.announce(std::move(topic), deadline);
  }
  Async<void> listen(std::function<void(std::string_view)> heard) override {
    return database_.listen(std::move(heard));
  }
  std::string durability() const override { return database_.durability(); }
  Async<sql::Copies> copies(Deadline deadline) override { return database_.copies(deadline); }
  Async<void> check_writable(Deadline deadline) override {
    return database_.check_writable(deadline);
  }
  Async<void> backup(std::filesystem::path file) override {
    return database_.backup(std::move(file));
  }
  Async<void> close() override { return database_.close(); }

 private:
  sql::Database& database_;
};

}  // namespace minga::records
