#include "cluster/child_log.hpp"

#include "base/json_text.hpp"
#include "base/text.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace minga::cluster {
namespace {

using log::Level;

struct Word {
  std::string_view word;
  Level level;
};

constexpr std::array kEtcdLevels{Word{"debug", Level::debug}, Word{"info", Level::info},
                                 Word{"warn", Level::warning}};
constexpr std::array kPatroniLevels{Word{"DEBUG", Level::debug}, Word{"INFO", Level::info},
                                    Word{"WARNING", Level::warning}};
// An ERROR or FATAL is of one connection, and told to it: no fault of the server's.
constexpr std::array kPostgresLevels{
    Word{"LOG", Level::info},       Word{"INFO", Level::info},       Word{"NOTICE", Level::info},
    Word{"DETAIL", Level::info},    Word{"HINT", Level::info},       Word{"CONTEXT", Level::info},
    Word{"STATEMENT", Level::info}, Word{"WARNING", Level::warning}, Word{"ERROR", Level::warning},
    Word{"FATAL", Level::warning}};

template <std::size_t N>
Level level_of(std::array<Word, N> const& known, std::string_view word) {
  auto const found =
      std::find_if(known.begin(), known.end(), [&](Word const& each) { return each.word == word; });
  return found != known.end() ? found->level : Level::error;
}

std::string plain(Json const& value) {
  return value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
}

/// The line without its first word, and that word.
std::pair<std::string_view, std::string_view> split_word(std::string_view line) {
  auto const end = std::min(line.find(' '), line.size());
  return {line.substr(0, end), trim(line.substr(end))};
}

}  // namespace

ChildLine read_etcd_line(std::string_view line) {
  boost::system::error_code error;
  auto const value = read_json(line, error);
  if (error || !value.is_object()) return {Level::info, fmt::format("etcd: {}", line)};
  auto const& object = value.get_object();
  auto const text = [&](char const* name) {
    auto const* found = object.if_contains(name);
    return found == nullptr ? std::string() : plain(*found);
  };
  auto message = "etcd: " + text("msg");
  for (auto const& [name, detail] : object) {
    if (name == "level" || name == "ts" || name == "caller" || name == "msg" ||
        name == "stacktrace") {
      continue;
    }
    message += fmt::format(" {}={}", std::string_view(name), plain(detail));
  }
  return {level_of(kEtcdLevels, text("level")), std::move(message)};
}

ChildLine read_patroni_line(std::string_view line) {
  auto const [who, rest] = split_word(line);
  if (who == "patroni") {
    auto const [level, text] = split_word(rest);
    // Written at every look, once a second, while all is well.
    auto const is_routine = text.starts_with("no action.") || text.starts_with("Lock owner:");
    return {is_routine ? Level::debug : level_of(kPatroniLevels, level),
            fmt::format("patroni: {}", text)};
  }
  if (who.starts_with("postgres[")) {
    auto const [level, text] = split_word(rest);
    auto const word = level.substr(0, std::min(level.find(':'), level.size()));
    // A standby that waits for a primary says so at every look.
    if (text.starts_with("waiting for WAL to become available")) {
      return {Level::debug, fmt::format("{}: {}", who, text)};
    }
    auto const is_main = word == "LOG" || word == "INFO";
    return {level_of(kPostgresLevels, word), is_main ? fmt::format("{}: {}", who, text)
                                                     : fmt::format("{}: {}: {}", who, word, text)};
  }
  // What continues a line above: such as the fifty of pg_controldata's.
  return {line.starts_with(' ') ? Level::debug : Level::info, fmt::format("patroni: {}", line)};
}

void write(ChildLine const& line) {
  switch (line.level) {
    case Level::debug:
      return log::debug(line.text);
    case Level::info:
      return log::info(line.text);
    case Level::warning:
      return log::warning(line.text);
    case Level::error:
      return log::error(line.text);
  }
}

}  // namespace minga::cluster
