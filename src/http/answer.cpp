#include "http/answer.hpp"

#include "http/conditional.hpp"
#include "http/cors.hpp"
#include "http/head.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <map>
#include <system_error>
#include <unistd.h>

namespace minga::http {
namespace {

constexpr std::size_t kCompressFrom = 1'024;
/// Compressing more than that at once would hold up the I/O thread.
constexpr std::size_t kCompressInline = 32 * 1'024;

bool reads(Request const& request) {
  return request.method() == Method::get || request.method() == Method::head;
}

/// Lines of headers, each unless the response has one of its own.
std::string common_lines(Shared const& shared, Request const& request, Response const& response) {
  std::string lines;
  lines.reserve(256);
  auto const add = [&](std::string_view name, std::string_view value) {
    if (response.header(name).empty()) add_line(lines, name, value);
  };
  add("X-Request-Id", request.id());
  add("X-Content-Type-Options", "nosniff");
  add("X-Frame-Options", "SAMEORIGIN");
  add("Cache-Control", response.header("ETag").empty() ? "no-store" : "private, no-cache");
  if (response.header("Access-Control-Allow-Origin").empty())
    add_cors(shared.settings, request, lines);
  return lines;
}

bool not_modified(Request const& request, Response const& response,
                  std::optional<std::string> const& modified) {
  if (!reads(request) || response.status() != 200) return false;
  if (request.has_header("If-None-Match")) {
    auto const tag = response.header("ETag");
    return !tag.empty() && tag_listed(request.header("If-None-Match"), tag, true);
  }
  if (!modified || !request.has_header("If-Modified-Since")) return false;
  auto const since = parse_http_date(request.header("If-Modified-Since"));
  return since && *since >= *parse_http_date(*modified);
}

void make_not_modified(Answer& answer) {
  answer.source = Answer::Source::none;
  answer.response.status(304);
}

/// Applies Range to a body of answer.length bytes that begins at answer.offset.
void apply_range(Request const& request, Answer& answer,
                 std::optional<std::string> const& modified) {
  answer.response.header("Accept-Ranges", "bytes");
  if (request.method() != Method::get || answer.response.status() != 200 ||
      !request.has_header("Range"))
    return;
  if (request.has_header("If-Range")) {
    auto const condition = request.header("If-Range");
    auto const tag = answer.response.header("ETag");
    auto const same =
        condition.starts_with('"') ? condition == tag : modified && condition == *modified;
    if (!same) return;
  }
  auto const size = answer.length;
  auto const choice = choose_range(request.header("Range"), size);
  if (!choice.satisfiable) {
    answer.source = Answer::Source::none;
    answer.length = 0;
    answer.response.status(416).header("Content-Range", fmt::format("bytes */{}", size));
    return;
  }
  if (!choice.range) return;
  answer.response.status(206).header(
      "Content-Range",
      fmt::format("bytes {}-{}/{}", choice.range->first, choice.range->last, size));
  answer.offset += choice.range->first;
  answer.length = choice.range->last - choice.range->first + 1;
}

Encoding encoding_for(Shared const& shared, Request const& request, Response& response) {
  if (!shared.settings.compress || !response.header("Content-Encoding").empty())
    return Encoding::identity;
  if (!gains_by_compression(response.header("Content-Type"))) return Encoding::identity;
  response.add_header("Vary", "Accept-Encoding");
  return choose_encoding(request.header("Accept-Encoding"));
}

void mark_encoded(Response& response, Encoding encoding) {
  response.header("Content-Encoding", std::string(name(encoding)));
  auto const tag = std::string(response.header("ETag"));
  if (!tag.empty() && !tag.starts_with("W/")) response.header("ETag", "W/" + tag);
}

/// Assets never change while the program runs: each is compressed once for a thread and kept.
Async<std::shared_ptr<std::string const>> compressed_asset(Shared& shared, Encoding encoding,
                                                           std::string_view bytes) {
  static thread_local std::map<std::pair<char const*, Encoding>, std::shared_ptr<std::string const>>
      kept;
  auto const key = std::pair{bytes.data(), encoding};
  if (auto const found = kept.find(key); found != kept.end()) co_return found->second;
  auto work = [encoding, bytes] {
    return compress(encoding, bytes, true);
  };
  auto text = std::make_shared<std::string const>(co_await shared.pool.run(work));
  kept.emplace(key, text);
  co_return text;
}

void send_text(Request const& request, Answer& answer) {
  answer.source = Answer::Source::memory;
  answer.bytes = answer.owned;
  answer.length = answer.bytes.size();
  if (not_modified(request, answer.response, std::nullopt)) make_not_modified(answer);
}

Async<void> prepare_long_text(Shared& shared, Request& request, Answer& answer, std::string text) {
  answer.owned = std::move(text);
  auto const encoding = encoding_for(shared, request, answer.response);
  if (encoding != Encoding::identity) {
    auto work = [encoding, plain = std::string_view(answer.owned)] {
      return compress(encoding, plain);
    };
    // Not a conditional expression: GCC 12 destroys its temporary twice when one branch awaits.
    if (answer.owned.size() <= kCompressInline) {
      answer.owned = work();
    } else {
      auto packed = co_await shared.pool.run(work);
      answer.owned = std::move(packed);
    }
    mark_encoded(answer.response, encoding);
  }
  send_text(request, answer);
}

Async<void> prepare_static(Shared& shared, Request& request, Answer& answer,
                           std::string_view bytes) {
  answer.source = Answer::Source::memory;
  answer.bytes = bytes;
  auto const encoding = bytes.size() >= kCompressFrom && !request.has_header("Range")
                            ? encoding_for(shared, request, answer.response)
                            : Encoding::identity;
  if (encoding != Encoding::identity) {
    answer.kept = co_await compressed_asset(shared, encoding, bytes);
    answer.bytes = *answer.kept;
    mark_encoded(answer.response, encoding);
  }
  answer.length = answer.bytes.size();
  if (not_modified(request, answer.response, std::nullopt)) {
    make_not_modified(answer);
  } else if (encoding == Encoding::identity) {
    apply_range(request, answer, std::nullopt);
    if (answer.source == Answer::Source::memory)
      answer.bytes = answer.bytes.substr(answer.offset, answer.length);
  }
}

struct OpenFile {
  int descriptor = -1;
  struct stat status{};
};

OpenFile open_file(std::filesystem::path const& path) {
  OpenFile file;
  file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.descriptor < 0 && (errno == ENOENT || errno == ENOTDIR)) throw Error::not_found();
  if (file.descriptor < 0)
    throw std::system_error(errno, std::generic_category(), "opening " + path.string());
  if (::fstat(file.descriptor, &file.status) != 0 || !S_ISREG(file.status.st_mode)) {
    ::close(file.descriptor);
    throw Error::not_found();
  }
  return file;
}

Async<void> prepare_file(Shared& shared, Request& request, Answer& answer,
                         std::filesystem::path path) {
  auto work = [path] {
    return open_file(path);
  };
  auto const file = co_await shared.pool.run(work);
  answer.source = Answer::Source::file;
  answer.file = file.descriptor;
  answer.length = static_cast<std::uint64_t>(file.status.st_size);
  auto const modified =
      format_http_date(std::chrono::system_clock::from_time_t(file.status.st_mtime));
  answer.response.header("Last-Modified", modified);
  if (answer.response.header("ETag").empty()) {
    answer.response.etag(fmt::format("{:x}-{:x}-{:x}", file.status.st_mtim.tv_sec,
                                     file.status.st_mtim.tv_nsec, file.status.st_size));
  }
  if (not_modified(request, answer.response, modified)) {
    make_not_modified(answer);
  } else {
    apply_range(request, answer, modified);
  }
}

}  // namespace

Answer::~Answer() {
  if (file >= 0) ::close(file);
}

Answer::Answer(Answer&& other) noexcept
    : response(std::move(other.response)),
      lines(std::move(other.lines)),
      source(other.source),
      owned(std::move(other.owned)),
      kept(std::move(other.kept)),
      bytes(other.bytes),
      file(std::exchange(other.file, -1)),
      offset(other.offset),
      length(other.length),
      encoding(other.encoding) {
  // A short text lives inside its string: the view must follow it.
  if (source == Source::memory && !kept && !owned.empty()) bytes = owned;
}

std::optional<Answer> prepare_short(Shared const& shared, Request const& request,
                                    Response& response) {
  auto* text = std::get_if<std::string>(&response.body());
  if (text == nullptr || text->size() >= kCompressFrom) return std::nullopt;
  auto owned = std::move(*text);
  std::optional<Answer> answer(std::in_place, std::move(response));
  answer->owned = std::move(owned);
  if (!answer->owned.empty()) send_text(request, *answer);
  answer->lines = common_lines(shared, request, answer->response);
  return answer;
}

Async<Answer> prepare(Shared& shared, Request& request, Response response) {
  if (auto ready = prepare_short(shared, request, response)) co_return std::move(*ready);
  auto body = std::move(response.body());
  Answer answer(std::move(response));
  if (auto* text = std::get_if<std::string>(&body)) {
    co_await prepare_long_text(shared, request, answer, std::move(*text));
  } else if (auto const* fixed = std::get_if<Response::Static>(&body)) {
    co_await prepare_static(shared, request, answer, fixed->bytes);
  } else if (auto* file = std::get_if<Response::File>(&body)) {
    co_await prepare_file(shared, request, answer, std::move(file->path));
  } else {
    answer.source = Answer::Source::stream;
    answer.encoding = encoding_for(shared, request, answer.response);
    if (answer.encoding != Encoding::identity) mark_encoded(answer.response, answer.encoding);
    answer.response.body() = std::move(body);
  }
  answer.lines = common_lines(shared, request, answer.response);
  co_return answer;
}

}  // namespace minga::http
