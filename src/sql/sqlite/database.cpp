#include "sql/sqlite/dialect.hpp"
#include "sql/sqlite/file_lock.hpp"
#include "sql/sqlite/files.hpp"
#include "sql/sqlite/readers.hpp"
#include "sql/sqlite/sqlite.hpp"
#include "sql/sqlite/writer.hpp"

#include <fmt/format.h>

#include <atomic>
#include <stdexcept>

namespace minga::sql::sqlite {
namespace {

/// All of the file's writes.
class HeldWriter : public HeldWrites {
 public:
  HeldWriter(Writer& writer, std::uint64_t number, Deadline deadline)
      : writer_(writer), number_(number), deadline_(deadline) {}
  ~HeldWriter() override {
    if (!is_finished_) writer_.let_go(number_);
  }
  HeldWriter(HeldWriter const&) = delete;
  HeldWriter& operator=(HeldWriter const&) = delete;

  Async<void> finish(std::vector<Statement> statements) override {
    if (std::exchange(is_finished_, true))
      throw std::logic_error("The hold on the writes is finished already.");
    Operation operation;
    operation.statements = statements;
    operation.deadline = deadline_;
    co_await writer_.let_go_with(operation);
  }

 private:
  Writer& writer_;
  std::uint64_t number_;
  Deadline deadline_;
  bool is_finished_ = false;
};

class SqliteDatabase : public Database {
 public:
  SqliteDatabase(IoThreads& threads, Options options, Metrics& metrics)
      : options_(std::move(options)),
        lock_(std::make_unique<FileLock>(options_.file)),
        prepared_((prepare_file(options_), true)),
        readers_(threads, options_),
        writer_(threads, options_, readers_, metrics) {}

  Async<Rows> read(Statement statement) override {
    require_open();
    co_return co_await readers_.run(statement);
  }

  Async<Rows> write(Statement statement) override {
    Operation operation;
    operation.statements = {&statement, 1};
    operation.deadline = statement.deadline;
    co_await writer_.run(operation);
    co_return std::move(operation.rows.front());
  }

  Async<std::vector<Rows>> write_all(std::vector<Statement> statements) override {
    Operation operation;
    operation.statements = statements;
    for (auto const& statement : statements)
      operation.deadline = std::min(operation.deadline, statement.deadline);
    co_await writer_.run(operation);
    co_return std::move(operation.rows);
  }

  Async<void> transact(TransactionBody body, Deadline deadline) override {
    Operation operation;
    operation.body = &body;
    operation.deadline = deadline;
    co_await writer_.run(operation);
  }

  Async<std::unique_ptr<HeldWrites>> hold_writes(std::vector<std::string>,
                                                 Deadline deadline) override {
    auto const number = co_await writer_.hold(deadline);
    co_return std::make_unique<HeldWriter>(writer_, number, deadline);
  }

  Dialect const& dialect() const override { return sqlite::dialect(); }

  bool is_exclusive() const override { return true; }

  std::string durability() const override {
    return fmt::format("SQLite {}, WAL, synchronous=FULL, group commit", sqlite3_libversion());
  }

  Async<void> announce(std::string, Deadline) override { co_return; }
  Async<void> listen(std::function<void(std::string_view)>) override { co_return; }

  Async<Copies> copies(Deadline) override {
    require_open();
    Copies copies;
    auto& file = copies.members.emplace_back();
    file.name = options_.file.filename().string();
    file.role = "primary";
    file.state = "running";
    file.is_healthy = true;
    copies.durable = 1;
    co_return copies;
  }

  Async<void> check_writable(Deadline deadline) override {
    // Writes the header page, so that a disk that is full or read-only says so.
    auto const version = co_await read(Statement("PRAGMA user_version", {}, deadline));
    auto sql = fmt::format("PRAGMA user_version = {}", version.integer(0, 0));
    co_await write(Statement(std::move(sql), {}, deadline));
  }

  Async<void> backup(std::filesystem::path file) override {
    require_open();
    auto work = [this, file] {
      sqlite::copy(options_.file, file);
    };
    co_await readers_.pool().run(work);
  }

  Async<void> close() override {
    closed_ = true;
    co_await readers_.close();
    BlockingPool closing("close", 1, 1);
    auto work = [this] {
      readers_.finish();
      writer_.stop();
      lock_.reset();
    };
    co_await closing.run(work);
  }

 private:
  void require_open() const {
    if (closed_) throw Error(ErrorCode::connection_lost, "The database is closed.");
    if (writer_.is_current())
      throw std::logic_error("A transaction's body reads through its transaction.");
  }

  Options options_;
  std::unique_ptr<FileLock> lock_;
  bool prepared_;  // the file is checked before the writer opens it
  Readers readers_;
  Writer writer_;
  std::atomic<bool> closed_ = false;
};

}  // namespace

std::unique_ptr<Database> open(IoThreads& threads, Options options, Metrics& metrics) {
  return std::make_unique<SqliteDatabase>(threads, std::move(options), metrics);
}

}  // namespace minga::sql::sqlite
