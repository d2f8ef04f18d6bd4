#pragma once

#include "sql/database.hpp"
#include "sql/postgres/pool.hpp"

namespace minga::sql::postgres {

/// Runs a transaction's body on a connection of the pool's, as often as it takes: docs/decisions.
/// Throws what the body throws, and sql::Error.
Async<void> run_transaction(Pool& pool, TransactionBody const& body, Deadline deadline);

/// Database::hold_writes() by locks on the tables, which a transaction of its own holds.
Async<std::unique_ptr<HeldWrites>> hold_by_locks(Pool& pool, std::vector<std::string> tables,
                                                 Deadline deadline);

}  // namespace minga::sql::postgres
