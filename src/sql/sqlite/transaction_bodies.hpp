#pragma once

#include "sql/database.hpp"
#include "sql/sqlite/connection.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <vector>

namespace minga::sql::sqlite {

/// Runs transactions' bodies to their end on the calling thread, which is the writer's.
class TransactionBodies {
 public:
  explicit TransactionBodies(Connection& connection) : connection_(connection) {}

  /// Throws what the body throws, std::logic_error when it awaits anything but its own statements,
  /// and what made SQLite give up the transaction around it, even when the body has caught that.
  void run(TransactionBody const& body, Deadline deadline);

 private:
  Connection& connection_;
  std::unique_ptr<boost::asio::io_context> context_;
  std::vector<std::unique_ptr<boost::asio::io_context>> abandoned_;
};

}  // namespace minga::sql::sqlite
