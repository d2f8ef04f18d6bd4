#include "sql/sqlite/connection.hpp"

#include "sql/sqlite/functions.hpp"
#include "sql/sqlite/log_writes.hpp"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace minga::sql::sqlite {
namespace {

/// Virtual machine steps between two looks at the clock: some ten microseconds.
constexpr int kProgressSteps = 2'000;

/// Statements of a request that writes, and of one that reads beside it.
constexpr std::size_t kRecent = 4;

/// In the order of Control.
constexpr std::array<char const*, 7> kControls{"BEGIN",
                                               "BEGIN IMMEDIATE",
                                               "COMMIT",
                                               "ROLLBACK",
                                               "SAVEPOINT operation",
                                               "ROLLBACK TO operation",
                                               "RELEASE operation"};

/// SQLite's statistics of memory take a lock of the whole process for each allocation.
void configure_library() {
  // Refused when something else in this process uses SQLite already: then it is only slower.
  static auto const code = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)code;
}

ErrorCode code_of(int extended) {
  switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return ErrorCode::unique_violation;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return ErrorCode::foreign_key_violation;
    case SQLITE_CONSTRAINT_NOTNULL:
      return ErrorCode::not_null_violation;
    case SQLITE_CONSTRAINT_CHECK:
      return ErrorCode::check_violation;
    case SQLITE_CONSTRAINT_TRIGGER:
      return ErrorCode::moved;  // the only triggers there are
    default:
      break;
  }
  switch (extended & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::busy;
    case SQLITE_FULL:
      return ErrorCode::full;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return ErrorCode::read_only;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return ErrorCode::io;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::corrupt;
    case SQLITE_INTERRUPT:
      return ErrorCode::deadline;
    case SQLITE_ERROR:
      return ErrorCode::syntax;
    default:
      return ErrorCode::other;
  }
}

/// "UNIQUE constraint failed: tasks.title, tasks.done" or "... index 'name'".
void read_violation(std::string_view message, Error& error) {
  constexpr std::string_view kPrefix = "constraint failed: ";
  auto const at = message.find(kPrefix);
  if (at == std::string_view::npos) return;
  auto rest = message.substr(at + kPrefix.size());
  if (rest.starts_with("index '")) {
    rest.remove_prefix(7);
    error.index = rest.substr(0, rest.find('\''));
    return;
  }
  while (!rest.empty()) {
    auto const end = std::min(rest.find(", "), rest.size());
    auto const column = rest.substr(0, end);
    error.columns.emplace_back(column.substr(column.rfind('.') + 1));
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
}

Value column_value(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      auto const* text = reinterpret_cast<char const*>(sqlite3_column_text(statement, column));
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
    case SQLITE_BLOB: {
      auto const* bytes = static_cast<std::byte const*>(sqlite3_column_blob(statement, column));
      return Blob(bytes, bytes + sqlite3_column_bytes(statement, column));
    }
    default:
      return Null{};
  }
}

/// The values outlive the run: SQLite need not copy them.
int bind_value(sqlite3_stmt* statement, int at, Value const& value) {
  if (auto const* text = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, at, text->data(), text->size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  if (auto const* integer = std::get_if<std::int64_t>(&value))
    return sqlite3_bind_int64(statement, at, *integer);
  if (auto const* real = std::get_if<double>(&value))
    return sqlite3_bind_double(statement, at, *real);
  if (auto const* truth = std::get_if<bool>(&value))
    return sqlite3_bind_int(statement, at, *truth ? 1 : 0);
  if (auto const* blob = std::get_if<Blob>(&value)) {
    return sqlite3_bind_blob64(statement, at,
                               blob->empty() ? "" : static_cast<void const*>(blob->data()),
                               blob->size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, at);
}

/// "$3": 2.
int ordinal_of(char const* parameter, std::string_view sql) {
  std::string_view const name = parameter == nullptr ? "?" : parameter;
  int number = 0;
  auto const end = name.data() + name.size();
  auto const parsed = std::from_chars(name.data() + 1, end, number);
  if (name[0] != '$' || parsed.ec != std::errc() || parsed.ptr != end || number < 1) {
    throw Error(ErrorCode::syntax,
                fmt::format("Placeholders are $1, $2, ..., not '{}': {}", name, sql));
  }
  return number - 1;
}

}  // namespace

Connection::Connection(std::filesystem::path const& file, Access access, Options const& options)
    : cache_bound_(std::max<std::size_t>(options.statement_cache, 1)) {
  configure_library();
  try {
    open(file, access, options);
    for (auto const& function : options.functions)
      if (register_function(handle_, function) != SQLITE_OK) throw last_error();
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Connection::~Connection() {
  for (auto* statement : controls_) sqlite3_finalize(statement);
  for (auto& prepared : cache_) sqlite3_finalize(prepared.statement);
  sqlite3_close(handle_);
}

void Connection::open(std::filesystem::path const& file, Access access, Options const& options) {
  auto const mode = access == Access::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                 : SQLITE_OPEN_READONLY;
  auto const vfs = access == Access::read_write ? joining_vfs(options.vfs) : options.vfs;
  if (sqlite3_open_v2(file.c_str(), &handle_, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                      vfs.empty() ? nullptr : vfs.c_str()) != SQLITE_OK) {
    throw last_error();
  }
  sqlite3_busy_timeout(handle_, kBusyMillis);
  sqlite3_progress_handler(handle_, kProgressSteps, &Connection::on_progress, this);
}

Error Connection::last_error() {
  auto const extended = sqlite3_extended_errcode(handle_);
  sync_failed_ |= extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC;
  std::string_view const message = sqlite3_errmsg(handle_);
  auto const code = code_of(extended);
  Error error(code, fmt::format("SQLite: {} ({})", message, sqlite3_errstr(extended)));
  error.retryable =
      code == ErrorCode::busy || code == ErrorCode::full || code == ErrorCode::deadline;
  if (code == ErrorCode::unique_violation) read_violation(message, error);
  return error;
}

int Connection::on_progress(void* self) {
  auto const* connection = static_cast<Connection const*>(self);
  return connection->stop_at_ != Deadline::max() && Clock::now() >= connection->stop_at_ ? 1 : 0;
}

void Connection::execute(char const* sql) {
  stop_at_ = Deadline::max();
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw last_error();
}

void Connection::control(Control statement) {
  auto const at = static_cast<std::size_t>(statement);
  auto*& prepared = controls_.at(at);
  if (prepared == nullptr &&
      sqlite3_prepare_v3(handle_, kControls.at(at), -1, SQLITE_PREPARE_PERSISTENT, &prepared,
                         nullptr) != SQLITE_OK) {
    throw last_error();
  }
  stop_at_ = Deadline::max();
  sqlite3_step(prepared);
  if (sqlite3_reset(prepared) != SQLITE_OK) throw last_error();
}

std::string Connection::query_text(char const* sql) {
  auto const rows = run(Statement(sql));
  auto const& value = rows.at(0, 0);
  if (auto const* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  return rows.text(0, 0);
}

Rows Connection::run(Statement const& statement) {
  stop_at_ = statement.deadline;
  return run_watched(statement);
}

std::optional<Rows> Connection::run_within(Statement const& statement,
                                           std::chrono::microseconds budget) {
  auto const budget_end = Clock::now() + budget;
  stop_at_ = std::min(statement.deadline, budget_end);
  try {
    return run_watched(statement);
  } catch (Error const& error) {
    if (error.code() == ErrorCode::deadline && stop_at_ == budget_end) return std::nullopt;
    throw;
  }
}

Rows Connection::run_watched(Statement const& statement) {
  if (has_passed(statement.deadline)) {
    Error error(ErrorCode::deadline, "The deadline passed before the statement began.");
    error.retryable = true;
    throw error;
  }
  auto& prepared = prepare(statement.sql);
  struct Reset {
    sqlite3_stmt* statement;
    ~Reset() {
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
    }
  } const reset{prepared.statement};
  bind(prepared, statement.values);
  return collect(prepared);
}

Connection::Prepared& Connection::prepare(std::string const& sql) {
  // Requests repeat the same few: to compare some texts costs less than to hash one.
  auto const recent = std::min<std::size_t>(kRecent, cache_.size());
  auto each = cache_.begin();
  for (std::size_t i = 0; i < recent; ++i, ++each) {
    if (each->sql != sql) continue;
    cache_.splice(cache_.begin(), cache_, each);
    return cache_.front();
  }
  if (auto const found = by_sql_.find(sql); found != by_sql_.end()) {
    cache_.splice(cache_.begin(), cache_, found->second);
    return cache_.front();
  }
  sqlite3_stmt* statement = nullptr;
  char const* rest = nullptr;
  if (sqlite3_prepare_v3(handle_, sql.c_str(), static_cast<int>(sql.size() + 1),
                         SQLITE_PREPARE_PERSISTENT, &statement, &rest) != SQLITE_OK) {
    throw last_error();
  }
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(statement, sqlite3_finalize);
  if (!owner) throw Error(ErrorCode::syntax, fmt::format("There is no statement in '{}'.", sql));
  if (std::string_view(rest).find_first_not_of(" \t\r\n;") != std::string_view::npos)
    throw Error(ErrorCode::syntax, fmt::format("More than one statement: {}", sql));
  Prepared prepared;
  prepared.sql = sql;
  auto columns = std::make_shared<std::vector<std::string>>();
  for (int i = 0; i < sqlite3_column_count(statement); ++i)
    columns->emplace_back(sqlite3_column_name(statement, i));
  prepared.columns = std::move(columns);
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i)
    prepared.ordinals.push_back(ordinal_of(sqlite3_bind_parameter_name(statement, i), sql));
  cache_.push_front(std::move(prepared));
  cache_.front().statement = owner.release();
  by_sql_.emplace(cache_.front().sql, cache_.begin());
  if (cache_.size() > cache_bound_) {
    by_sql_.erase(cache_.back().sql);
    sqlite3_finalize(cache_.back().statement);
    cache_.pop_back();
  }
  return cache_.front();
}

void Connection::bind(Prepared const& prepared, Params const& values) {
  for (std::size_t i = 0; i < prepared.ordinals.size(); ++i) {
    auto const ordinal = static_cast<std::size_t>(prepared.ordinals[i]);
    if (ordinal >= values.size()) {
      throw std::logic_error(fmt::format("A statement has ${} but {} values: {}", ordinal + 1,
                                         values.size(), prepared.sql));
    }
    check_text(values[ordinal]);
    if (bind_value(prepared.statement, static_cast<int>(i + 1), values[ordinal]) != SQLITE_OK)
      throw last_error();
  }
}

Rows Connection::collect(Prepared const& prepared) {
  std::vector<Value> values;
  auto const width = static_cast<int>(prepared.columns->size());
  for (;;) {
    auto const code = sqlite3_step(prepared.statement);
    if (code == SQLITE_DONE) break;
    if (code != SQLITE_ROW) throw last_error();
    for (int i = 0; i < width; ++i) values.push_back(column_value(prepared.statement, i));
  }
  steps_ = sqlite3_stmt_status(prepared.statement, SQLITE_STMTSTATUS_VM_STEP, 1);
  if (sqlite3_stmt_readonly(prepared.statement) != 0)
    return Rows(prepared.columns, std::move(values), 0);
  ++changes_;
  return Rows(prepared.columns, std::move(values), sqlite3_changes64(handle_),
              sqlite3_last_insert_rowid(handle_));
}

}  // namespace minga::sql::sqlite
