#include "http/session.hpp"

#include "async/deadline.hpp"
#include "base/ids.hpp"
#include "base/logging.hpp"
#include "http/answer.hpp"
#include "http/cors.hpp"
#include "http/head.hpp"
#include "http/peer.hpp"
#include "http/redirect.hpp"
#include "http/request_impl.hpp"
#include "http/wire.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

#include <array>
#include <unistd.h>

namespace minga::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

using Parser = beast::http::request_parser<beast::http::buffer_body>;

constexpr std::size_t kFileChunk = 256 * 1024;
/// A body up to that long is copied behind its head: cheaper than two pieces for the kernel.
constexpr std::size_t kSentAsOne = 4 * 1024;
/// An unread body up to that long is read and dropped so that the connection can go on.
constexpr std::size_t kDrainBound = 256 * 1024;
/// Framing of chunked bodies (sizes, extensions, trailers) must not fill more.
constexpr std::size_t kFramingBound = 64 * 1024;

template <class Stream>
class Session final : public SessionBase {
 public:
  Session(Lane& lane, Stream stream, bool redirects)
      : lane_(lane),
        shared_(lane.shared()),
        wire_(std::move(stream), io_deadline, shared_.settings.write_timeout,
              shared_.metrics.bytes_sent),
        redirects_(redirects),
        wake_(lane.context()) {
    peer_ = address_of(wire_.socket());
    ++shared_.connections;
    shared_.metrics.connections.Increment();
    lane_.enter(*this);
  }
  ~Session() override {
    lane_.leave(*this);
    --shared_.connections;
    shared_.metrics.connections.Decrement();
  }

  Async<void> run() override {
    error_code ignored;  // a socket without the option works as well, only slower
    wire_.socket().set_option(tcp::no_delay(true), ignored);
    if (co_await wire_.open(shared_.settings.header_timeout)) {
      while (co_await serve_one()) {
      }
    }
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await wire_.end(must_linger_);
  }

  void close() override {
    error_code ignored;  // closing twice is closing
    wire_.socket().close(ignored);
    wake_.cancel();
  }

  void drain() override {
    error_code error;
    auto const unread = wire_.socket().available(error);
    if (idle_ && (error || unread == 0)) close();
    wake_.cancel();
  }

  void expire_request() override {
    request_deadline = Deadline::max();
    expired_ = true;
    if (signal != nullptr) signal->emit(asio::cancellation_type::terminal);
  }

 private:
  /// The bytes of the current request's body, through the parser.
  class Body : public BodySource {
   public:
    explicit Body(Session& session) : session_(session) {}
    Async<std::size_t> read_some(std::span<char> buffer) override {
      return session_.read_body(buffer);
    }
    std::optional<std::string> take_rest() override { return session_.take_body(); }

   private:
    Session& session_;
  };

  /// A streamed body: chunked, compressed where that was agreed.
  class Writer : public BodyWriter {
   public:
    Writer(Session& session, bool chunked, Encoding encoding)
        : session_(session), chunked_(chunked) {
      if (encoding != Encoding::identity) compressor_ = make_compressor(encoding);
    }

    Async<void> write(std::string_view bytes) override {
      if (bytes.empty()) co_return;
      if (!compressor_) co_await send(bytes);
      if (compressor_) {
        auto const packed = compressor_->write(bytes);
        co_await send(packed);
      }
    }
    Async<void> finish() {
      if (compressor_) {
        auto const packed = compressor_->finish();
        co_await send(packed);
      }
      if (chunked_) co_await session_.wire_.send("0\r\n\r\n");
    }
    bool stopping() const override {
      return session_.shared_.draining || session_.wire_.peer_has_gone();
    }
    Async<void> wait(std::chrono::milliseconds duration) override {
      auto const until = Clock::now() + duration;
      while (!stopping() && Clock::now() < until) {
        session_.wake_.expires_at(std::min(until, Clock::now() + 1s));
        error_code woken;  // drain() and close() cancel the timer to wake it
        auto token = asio::redirect_error(asio::use_awaitable, woken);
        co_await session_.wake_.async_wait(token);
      }
    }
    std::size_t sent() const { return sent_; }

   private:
    Async<void> send(std::string_view bytes) {
      if (bytes.empty()) co_return;
      sent_ += bytes.size();
      if (!chunked_) {
        co_await session_.wire_.send(bytes);
        co_return;
      }
      auto const frame = fmt::format("{:x}\r\n", bytes.size());
      co_await session_.wire_.send(frame, bytes, "\r\n");
    }

    Session& session_;
    bool chunked_;
    std::unique_ptr<Compressor> compressor_;
    std::size_t sent_ = 0;
  };

  /// Reads the next head into the buffer; its length, or 0 when the connection is over. Throws
  /// Error 431.
  Async<std::size_t> read_head() {
    std::size_t seen = 0;
    auto const begin = Clock::now();
    for (;;) {
      auto const bytes = wire_.buffered();
      auto const end = bytes.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
      if (end != std::string_view::npos && end + 4 <= shared_.settings.max_header_bytes)
        co_return end + 4;
      if (bytes.size() > shared_.settings.max_header_bytes || end != std::string_view::npos) {
        throw Error(431, "header_too_large",
                    fmt::format("The request's head is larger than {} bytes.",
                                shared_.settings.max_header_bytes));
      }
      seen = bytes.size();
      idle_ = seen == 0;
      if (idle_ && shared_.draining) co_return 0;
      auto const until = idle_ ? begin + shared_.settings.idle_timeout
                               : head_begin_ + shared_.settings.header_timeout;
      if (co_await wire_.read_more(until) == 0) co_return 0;
      if (idle_) head_begin_ = Clock::now();
      if (seen < 2) skip_empty_lines();
      idle_ = false;
    }
  }

  /// RFC 9112 section 2.2: an empty line before a request is passed over.
  void skip_empty_lines() {
    while (wire_.buffered().starts_with("\r\n")) wire_.buffer().consume(2);
  }

  /// True when the connection can take another request.
  Async<bool> serve_one() {
    skip_empty_lines();
    head_begin_ = Clock::now();
    std::optional<Error> refusal;
    std::size_t head_size = 0;
    try {
      head_size = co_await read_head();
    } catch (Error const& error) {
      refusal = error;
    }
    idle_ = false;
    if (!refusal && head_size == 0) co_return false;
    auto impl = std::make_unique<Request::Impl>();
    impl->default_language = shared_.settings.language;
    impl->remote_address = peer_;
    impl->method_name = impl->target = "-";  // what the log says of a head that cannot be read
    auto& head = *impl;
    Request request(std::move(impl));
    if (!refusal) refusal = parse(head, head_size);
    if (refusal) co_return co_await refuse(request, *refusal);
    co_return co_await exchange(request);
  }

  std::optional<Error> parse(Request::Impl& impl, std::size_t head_size) {
    auto const head = wire_.buffered().substr(0, head_size);
    if (!is_strict_head(head)) return Error::bad_request("The request's head is malformed.");
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(shared_.settings.max_header_bytes));
    parser_->body_limit(boost::none);  // streams have no limit; who collects a body has one
    error_code error;
    auto const used = parser_->put(asio::buffer(head.data(), head.size()), error);
    if (error == beast::http::error::need_buffer) error = {};
    if (error || !parser_->is_header_done()) {
      return Error::bad_request(fmt::format("The request is malformed: {}.", error.message()));
    }
    wire_.buffer().consume(used);
    try {
      fill_request(impl, parser_->get().base(), shared_.settings, peer_, Wire<Stream>::is_tls);
    } catch (Error const& refusal) {
      return refusal;
    }
    return std::nullopt;
  }

  Async<bool> refuse(Request& request, Error const& error) {
    if (request.id().empty()) request.impl().id = make_request_id();
    auto answer = co_await prepare(shared_, request, error_response(error, request.id()));
    auto const sent = co_await send_answer(request, answer, false);
    log_access(request, answer, sent, head_begin_);
    must_linger_ = true;
    co_return false;
  }

  Async<bool> exchange(Request& request) {
    auto& impl = request.impl();
    auto const begin = head_begin_;
    if (!shared_.settings.trusted_proxies.empty()) believe_proxy(request);
    auto const has_body = !parser_->is_done();
    continue_ = has_body && parser_->get().version() >= 11 &&
                beast::iequals(parser_->get()[beast::http::field::expect], "100-continue");
    if (has_body) impl.source = std::make_unique<Body>(*this);
    if (auto const length = parser_->content_length()) impl.announced_length = *length;
    current_ = &impl;
    renew_deadline();
    auto response = co_await respond(request);
    auto prepared = prepare_short(shared_, request, response);
    if (!prepared) prepared.emplace(co_await prepare_or_fail(request, std::move(response)));
    auto& answer = *prepared;
    current_ = nullptr;
    request_deadline = Deadline::max();
    auto const keep = parser_->get().keep_alive() && !shared_.draining && !broken_ &&
                      !(continue_ && !parser_->is_done()) && !too_long_to_drop();
    auto const sent = co_await send_answer(request, answer, keep);
    log_access(request, answer, sent, begin);
    if (!keep || wire_.has_failed()) {
      must_linger_ = !parser_->is_done();
      co_return false;
    }
    if (parser_->is_done()) co_return true;
    co_return co_await drop_body();
  }

  void believe_proxy(Request& request) {
    auto& impl = request.impl();
    impl.remote_address = client_address(request, shared_.settings, peer_);
    if (impl.remote_address != peer_) impl.secure = request.header("X-Forwarded-Proto") == "https";
  }

  Async<Response> respond(Request& request) {
    if (redirects_) co_return redirect_to_https(request, shared_.tls_port);
    if (request.method() == Method::options) co_return answer_options(request);
    std::string fault;
    std::optional<Response> response;
    // At the deadline what the handler waits for is cancelled. It is not stopped where it waits for
    // nothing: what it had done by then is done, and it says so.
    co_await asio::this_coro::throw_if_cancelled(false);
    shared_.metrics.running.Increment();
    try {
      response = co_await shared_.handler(request);
    } catch (Error const& error) {
      response = error_response(error, request.id());
    } catch (std::exception const& error) {
      fault = error.what();
    }
    shared_.metrics.running.Decrement();
    // However the handler took its cancellation: its answer is to be sent.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await asio::this_coro::throw_if_cancelled(true);
    auto const expired = std::exchange(expired_, false);
    if (response) co_return std::move(*response);
    if (expired) co_return error_response(cancelled_error(), request.id());
    log::error(
        fmt::format("{} {} [{}]: {}", request.method_name(), request.path(), request.id(), fault));
    co_return fault_response(request.id());
  }

  /// To whoever asked for what was cancelled.
  Error cancelled_error() const {
    return shared_.draining ? Error::unavailable("The server is stopping. Please try again.")
                            : deadline_error();
  }

  Async<Answer> prepare_or_fail(Request& request, Response response) {
    std::string fault;
    std::optional<Error> expected;
    try {
      co_return co_await prepare(shared_, request, std::move(response));
    } catch (Error const& error) {
      expected = error;
    } catch (std::exception const& error) {
      fault = error.what();
    }
    if (!expected)
      log::error(fmt::format("{} {} [{}]: {}", request.method_name(), request.path(), request.id(),
                             fault));
    auto failure =
        expected ? error_response(*expected, request.id()) : fault_response(request.id());
    co_return co_await prepare(shared_, request, std::move(failure));
  }

  /// A transfer may take as long as it moves: every piece of the body begins the time anew.
  void renew_deadline() {
    if (current_ == nullptr || expired_) return;
    current_->deadline = Clock::now() + shared_.settings.request_timeout;
    request_deadline = current_->deadline;
  }

  Async<std::size_t> read_body(std::span<char> buffer) {
    if (!parser_ || parser_->is_done() || buffer.empty()) co_return 0;
    if (std::exchange(continue_, false)) co_await wire_.send("HTTP/1.1 100 Continue\r\n\r\n");
    for (;;) {
      auto const parsed = parse_body(buffer);
      if (parsed.got > 0) {
        renew_deadline();
        co_return parsed.got;
      }
      if (parser_->is_done()) co_return 0;
      if (parsed.used == 0) co_await fetch_body();
    }
  }

  struct Parsed {
    std::size_t used;  // of what was read
    std::size_t got;   // of the body
  };

  /// Takes what has come of the body into the buffer.
  Parsed parse_body(std::span<char> buffer) {
    auto& body = parser_->get().body();
    body.data = buffer.data();
    body.size = buffer.size();
    error_code error;
    auto& unread = wire_.buffer();
    auto const used = unread.size() > 0 ? parser_->put(unread.data(), error) : 0;
    if (!error && ends_loosely(used)) error = beast::http::error::bad_obs_fold;
    unread.consume(used);
    if (error == beast::http::error::need_buffer || error == beast::http::error::need_more)
      error = {};
    if (error) {
      broken_ = true;
      throw Error::bad_request(fmt::format("The body is malformed: {}.", error.message()));
    }
    return {used, buffer.size() - body.size};
  }

  /// The rest of a body of known length, where all of it has come.
  std::optional<std::string> take_body() {
    auto const left = parser_->content_length_remaining();
    if (!left || parser_->is_done() || *left > wire_.buffer().size()) return std::nullopt;
    std::string rest(*left, '\0');
    rest.resize(parse_body(rest).got);
    return rest;
  }

  /// Whether the bytes just parsed are the end of a chunked body with what is_strict_head()
  /// refuses: Beast parses the last size and the trailer in one step, and would unfold its lines.
  bool ends_loosely(std::size_t used) const {
    return used > 0 && parser_->is_done() && parser_->chunked() &&
           !is_strict_head(wire_.buffered().substr(0, used));
  }

  Async<void> fetch_body() {
    if (wire_.buffer().size() > kFramingBound) {
      broken_ = true;
      throw Error::bad_request("The body's framing is malformed.");
    }
    auto const size = co_await wire_.read_more(Clock::now() + shared_.settings.body_timeout);
    if (size > 0) co_return;
    broken_ = true;
    if (expired_) throw cancelled_error();
    throw Error::bad_request("The body ended before its announced length.");
  }

  bool too_long_to_drop() const {
    auto const left = parser_->content_length_remaining();
    return left && *left > kDrainBound;
  }

  Async<bool> drop_body() {
    std::array<char, kReadSize> waste;
    std::size_t dropped = 0;
    while (!parser_->is_done()) {
      if (dropped > kDrainBound) {
        must_linger_ = true;
        co_return false;
      }
      try {
        dropped += co_await read_body(waste);
      } catch (Error const&) {
        co_return false;  // the answer is sent; what follows cannot be told apart any more
      }
    }
    co_return true;
  }

  /// Bytes of the body that were sent; the wire has failed when the client did not take all.
  Async<std::size_t> send_answer(Request& request, Answer& answer, bool keep_alive) {
    auto const version = parser_ && parser_->is_header_done() ? parser_->get().version() : 11U;
    auto const bodiless = answer.response.status() == 204 || answer.response.status() == 304;
    auto const only_head = request.method() == Method::head || bodiless;
    auto const stream = answer.source == Answer::Source::stream;
    auto const chunked = stream && version >= 11;
    if (stream && !chunked) keep_alive = false;
    auto& lines = answer.lines;
    if (chunked && !bodiless) add_line(lines, "Transfer-Encoding", "chunked");
    if (!stream && !bodiless) add_line(lines, "Content-Length", std::to_string(answer.length));
    auto const as_one = answer.source == Answer::Source::memory && answer.length <= kSentAsOne;
    auto head =
        format_head(answer.response, version, keep_alive, lines, as_one ? answer.bytes.size() : 0);
    std::size_t sent = 0;
    try {
      if (only_head || answer.source == Answer::Source::none) {
        co_await wire_.send(head);
      } else if (as_one) {
        head.append(answer.bytes);
        // Where the next request is there already, waiting gives other connections their turn.
        auto const taken = wire_.buffer().size() == 0 ? wire_.send_now(head) : 0;
        if (taken < head.size()) co_await wire_.send(std::string_view(head).substr(taken));
        sent = answer.bytes.size();
      } else if (answer.source == Answer::Source::memory) {
        co_await wire_.send(head, answer.bytes);
        sent = answer.bytes.size();
      } else if (answer.source == Answer::Source::file) {
        sent = co_await send_file(head, answer);
      } else {
        sent = co_await send_stream(request, head, answer, chunked);
      }
    } catch (std::exception const& error) {
      wire_.fail();
      log::debug(fmt::format("[{}]: {}", request.id(), error.what()));
    }
    if (stream && !chunked) wire_.fail();
    co_return sent;
  }

  Async<std::size_t> send_file(std::string_view head, Answer& answer) {
    co_await wire_.send(head);
    std::string chunk;
    std::size_t sent = 0;
    while (sent < answer.length) {
      auto const want = std::min<std::uint64_t>(kFileChunk, answer.length - sent);
      auto const at = answer.offset + sent;
      auto work = [&chunk, file = answer.file, want, at] {
        chunk.resize(want);
        auto const got = ::pread(file, chunk.data(), want, static_cast<off_t>(at));
        if (got <= 0) throw std::runtime_error("A file became shorter while it was sent");
        chunk.resize(static_cast<std::size_t>(got));
      };
      co_await shared_.pool.run(work);
      co_await wire_.send(chunk);
      sent += chunk.size();
    }
    co_return sent;
  }

  Async<std::size_t> send_stream(Request& request, std::string_view head, Answer& answer,
                                 bool chunked) {
    co_await wire_.send(head);
    Writer writer(*this, chunked, answer.encoding);
    auto const& stream = std::get<Response::Stream>(answer.response.body());
    std::string fault;
    try {
      co_await stream.writer(writer);
      co_await writer.finish();
    } catch (std::exception const& error) {
      fault = error.what();
    }
    if (!fault.empty()) {
      // The head is gone: cutting the body short is the only way left to say that it is not whole.
      if (!wire_.has_failed())
        log::error(
            fmt::format("{} [{}]: the stream broke off: {}", request.path(), request.id(), fault));
      wire_.fail();
    }
    co_return writer.sent();
  }

  void log_access(Request const& request, Answer const& answer, std::size_t sent, Deadline begin) {
    auto const elapsed = Clock::now() - begin;
    shared_.metrics.answered(answer.response.status(),
                             std::chrono::duration<double>(elapsed).count());
    if (!shared_.settings.access_log) return;
    auto const& impl = const_cast<Request&>(request).impl();
    auto const path = std::string_view(impl.target).substr(0, impl.target.find('?'));
    log::access({request.method_name(), path, answer.response.status(), sent,
                 std::chrono::duration_cast<std::chrono::microseconds>(elapsed), request.id(),
                 request.remote_address()});
  }

  Lane& lane_;
  Shared& shared_;
  Wire<Stream> wire_;
  bool redirects_;
  asio::steady_timer wake_;
  std::string peer_;
  std::optional<Parser> parser_;
  Request::Impl* current_ = nullptr;  // while its handler runs
  Deadline head_begin_;
  bool idle_ = true;
  bool continue_ = false;  // 100 Continue is owed before the body is read
  bool expired_ = false;   // the handler was cancelled, at its deadline or at the end of a drain
  bool broken_ = false;    // the body's framing is lost
  bool must_linger_ = false;
};

}  // namespace

std::shared_ptr<SessionBase> make_session(Lane& lane, tcp::socket socket, bool redirects) {
  auto const& tls = lane.shared().tls;
  if (!tls || redirects)
    return std::make_shared<Session<PlainStream>>(lane, std::move(socket), redirects);
  return std::make_shared<Session<TlsStream>>(lane, TlsStream(std::move(socket), *tls), redirects);
}

}  // namespace minga::http
