#include "async/blocking_pool.hpp"
#include "base/ids.hpp"
#include "sql/postgres/backup.hpp"
#include "sql/postgres/barrier.hpp"
#include "sql/postgres/dialect.hpp"
#include "sql/postgres/listening.hpp"
#include "sql/postgres/pool.hpp"
#include "sql/postgres/postgres.hpp"
#include "sql/postgres/replicas.hpp"
#include "sql/postgres/servers.hpp"
#include "sql/postgres/transactions.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <mutex>
#include <numeric>
#include <span>
#include <stdexcept>
#include <vector>

namespace minga::sql::postgres {
namespace {

constexpr char const* kDurability =
    "SELECT current_setting('server_version'), current_setting('synchronous_commit'), "
    "current_setting('fsync'), current_setting('synchronous_standby_names') <> '', "
    "(SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))";
/// A commit, with all that one waits for, that changes no table.
constexpr char const* kCommitNothing = "SELECT pg_logical_emit_message(true, 'minga', '')";
constexpr char const* kAnnounce = "SELECT pg_notify($1, $2)";

/// Whether others' statements may stand in the same transaction.
enum class Sharing { together, alone };

class PostgresDatabase : public Database {
 public:
  PostgresDatabase(IoThreads& threads, Options options, Metrics& metrics)
      : options_(std::move(options)),
        settings_(options_),
        threads_(threads),
        counts_(metrics),
        cancels_("cancel", 2, 64) {
    auto abandon = [this](std::size_t host, Error const& why) {
      abandon_standby(host, why);
    };
    standbys_ = std::make_shared<Standbys>(threads, settings_, options_, metrics, whereabouts_,
                                           std::move(abandon));
    for (std::size_t i = 0; i < threads.size(); ++i)
      lanes_.push_back(std::make_unique<Lane>(threads.context(i), *this));
  }

  Async<Rows> read(Statement statement) override {
    if (statement.replica != nullptr) co_return co_await read_anywhere(statement);
    std::span<Statement const> const one(&statement, 1);
    auto rows = co_await run(Access::read, one);
    co_return std::move(rows.front());
  }
  Async<Rows> write(Statement statement) override {
    std::span<Statement const> const one(&statement, 1);
    auto rows = co_await run(Access::write, one);
    co_return std::move(rows.front());
  }
  Async<std::vector<Rows>> write_all(std::vector<Statement> statements) override {
    co_return co_await run(Access::write, statements);
  }

  Async<void> transact(TransactionBody body, Deadline deadline) override {
    require_open();
    if (threads_.current() < 0) {
      auto elsewhere = transact(std::move(body), deadline);
      co_await boost::asio::co_spawn(threads_.context(0), std::move(elsewhere),
                                     boost::asio::use_awaitable);
      co_return;
    }
    co_await run_transaction(lane().writers, body, deadline);
  }

  Async<std::unique_ptr<HeldWrites>> hold_writes(std::vector<std::string> tables,
                                                 Deadline deadline) override {
    require_open();
    if (threads_.current() < 0)
      throw std::logic_error("Writes are held from an I/O thread, on which the hold goes too.");
    co_return co_await hold_by_locks(lane().writers, std::move(tables), deadline);
  }

  Dialect const& dialect() const override { return postgres::dialect(); }

  bool is_exclusive() const override { return false; }

  Async<void> announce(std::string topic, Deadline deadline) override {
    Params values{std::string(kChannel), fmt::format("{} {}", identity_, topic)};
    Statement const statement(kAnnounce, std::move(values), deadline);
    std::span<Statement const> const one(&statement, 1);
    co_await run(Access::write, one, Sharing::alone);
  }

  Async<void> listen(std::function<void(std::string_view)> heard) override {
    co_await postgres::listen(settings_, identity_, std::move(heard));
  }

  std::string durability() const override {
    std::lock_guard const lock(mutex_);
    return durability_;
  }

  Async<Copies> copies(Deadline deadline) override {
    require_open();
    co_return co_await ask_servers(settings_, deadline);
  }

  Async<void> check_writable(Deadline deadline) override {
    co_await write(Statement(kCommitNothing, {}, deadline));
    auto const rows = co_await read(Statement(kDurability, {}, deadline));
    auto text =
        fmt::format("PostgreSQL {}, synchronous_commit={}, fsync={}, synchronous standbys: {}",
                    rows.text(0, 0), rows.text(0, 1), rows.text(0, 2), rows.integer(0, 4));
    std::lock_guard const lock(mutex_);
    durability_ = std::move(text);
  }

  Async<void> backup(std::filesystem::path file) override {
    require_open();
    auto work = [this, file] {
      back_up(settings_, file);
    };
    BlockingPool own("backup", 1, 1);  // a backup takes long, and cancels must not wait for it
    co_await own.run(work);
  }

  Async<void> close() override {
    closed_ = true;
    co_await boost::asio::co_spawn(threads_.context(0), standbys_->close(),
                                   boost::asio::use_awaitable);
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      co_await boost::asio::co_spawn(threads_.context(i), close_lane(*lanes_[i]),
                                     boost::asio::use_awaitable);
    }
  }

 private:
  /// What one I/O thread has of its own.
  struct Lane {
    Lane(boost::asio::io_context& context, PostgresDatabase& of)
        : readers(context, of.settings_, of.options_, Access::read, of.all_hosts(), of.cancels_,
                  of.whereabouts_, of.counts_),
          writers(context, of.settings_, of.options_, Access::write, of.all_hosts(), of.cancels_,
                  of.whereabouts_, of.counts_),
          barrier(context, writers, of.counts_),
          replicas(context, of.settings_, of.options_, of.cancels_, of.whereabouts_, of.counts_,
                   *of.standbys_) {}
    Pool readers;
    Pool writers;
    Barrier barrier;
    Replicas replicas;
  };

  std::vector<std::size_t> all_hosts() const {
    std::vector<std::size_t> hosts(settings_.hosts().size());
    std::iota(hosts.begin(), hosts.end(), 0);
    return hosts;
  }

  Lane& lane() { return *lanes_.at(static_cast<std::size_t>(threads_.current())); }

  void require_open() const {
    if (closed_) throw connection_lost("The database is closed.");
  }

  Async<std::vector<Rows>> run(Access access, std::span<Statement const> statements,
                               Sharing sharing = Sharing::together) {
    require_open();
    if (threads_.current() < 0) {
      auto elsewhere = run(access, statements, sharing);
      co_return co_await boost::asio::co_spawn(threads_.context(0), std::move(elsewhere),
                                               boost::asio::use_awaitable);
    }
    Operation operation;
    operation.statements = statements;
    operation.is_alone = sharing == Sharing::alone;
    for (auto const& statement : statements) {
      check_values(statement.values);
      operation.deadline = std::min(operation.deadline, statement.deadline);
    }
    if (statements.empty()) co_return std::vector<Rows>{};
    auto& pool = access == Access::read ? lane().readers : lane().writers;
    co_await pool.run(operation);
    co_return std::move(operation.rows);
  }

  Async<Rows> read_anywhere(Statement const& statement) {
    require_open();
    if (threads_.current() < 0) {
      auto elsewhere = read_anywhere(statement);
      co_return co_await boost::asio::co_spawn(threads_.context(0), std::move(elsewhere),
                                               boost::asio::use_awaitable);
    }
    check_values(statement.values);
    Entered const entered(lane().readers);
    auto rows = co_await lane().replicas.read(statement);
    if (rows) co_return std::move(*rows);
    if (!statement.replica->after.is_nothing())
      co_return co_await read_after(lane().readers, lane().barrier, statement);
    std::span<Statement const> const one(&statement, 1);
    auto from_primary = co_await run(Access::read, one);
    co_return std::move(from_primary.front());
  }

  void abandon_standby(std::size_t host, Error const& why) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      boost::asio::post(threads_.context(i),
                        [lane = lanes_[i].get(), host, why] { lane->replicas.abandon(host, why); });
    }
  }

  static Async<void> close_lane(Lane& lane) {
    co_await lane.readers.close();
    co_await lane.replicas.close();
    co_await lane.barrier.close();
    co_await lane.writers.close();
  }

  Options options_;
  Settings settings_;
  std::string const identity_ = random_text(15);  // tells what this process announces
  IoThreads& threads_;
  Counts counts_;
  mutable std::mutex mutex_;
  std::string durability_ = "PostgreSQL, not asked yet";
  Whereabouts whereabouts_;
  std::shared_ptr<Standbys> standbys_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::atomic<bool> closed_ = false;
  BlockingPool cancels_;
};

}  // namespace

std::unique_ptr<Database> open(IoThreads& threads, Options options, Metrics& metrics) {
  return std::make_unique<PostgresDatabase>(threads, std::move(options), metrics);
}

}  // namespace minga::sql::postgres
