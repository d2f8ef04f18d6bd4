#include "live/hub.hpp"

#include "async/bell.hpp"
#include "async/deadline.hpp"
#include "async/task_group.hpp"
#include "base/logging.hpp"
#include "live/topic.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <utility>

namespace minga::live {
namespace {

using namespace std::chrono_literals;
using records::Change;
using records::Place;
using records::Position;

constexpr std::int64_t kBatch = 500;
constexpr auto kSlice = 250ms;  // how soon a stream notices that it should end
constexpr auto kPruneEvery = 60s;

/// All changes of the log from `after` to `until`; none where there was nobody to hand them to.
struct Batch {
  Place after;
  Place until;
  std::vector<Change> changes;
};

/// One stream's waiting events. All on its I/O thread.
struct Subscriber {
  explicit Subscriber(boost::asio::any_io_executor executor) : wake(executor), full(executor) {}
  std::vector<Topic> topics;
  std::deque<std::pair<Place, std::string>> events;  // with their places
  Place skip_until;                                  // the client has these, or is brought them
  bool overflowed = false;
  boost::asio::steady_timer wake;
  boost::asio::steady_timer full;  // cancelled when it overflows
};

/// Returns when more waits for the client than it is given room for.
Async<void> wait_for_overflow(Subscriber& subscriber) {
  while (!subscriber.overflowed) {
    subscriber.full.expires_at(kNoDeadline);
    boost::system::error_code
        woken;  // by the overflow; the end of the stream cancels this coroutine
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, woken);
    co_await subscriber.full.async_wait(token);
  }
}

/// The subscribers of one I/O thread.
struct Lane {
  Place position;  // the last change that was handed to them
  std::set<Subscriber*> subscribers;
};

/// Rung from any thread, also after the hub's end.
struct Tail {
  explicit Tail(boost::asio::io_context& home) : bell(std::make_shared<Bell>(home)) {}
  /// While nobody listens the poll is enough.
  void ring() const {
    if (listeners > 0) bell->ring();
  }
  std::shared_ptr<Bell> bell;
  std::atomic<std::size_t> listeners = 0;  // subscribers of all lanes
};

std::vector<Topic> topics_of(Request const& request, Settings const& settings) {
  std::vector<Topic> topics;
  for (auto const& [name, value] : request.query_all()) {
    if (name == "topic") topics.emplace_back(value);
  }
  if (topics.empty())
    throw Error::invalid("topic", "validation_required",
                         "At least one topic is expected: ?topic=tasks/*.");
  if (topics.size() > settings.max_topics)
    throw Error::bad_request(fmt::format("There are more than {} topics.", settings.max_topics));
  return topics;
}

/// As the client gave it; it is told to resync where that is no position.
std::string position_asked(Request const& request) {
  auto const header = request.header("Last-Event-ID");
  auto const given = header.empty() ? request.query("since").value_or("") : header;
  auto const visible = [](char c) {
    return c > 0x20 && c < 0x7F;
  };
  // It is sent back in a line of the stream.
  return std::all_of(given.begin(), given.end(), visible) ? std::string(given) : "unknown";
}

/// Clients come back at different moments after a restart.
int retry_milliseconds() {
  static thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_int_distribution<int>(500, 2'500)(generator);
}

}  // namespace

struct Hub::Impl {
  Impl(IoThreads& io, records::Store& records_store, Settings given, Metrics& metrics)
      : threads(io),
        store(records_store),
        settings(given),
        subscribers(metrics.gauge("minga_live_subscribers", "Open event streams.")),
        sent(metrics.counter("minga_live_events_total", "Events handed to subscribers.")),
        waiting(std::make_shared<Tail>(io.context(0))),
        lanes(io.size()),
        tasks(io.context(0).get_executor(), "live") {}

  Async<void> tail();
  Async<bool> read_on(Place& position);
  Async<void> skip(Place& position);
  Async<void> prune();
  void hand_out(Batch batch);
  void deliver(Lane& lane, Batch const& batch);
  void offer(Subscriber& subscriber, Change const& change, records::Schema const& schema);
  Async<void> stream(std::shared_ptr<Subscriber> subscriber, std::string since, BodyWriter& writer);
  Async<void> follow(Subscriber& subscriber, std::string since, BodyWriter& writer);
  Async<void> catch_up(Subscriber& subscriber, std::string since, BodyWriter& writer);
  Async<bool> can_replay(std::optional<Position> from, Place until);
  Async<void> replay(Subscriber& subscriber, Place from, Place until, BodyWriter& writer);
  void ask_rewind(Place place);
  Place rewound(Place position);
  Async<void> pump(Subscriber& subscriber, BodyWriter& writer);

  IoThreads& threads;
  records::Store& store;
  Settings settings;
  prometheus::Gauge& subscribers;
  prometheus::Counter& sent;
  std::shared_ptr<Tail> waiting;
  std::vector<Lane> lanes;
  std::mutex rewind_mutex;
  std::optional<Place> rewind;  // where the tail has to read again from
  TaskGroup tasks;
};

/// Follows the log from the lanes' position on; without subscribers it looks only at its end, at
/// each poll.
Async<void> Hub::Impl::tail() {
  auto position = lanes[0].position;
  for (;;) {
    auto more = false;
    std::string failure;
    try {
      if (waiting->listeners == 0) {
        co_await skip(position);
      } else {
        position = rewound(position);
        more = co_await read_on(position);
      }
    } catch (std::exception const& error) {
      if (is_cancellation(error)) throw;
      failure = error.what();
    }
    if (!failure.empty())
      log::warning(fmt::format("live: the change log cannot be read: {}", failure));
    if (more) continue;
    co_await waiting->bell->wait(settings.poll);
  }
}

void Hub::Impl::ask_rewind(Place place) {
  std::lock_guard const lock(rewind_mutex);
  rewind = rewind ? std::min(*rewind, place) : place;
}

Place Hub::Impl::rewound(Place position) {
  std::lock_guard const lock(rewind_mutex);
  auto const asked = std::exchange(rewind, std::nullopt);
  return asked ? std::min(position, *asked) : position;
}

/// Hands what follows `position` to all lanes, in order. False at the log's end.
Async<bool> Hub::Impl::read_on(Place& position) {
  auto changes = co_await store.changes().after(position, kBatch, Clock::now() + 10s);
  if (changes.empty()) co_return false;
  auto const until = changes.back().place;
  hand_out({std::exchange(position, until), until, std::move(changes)});
  co_return true;
}

/// Moves the lanes to the log's end.
Async<void> Hub::Impl::skip(Place& position) {
  auto const last = co_await store.changes().last(Clock::now() + 10s);
  if (last.place <= position) co_return;
  position = last.place;
  hand_out({position, position, {}});
}

Async<void> Hub::Impl::prune() {
  for (;;) {
    co_await sleep_for(kPruneEvery);
    std::string failure;
    try {
      co_await store.changes().prune(settings.keep, Clock::now() + 30s);
      co_await store.prune_idempotency(Clock::now() + 30s);
    } catch (std::exception const& error) {
      if (is_cancellation(error)) throw;
      failure = error.what();
    }
    if (!failure.empty())
      log::warning(fmt::format("live: old changes could not be removed: {}", failure));
  }
}

void Hub::Impl::hand_out(Batch batch) {
  auto const shared = std::make_shared<Batch const>(std::move(batch));
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    boost::asio::post(threads.context(i), [this, i, shared] { deliver(lanes[i], *shared); });
  }
}

/// A lane that got a subscriber while the tail skipped what it had not seen stays where it is and
/// has the tail come back to it.
void Hub::Impl::deliver(Lane& lane, Batch const& batch) {
  if (!lane.subscribers.empty() && lane.position < batch.after) {
    ask_rewind(lane.position);
    waiting->ring();
    return;
  }
  auto const before = lane.position;
  lane.position = std::max(before, batch.until);
  if (lane.subscribers.empty()) return;
  auto const schema = store.schema();
  for (auto* subscriber : lane.subscribers) {
    for (auto const& change : batch.changes) {
      if (change.place > before) offer(*subscriber, change, *schema);
    }
    if (!subscriber->events.empty()) subscriber->wake.cancel();
  }
}

void Hub::Impl::offer(Subscriber& subscriber, Change const& change, records::Schema const& schema) {
  if (subscriber.overflowed || change.place <= subscriber.skip_until) return;
  auto const* definition = schema.find(change.collection);
  if (definition == nullptr) return;
  for (auto const& topic : subscriber.topics) {
    if (!topic.matches(*definition, change)) continue;
    if (subscriber.events.size() >= settings.buffer_events) {
      subscriber.overflowed = true;
      subscriber.full.cancel();
      return;
    }
    auto text = event_text(topic, change, *definition, store.changes().epoch());
    subscriber.events.emplace_back(change.place, std::move(text));
  }
}

Async<void> Hub::Impl::stream(std::shared_ptr<Subscriber> subscriber, std::string since,
                              BodyWriter& writer) {
  auto& lane = lanes[static_cast<std::size_t>(threads.current())];
  struct Membership {
    Impl& hub;
    Lane& lane;
    Subscriber& subscriber;
    Membership(Impl& owner, Lane& home, Subscriber& one) : hub(owner), lane(home), subscriber(one) {
      hub.subscribers.Increment();
      ++hub.waiting->listeners;
    }
    ~Membership() {
      lane.subscribers.erase(&subscriber);
      hub.subscribers.Decrement();
      --hub.waiting->listeners;
    }
  } const membership(*this, lane, *subscriber);
  auto const hello = fmt::format("retry: {}\nid: {}\n\n", retry_milliseconds(), since);
  co_await writer.write(hello);
  // Asked before it joins its lane: old changes on their way there would fill its buffer.
  auto const last = co_await store.changes().last(Clock::now() + 10s);
  subscriber->skip_until = std::max(lane.position, last.place);
  lane.subscribers.insert(subscriber.get());
  // A client that does not read is not waited for: its overflow cancels the write.
  using namespace boost::asio::experimental::awaitable_operators;
  auto following = follow(*subscriber, since, writer);
  auto overflow = wait_for_overflow(*subscriber);
  co_await (std::move(following) || std::move(overflow));
}

Async<void> Hub::Impl::follow(Subscriber& subscriber, std::string since, BodyWriter& writer) {
  co_await catch_up(subscriber, std::move(since), writer);
  co_await pump(subscriber, writer);
}

/// What is stored and lies behind the client's position; what comes after waits in its buffer
/// already.
Async<void> Hub::Impl::catch_up(Subscriber& subscriber, std::string since, BodyWriter& writer) {
  auto const from = Position::parse(since);
  if (from && from->epoch == store.changes().epoch() && from->place > subscriber.skip_until) {
    // What is stored may have been asked of a primary that was replaced and does not know it.
    auto const latest = co_await store.changes().latest(Clock::now() + 10s);
    subscriber.skip_until = std::max(subscriber.skip_until, latest.place);
  }
  auto const until = subscriber.skip_until;
  auto const replays = co_await can_replay(from, until);
  if (replays) {
    co_await replay(subscriber, from->place, until, writer);
    co_return;
  }
  log::info(fmt::format("live: a client that was at {} is told to resync: the log is at {}", since,
                        Position{store.changes().epoch(), until}.text()));
  for (auto const& topic : subscriber.topics) {
    auto const text = resync_text(topic, Position{store.changes().epoch(), until});
    co_await writer.write(text);
  }
}

/// Whether all that came after the client's position is kept, and not too much of it.
Async<bool> Hub::Impl::can_replay(std::optional<Position> from, Place until) {
  if (!from || from->epoch != store.changes().epoch() || from->place > until) co_return false;
  // Another engine's: only the beginning is the same in all.
  if ((from->place.transaction == 0) != (until.transaction == 0) && from->place != Place{})
    co_return false;
  auto const first_kept = co_await store.changes().first_kept(Clock::now() + 10s);
  if (from->place < first_kept) co_return false;
  co_return co_await store.changes().is_near(from->place, until, settings.replay_bound,
                                             Clock::now() + 10s);
}

Async<void> Hub::Impl::replay(Subscriber& subscriber, Place from, Place until, BodyWriter& writer) {
  while (from < until) {
    auto const changes = co_await store.changes().after(from, kBatch, Clock::now() + 10s);
    // The client comes back and finds one that has them.
    if (changes.empty())
      throw Error::unavailable("The changes were asked of a primary that was replaced.");
    auto const schema = store.schema();
    std::string text;
    for (auto const& change : changes) {
      from = change.place;
      if (from > until) break;  // it waits in the subscriber's buffer
      auto const* definition = schema->find(change.collection);
      for (auto const& topic : subscriber.topics) {
        if (definition != nullptr && topic.matches(*definition, change))
          text += event_text(topic, change, *definition, store.changes().epoch());
      }
    }
    if (!text.empty()) co_await writer.write(text);
  }
}

Async<void> Hub::Impl::pump(Subscriber& subscriber, BodyWriter& writer) {
  auto last_write = Clock::now();
  while (!writer.stopping()) {
    std::string text;
    while (!subscriber.events.empty()) {
      auto const& [place, event] = subscriber.events.front();
      if (place > subscriber.skip_until) {
        text += event;
        sent.Increment();
      }
      subscriber.events.pop_front();
    }
    if (text.empty() && Clock::now() - last_write >= settings.heartbeat) text = ": still here\n\n";
    if (!text.empty()) {
      co_await writer.write(text);
      last_write = Clock::now();
      continue;
    }
    subscriber.wake.expires_after(kSlice);
    boost::system::error_code woken;  // by an event
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, woken);
    co_await subscriber.wake.async_wait(token);
  }
}

Hub::Hub(IoThreads& threads, records::Store& store, Settings settings, Metrics& metrics)
    : impl_(std::make_unique<Impl>(threads, store, settings, metrics)) {}
Hub::~Hub() = default;

Async<void> Hub::start() {
  auto const last = co_await impl_->store.changes().last(Clock::now() + 30s);
  for (auto& lane : impl_->lanes) lane.position = last.place;
  impl_->store.changes().bells().on_news([waiting = impl_->waiting] { waiting->ring(); });
  impl_->tasks.spawn(impl_->tail());
  impl_->tasks.spawn(impl_->prune());
}

Async<void> Hub::stop(Deadline) {
  impl_->tasks.cancel();
  co_await impl_->tasks.join();
  // What was posted to the lanes has run when each of them has answered.
  for (std::size_t i = 0; i < impl_->threads.size(); ++i)
    co_await boost::asio::post(impl_->threads.context(i), boost::asio::use_awaitable);
}

Async<Response> Hub::events(Request& request) {
  if (impl_->waiting->listeners >= impl_->settings.max_subscribers)
    throw Error::unavailable("There are too many event streams.", 5s);
  auto subscriber = std::make_shared<Subscriber>(co_await boost::asio::this_coro::executor);
  subscriber->topics = topics_of(request, impl_->settings);
  auto since = position_asked(request);
  // Before the head is sent: who has seen it misses nothing that is written then, and is told
  // nothing that was written before.
  if (since.empty()) since = (co_await impl_->store.changes().last(request.deadline())).text();
  auto write = [impl = impl_.get(), subscriber, since](BodyWriter& writer) {
    return impl->stream(subscriber, since, writer);
  };
  auto response = Response::stream("text/event-stream", std::move(write));
  response.header("X-Accel-Buffering", "no").header("Cache-Control", "no-store");
  co_return response;
}

}  // namespace minga::live
