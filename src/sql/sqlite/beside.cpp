// A database that another process has open, for reading.
#include "sql/sqlite/dialect.hpp"
#include "sql/sqlite/readers.hpp"
#include "sql/sqlite/sqlite.hpp"

#include <fmt/format.h>

#include <atomic>
#include <stdexcept>

namespace minga::sql::sqlite {
namespace {

class BesideDatabase : public Database {
 public:
  BesideDatabase(IoThreads& threads, Options options)
      : options_(std::move(options)), readers_(threads, options_) {}

  Async<Rows> read(Statement statement) override {
    if (closed_) throw Error(ErrorCode::connection_lost, "The database is closed.");
    // The other process may have committed since the last read.
    readers_.committed();
    co_return co_await readers_.run(statement);
  }

  Async<Rows> write(Statement) override { refuse(); }
  Async<std::vector<Rows>> write_all(std::vector<Statement>) override { refuse(); }
  Async<void> transact(TransactionBody, Deadline) override { refuse(); }
  Async<std::unique_ptr<HeldWrites>> hold_writes(std::vector<std::string>, Deadline) override {
    refuse();
  }
  Async<void> announce(std::string, Deadline) override { refuse(); }
  /// Its server knows.
  Async<Copies> copies(Deadline) override { co_return Copies{}; }
  Async<void> check_writable(Deadline) override { refuse(); }
  Async<void> listen(std::function<void(std::string_view)>) override { co_return; }

  Dialect const& dialect() const override { return sqlite::dialect(); }
  bool is_exclusive() const override { return false; }
  std::string durability() const override {
    return fmt::format("SQLite {}, read beside its server", sqlite3_libversion());
  }

  Async<void> backup(std::filesystem::path file) override {
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
    };
    co_await closing.run(work);
  }

 private:
  [[noreturn]] void refuse() const {
    throw Error(ErrorCode::read_only,
                fmt::format("The database {} is another process's: it is only read here.",
                            options_.file.string()));
  }

  Options options_;
  Readers readers_;
  std::atomic<bool> closed_ = false;
};

}  // namespace

std::unique_ptr<Database> open_beside(IoThreads& threads, Options options) {
  return std::make_unique<BesideDatabase>(threads, std::move(options));
}

}  // namespace minga::sql::sqlite
