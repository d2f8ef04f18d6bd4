#include "sql/postgres/session.hpp"

#include "async/deadline.hpp"

#include <stdexcept>
#include <utility>

namespace minga::sql::postgres {
namespace {

struct FreeMemory {
  void operator()(void* memory) const { PQfreemem(memory); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};

[[noreturn]] void fail(PGconn const* connection) {
  std::string const said = PQerrorMessage(connection);
  throw std::runtime_error(said.empty() ? "the server closed the connection"
                                        : said.substr(0, said.find('\n')));
}

void add_rows(PGresult const* result, std::vector<Session::Row>& rows) {
  for (int i = 0; i < PQntuples(result); ++i) {
    auto& row = rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column)
      row.emplace_back(PQgetvalue(result, i, column));
  }
}

}  // namespace

Session::Session(boost::asio::any_io_executor const& executor, Handle handle)
    : handle_(std::move(handle)), socket_(executor, PQsocket(handle_.get())) {
  if (PQexitPipelineMode(handle_.get()) == 0) fail(handle_.get());
}

Async<std::vector<Session::Row>> Session::ask(std::string sql, Deadline deadline) {
  if (PQsendQuery(handle_.get(), sql.c_str()) == 0) fail(handle_.get());
  // What is asked fits the socket's buffer.
  while (PQflush(handle_.get()) == 1) co_await socket_.wait(false);
  std::vector<Row> rows;
  for (;;) {
    while (PQisBusy(handle_.get()) == 0) {
      std::unique_ptr<PGresult, Clear> const result(PQgetResult(handle_.get()));
      if (!result) co_return rows;
      if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) fail(handle_.get());
      add_rows(result.get(), rows);
    }
    auto const spoke = co_await is_readable(deadline);
    if (!spoke) throw std::runtime_error("the server does not answer");
    consume();
  }
}

Async<bool> Session::hear(Deadline deadline) {
  auto const spoke = co_await is_readable(deadline);
  if (spoke) consume();
  co_return spoke;
}

std::optional<std::string> Session::notification() {
  std::unique_ptr<PGnotify, FreeMemory> const notice(PQnotifies(handle_.get()));
  if (!notice) return std::nullopt;
  return notice->extra;
}

Handle Session::take() {
  if (PQenterPipelineMode(handle_.get()) == 0) fail(handle_.get());
  return std::move(handle_);
}

Async<bool> Session::is_readable(Deadline deadline) {
  auto waiting = socket_.wait(true);
  try {
    co_await with_deadline(deadline, std::move(waiting));
  } catch (minga::Error const&) {
    co_return false;
  }
  co_return true;
}

void Session::consume() {
  if (PQconsumeInput(handle_.get()) == 0) fail(handle_.get());
}

}  // namespace minga::sql::postgres
