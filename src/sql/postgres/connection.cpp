#include "sql/postgres/connection.hpp"

#include "base/logging.hpp"
#include "sql/postgres/timeline.hpp"
#include "sql/postgres/watched_socket.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>

#include <poll.h>
#include <random>
#include <string_view>
#include <utility>

namespace minga::sql::postgres {
namespace {

/// Only what has something to commit. It fails once the row is barred: doubt.cpp.
constexpr char const* kMark =
    "UPDATE _writers SET number = $2 + bar WHERE token = $1 AND pg_current_xact_id_if_assigned() "
    "IS NOT NULL";
/// The same where the row may not be there. The row before it goes, and some that nobody can be
/// asking for: by the number of transactions since, for clocks jump, and by the clock, since that
/// many transactions may be a matter of minutes.
std::string const kFirstMark = fmt::format(
    "WITH gone AS (DELETE FROM _writers WHERE token IN (SELECT token FROM _writers WHERE token = "
    "$3 OR (age(xmin) > 1000000 AND made < now() - interval '1 hour') LIMIT 100 FOR UPDATE SKIP "
    "LOCKED)) INSERT INTO _writers AS writer (token, number, timeline) SELECT $1::bigint, "
    "$2::bigint, {} WHERE pg_current_xact_id_if_assigned() IS NOT NULL ON CONFLICT (token) DO "
    "UPDATE SET number = EXCLUDED.number + writer.bar",
    kTimeline);
/// An older version of the row goes with each new one, unless somebody's snapshot keeps it: then
/// they pile up, and a new row begins a new pile.
constexpr std::int64_t kMarksOfARow = 1'000;
constexpr std::chrono::minutes kRowIsUsedFor{30};
/// Before a server that has refused a mark is asked again whether it takes any.
constexpr std::chrono::seconds kRefusalHolds{5};

std::int64_t new_token() {
  std::random_device source;
  auto const high = static_cast<std::uint64_t>(source()) << 32U;
  return static_cast<std::int64_t>((high | source()) >> 1U) | 1;
}

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

bool is_failure(PGresult const* result) {
  return PQresultStatus(result) == PGRES_FATAL_ERROR ||
         PQresultStatus(result) == PGRES_BAD_RESPONSE;
}

std::string last_words(PGconn const* connection) {
  std::string const said = PQerrorMessage(connection);
  return said.empty() ? "the server closed the connection" : said.substr(0, said.find('\n'));
}

}  // namespace

Connection::Connection(boost::asio::io_context& context, Handle handle, std::size_t statement_cache,
                       OnLost on_lost)
    : handle_(std::move(handle)),
      context_(context),
      socket_(context),
      statements_(statement_cache),
      on_lost_(std::move(on_lost)) {
  if (auto const own = duplicate(PQsocket(handle_.get())); own >= 0) socket_.assign(own);
  PQsetNoticeReceiver(handle_.get(), on_notice, this);
}

Connection::~Connection() {
  close();
}

void Connection::start() {
  if (socket_.is_open()) {
    wait_readable();
  } else {
    give_up(connection_lost("the process has no descriptor left for its socket"));
  }
}

void Connection::close() {
  if (!handle_) return;
  on_lost_ = nullptr;
  stop_watching();
  handle_.reset();
}

Batch* Connection::oldest() const {
  for (auto const& step : steps_) {
    if (step.batch) return step.batch.get();
  }
  return nullptr;
}

void Connection::send(std::unique_ptr<Batch> batch) {
  batch->sent_at = Clock::now();
  if (batches_++ == 0) batch->begun_at = batch->sent_at;
  if (batch->mark_at && token_ != 0) mark(*batch);
  // A server that has said farewell while nothing was under way has not done what was never sent.
  pollfd ready{socket_.native_handle(), POLLIN, 0};
  if (is_open() && steps_.empty() && ::poll(&ready, 1, 0) > 0) {
    PQconsumeInput(handle_.get());
    PQisBusy(handle_.get());
  }
  if (is_open() && !farewell_ && PQstatus(handle_.get()) == CONNECTION_OK && send_all(batch)) {
    flush();
    return;
  }
  if (batch) {  // the server never saw its Sync
    batch->is_undone = true;
    batch->loss = connection_lost("The connection to the database is lost.");
    answered_.push_back(std::move(batch));
  }
  lose(connection_lost(last_words(handle_.get())));
  deliver_later();
}

/// Takes the batch when all of it is handed to libpq.
bool Connection::send_all(std::unique_ptr<Batch>& batch) {
  auto& items = *batch;
  return send_deallocations() && send_preparations(items) && send_items(items) &&
         send_sync(std::move(batch));
}

bool Connection::send_deallocations() {
  auto const names = statements_.take_evicted();
  for (auto const& name : names) {
    auto const sql = "DEALLOCATE " + name;
    if (PQsendQueryParams(handle_.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) ==
        0)
      return false;
    steps_.push_back({.kind = Kind::deallocate});
  }
  return names.empty() || send_sync(nullptr);
}

void Connection::begin_row() {
  former_token_ = std::exchange(token_, new_token());
  marks_ = 0;
  has_row_ = false;
  row_begun_at_ = Clock::now();
}

void Connection::mark(Batch& batch) {
  if (marks_ >= kMarksOfARow || Clock::now() - row_begun_at_ > kRowIsUsedFor) begin_row();
  batch.mark = Mark{token_, ++marks_, !has_row_};
  Params values{token_, marks_};
  if (!has_row_) values.emplace_back(former_token_);
  batch.mark_statement.emplace(has_row_ ? kMark : kFirstMark, std::move(values));
  Batch::Item item{};
  item.statement = &*batch.mark_statement;
  item.is_wanted = false;
  batch.items.insert(batch.items.begin() + static_cast<std::ptrdiff_t>(*batch.mark_at),
                     std::move(item));
}

bool Connection::is_mark(Step const& step) {
  return step.of->mark && step.item == *step.of->mark_at;
}

/// A Sync of their own: a statement that the server refuses spoils no other's transaction, and one
/// that it has taken stays when that is undone.
bool Connection::send_preparations(Batch const& batch) {
  prepared_.clear();
  bool any = false;
  for (auto const& item : batch.items) {
    auto prepared = statements_.find(item.statement->sql, item.statement->values);
    prepared_.push_back(prepared);
    if (prepared->is_sent) continue;
    prepared->is_sent = any = true;
    if (PQsendPrepare(handle_.get(), prepared->name.c_str(), item.statement->sql.c_str(),
                      static_cast<int>(prepared->declared.size()), prepared->declared.data()) == 0)
      return false;
    steps_.push_back({.kind = Kind::prepare, .prepared = prepared});
    if (PQsendDescribePrepared(handle_.get(), prepared->name.c_str()) == 0) return false;
    steps_.push_back({.kind = Kind::describe, .prepared = prepared});
  }
  return !any || send_sync(nullptr);
}

bool Connection::send_items(Batch& batch) {
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    // What statements gave is known before the commit begins: should that be cut off, the rows are
    // there.
    if (i > 0 && i == batch.mark_at && PQsendFlushRequest(handle_.get()) == 0) return false;
    auto const& prepared = prepared_[i];
    arguments_.assign(batch.items[i].statement->values);
    if (PQsendQueryPrepared(handle_.get(), prepared->name.c_str(), arguments_.size(),
                            arguments_.pointers(), arguments_.lengths(), arguments_.formats(),
                            prepared->binary_results ? 1 : 0) == 0)
      return false;
    steps_.push_back({.kind = Kind::item, .prepared = prepared, .of = &batch, .item = i});
  }
  auto const is_unmarked = batch.mark_at == batch.items.size();
  return !is_unmarked || PQsendFlushRequest(handle_.get()) == 1;
}

bool Connection::send_sync(std::unique_ptr<Batch> batch) {
  if (PQpipelineSync(handle_.get()) == 0) return false;
  steps_.push_back({.kind = Kind::sync, .batch = std::move(batch)});
  return true;
}

void Connection::flush() {
  if (is_writing_ || !is_open()) return;
  if (PQflush(handle_.get()) == 1) wait_writable();
}

void Connection::wait_writable() {
  is_writing_ = true;
  auto on_writable = [weak = weak_from_this()](boost::system::error_code error) {
    auto const self = weak.lock();
    if (!self || error || !self->is_open()) return;
    self->is_writing_ = false;
    self->flush();
  };
  socket_.async_wait(boost::asio::posix::descriptor_base::wait_write, on_writable);
}

void Connection::wait_readable() {
  auto on_ready = [weak = weak_from_this()](boost::system::error_code error) {
    auto const self = weak.lock();
    if (!self || error || !self->is_open()) return;
    self->on_readable();
  };
  socket_.async_wait(boost::asio::posix::descriptor_base::wait_read, on_ready);
}

void Connection::on_readable() {
  heard_at_ = Clock::now();
  auto is_good = PQconsumeInput(handle_.get()) == 1;
  // What TLS has deciphered already makes no socket readable.
  if (auto* tls = static_cast<SSL*>(PQsslStruct(handle_.get(), "OpenSSL")); tls != nullptr) {
    while (is_good && SSL_pending(tls) > 0) is_good = PQconsumeInput(handle_.get()) == 1;
  }
  read_answers();
  if (!is_good || PQstatus(handle_.get()) != CONNECTION_OK) {
    lose(farewell_ ? farewell_->error : connection_lost(last_words(handle_.get())));
  } else if (is_spent_) {
    lose(connection_lost("What became of a transaction has to be found out."));
  } else {
    flush();
    wait_readable();
  }
  deliver();
}

void Connection::read_answers() {
  int silent = 0;  // in a row; after two libpq has nothing more to tell
  while (silent < 2 && PQisBusy(handle_.get()) == 0) {
    Result const result(PQgetResult(handle_.get()));
    if (result) {
      silent = 0;
      if (!steps_.empty()) take(result.get());
    } else if (has_result_) {
      has_result_ = false;
      steps_.pop_front();
    } else {
      ++silent;
    }
    if (steps_.empty()) return;
  }
}

void Connection::take(PGresult* result) {
  auto& step = steps_.front();
  if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
    end_sync();
    return;
  }
  has_result_ = step.kind != Kind::sync;
  if (is_failure(result)) note_farewell(failure_of(result));
  switch (step.kind) {
    case Kind::item:
      take_item(step, result);
      break;
    case Kind::prepare:
    case Kind::describe:
      take_preparation(step, result);
      break;
    case Kind::sync:
      if (is_failure(result)) sync_failure_ = failure_of(result);
      break;
    case Kind::deallocate:
      break;
  }
}

/// A session that the server ends does nothing more of what was sent: only the commit that it may
/// be at is uncertain.
void Connection::note_farewell(Failure failure) {
  if (!failure.is_fatal) return;
  farewell_ = std::move(failure);
  auto const is_committing = steps_.front().kind == Kind::sync;
  for (auto step = steps_.begin() + (is_committing ? 1 : 0); step != steps_.end(); ++step) {
    if (step->batch) step->batch->is_undone = true;
  }
}

void Connection::take_item(Step const& step, PGresult* result) {
  auto& item = step.of->items[step.item];
  if (!is_failure(result)) {
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) return;
    item.is_done = true;
    if (item.is_wanted) item.rows = rows_of(result, step.prepared->columns);
    if (is_mark(step)) step.of->is_marked = std::string_view(PQcmdTuples(result)) != "0";
    return;
  }
  item.failure = failure_of(result);
  if (item.failure->sqlstate.empty()) {  // libpq's own: the connection broke
    item.failure.reset();
    return;
  }
  step.of->is_undone = true;
  was_read_only_ |= item.failure->sqlstate == kReadOnlyTransaction;
  if (item.failure->is_outdated) {
    item.is_outdated = !step.prepared->failure;
    if (step.prepared->failure) item.failure = step.prepared->failure;
    statements_.forget(*step.prepared);
  }
  if (is_mark(step) && !item.is_outdated) refuse_marks(*item.failure);
}

/// Nobody's write fails because it cannot be marked.
void Connection::refuse_marks(Failure const& failure) {
  if (failure.error.retryable || failure.is_fatal || failure.sqlstate == kReadOnlyTransaction)
    return;
  log::warning(fmt::format("Commits cannot be marked: {}", failure.error.what()));
  token_ = 0;
  introduce_again_at = Clock::now() + kRefusalHolds;
}

void Connection::take_preparation(Step const& step, PGresult const* result) {
  auto& prepared = *step.prepared;
  if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
    // Another was refused before it, and it was passed over.
    if (step.kind == Kind::prepare) prepared.is_sent = false;
  } else if (is_failure(result)) {
    prepared.failure = failure_of(result);
    statements_.forget(prepared);
  } else if (step.kind == Kind::describe) {
    for (int i = 0; i < PQnparams(result); ++i) prepared.inferred.push_back(PQparamtype(result, i));
    prepared.binary_results = binary_pays(result);
    prepared.columns = columns_of(result);
  }
}

void Connection::end_sync() {
  auto batch = std::move(steps_.front().batch);
  steps_.pop_front();
  has_result_ = false;
  auto failure = std::exchange(sync_failure_, std::nullopt);
  if (!batch) return;
  batch->is_unreplicated = std::exchange(is_unreplicated_, false);
  if (failure) {
    batch->commit_failure = std::move(failure);
    batch->is_undone = true;
  }
  if (batch->mark && !batch->is_undone) {
    has_row_ = has_row_ || batch->is_marked;
    is_spent_ = batch->is_unreplicated;
  }
  if (--batches_ > 0) oldest()->begun_at = heard_at_;
  answered_.push_back(std::move(batch));
}

void Connection::give_up(Error const& why) {
  if (!is_open()) return;
  lose(why);
  deliver_later();
}

void Connection::lose(Error const& why) {
  if (is_lost_) return;
  is_lost_ = true;
  stop_watching();
  for (auto& step : std::exchange(steps_, {})) {
    if (!step.batch) continue;
    step.batch->loss = why;
    answered_.push_back(std::move(step.batch));
  }
}

void Connection::stop_watching() {
  boost::system::error_code ignored;  // closed in any case
  socket_.close(ignored);
}

void Connection::deliver_later() {
  boost::asio::post(context_, [self = shared_from_this()] { self->deliver(); });
}

/// Whoever is told may use the connection again at once.
void Connection::deliver() {
  auto const self = shared_from_this();
  for (auto& batch : std::exchange(answered_, {})) batch->finished();
  if (!is_lost_ || !on_lost_) return;
  auto const tell = std::exchange(on_lost_, nullptr);
  batches_ = 0;
  tell(*this, farewell_ ? farewell_->error : connection_lost(last_words(handle_.get())));
}

void Connection::on_notice(void* self, PGresult const* notice) {
  auto& connection = *static_cast<Connection*>(self);
  auto failure = failure_of(notice);
  auto const* function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
  if (function != nullptr && std::string_view(function) == "SyncRepWaitForLSN")
    connection.is_unreplicated_ = true;
  if (failure.is_fatal) connection.farewell_ = std::move(failure);
}

}  // namespace minga::sql::postgres
