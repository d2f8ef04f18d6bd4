#pragma once

#include "sql/postgres/batch.hpp"
#include "sql/postgres/mark.hpp"
#include "sql/postgres/settings.hpp"
#include "sql/postgres/statements.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <deque>
#include <functional>
#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <string>

namespace minga::sql::postgres {

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Handle = std::unique_ptr<PGconn, Finish>;

/// One open connection in pipeline mode, used on one I/O thread alone. Batches are answered in the
/// order in which they were sent.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// Told when a connection can be used no more, after its batches have learned of it.
  using OnLost = std::function<void(Connection&, Error const&)>;

  Connection(boost::asio::io_context& context, Handle handle, std::size_t statement_cache,
             OnLost on_lost);
  ~Connection();
  Connection(Connection const&) = delete;
  Connection& operator=(Connection const&) = delete;

  /// Begins to listen: a server that goes away is noticed at once.
  void start();
  /// finished() is called on a later turn of the loop, whatever happens.
  void send(std::unique_ptr<Batch> batch);
  /// What is under way is lost. on_lost is not called.
  void close();
  /// As if the connection had been lost just now.
  void give_up(Error const& why);

  bool is_open() const { return handle_ != nullptr && !is_lost_; }
  /// A statement was refused because the server, or the session, cannot write.
  bool was_read_only() const { return was_read_only_; }
  std::size_t batches() const { return batches_; }
  /// The batch that the server is at; null when there is none.
  Batch* oldest() const;
  template <class Visit>
  void for_each_batch(Visit visit) const {
    for (auto const& step : steps_) {
      if (step.batch) visit(*step.batch);
    }
  }
  /// What a cancel request needs; to be freed by PQfreeCancel.
  PGcancel* cancel_handle() const { return PQgetCancel(handle_.get()); }
  PGconn* handle() const { return handle_.get(); }

  /// From now on transactions are marked, in a row that the first of them makes.
  void begin_row();
  bool is_marking() const { return token_ != 0; }

  /// When the server last said something.
  Clock::time_point heard_at() const { return heard_at_; }

  std::size_t host = 0;         // of the settings
  bool is_replaced = false;     // another server has become the primary since
  bool is_lent = false;         // to a transaction
  bool is_cancelling = false;   // a cancel request is on its way: nothing may be sent
  bool is_introducing = false;  // the server is asked whether transactions can be marked
  int introductions = 0;
  Clock::time_point introduce_again_at{};
  bool is_taken() const { return is_lent || is_cancelling || is_introducing; }

 private:
  enum class Kind { prepare, describe, item, sync, deallocate };
  /// What the server will answer next.
  struct Step {
    Kind kind;
    std::shared_ptr<Prepared> prepared{};
    Batch* of = nullptr;  // item
    std::size_t item = 0;
    std::unique_ptr<Batch> batch{};  // sync: of the batch that it ends, which it owns
  };

  bool send_all(std::unique_ptr<Batch>& batch);
  void mark(Batch& batch);
  static bool is_mark(Step const& step);
  bool send_deallocations();
  bool send_preparations(Batch const& batch);
  bool send_items(Batch& batch);
  bool send_sync(std::unique_ptr<Batch> batch);
  void flush();
  void wait_readable();
  void wait_writable();
  void on_readable();
  void read_answers();
  void take(PGresult* result);
  void take_item(Step const& step, PGresult* result);
  void take_preparation(Step const& step, PGresult const* result);
  void refuse_marks(Failure const& failure);
  void note_farewell(Failure failure);
  void end_sync();
  void lose(Error const& why);
  void stop_watching();
  void deliver();
  void deliver_later();
  static void on_notice(void* self, PGresult const* notice);

  Handle handle_;
  boost::asio::io_context& context_;
  boost::asio::posix::stream_descriptor socket_;  // a descriptor of its own: watched_socket.hpp
  Statements statements_;
  OnLost on_lost_;
  Arguments arguments_;
  std::vector<std::shared_ptr<Prepared>> prepared_;  // for the items of the batch being sent
  std::deque<Step> steps_;
  std::size_t batches_ = 0;
  std::optional<Failure> sync_failure_;  // came where the answer to a Sync was expected
  bool has_result_ = false;              // of the step at the front; its end follows
  std::optional<Failure> farewell_;      // a FATAL error outside of any statement
  std::vector<std::unique_ptr<Batch>> answered_;
  Clock::time_point heard_at_{};
  bool is_writing_ = false;
  bool is_lost_ = false;
  bool is_unreplicated_ = false;
  bool is_spent_ = false;          // a commit is in doubt: no other may follow it
  std::int64_t token_ = 0;         // of the writer's row; 0: transactions are not marked
  std::int64_t former_token_ = 0;  // of the row before; 0: none
  std::int64_t marks_ = 0;         // in the row
  bool has_row_ = false;           // it is known to be there
  Clock::time_point row_begun_at_{};
  bool was_read_only_ = false;
};

}  // namespace minga::sql::postgres
