#pragma once

#include "async/deadline.hpp"
#include "sql/postgres/mark.hpp"

namespace minga::sql::postgres {

class Pool;

enum class Verdict : int { committed, undone, unknown };

/// Whether a transaction was committed whose commit nobody has confirmed; the connection that it
/// was sent on is used no more. After `undone` it can be committed no more: it is barred. Asks
/// until the deadline, then it is `unknown`.
Async<Verdict> resolve(Pool& pool, Mark mark, Deadline deadline);

}  // namespace minga::sql::postgres
