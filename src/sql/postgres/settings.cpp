#include "sql/postgres/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <libpq-fe.h>
#include <map>
#include <memory>
#include <string_view>

namespace minga::sql::postgres {
namespace {

/// Taken where the URL says nothing. A server that is gone without a word is noticed within 10 s.
constexpr std::array<std::pair<char const*, char const*>, 6> kDefaults{{
    {"application_name", "minga"},
    {"keepalives_idle", "5"},
    {"keepalives_interval", "2"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"},
    {"gssencmode", "disable"},  // asking for credentials would block the thread
}};

/// What reading values back relies on, and a bound on how long a transaction may hold its locks
/// while its node says nothing.
constexpr char const* kSession =
    "-c bytea_output=hex -c extra_float_digits=1 -c DateStyle=ISO -c TimeZone=UTC"
    " -c idle_in_transaction_session_timeout=30000"
    " -c default_transaction_isolation=read\\ committed";
constexpr char const* kReadOnly = " -c default_transaction_read_only=on";

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (;;) {
    auto const comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

Error wrong(std::string const& what) {
  return Error(ErrorCode::refused, "The database's URL cannot be used: " + what);
}

std::map<std::string, std::string> parse(std::string const& url) {
  char* message = nullptr;
  std::unique_ptr<PQconninfoOption, FreeOptions> const options(
      PQconninfoParse(url.c_str(), &message));
  if (!options) {
    std::unique_ptr<char, decltype(&PQfreemem)> const owned(message, &PQfreemem);
    std::string_view const said = message == nullptr ? "it cannot be read" : message;
    // libpq quotes what it does not understand; that may be a password with a character that
    // ought to have been written as %XX.
    throw wrong(
        fmt::format("{}. It is written postgresql://user:password@host:5432/name, special "
                    "characters in its parts as %XX.",
                    said.substr(0, said.find_first_of(":\""))));
  }
  std::map<std::string, std::string> given;
  for (auto const* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) given[option->keyword] = option->val;
  }
  return given;
}

char const* session_attributes(Access access) {
  switch (access) {
    case Access::write:
      return "read-write";
    case Access::read:
      return "primary";
    case Access::replica:
      return "standby";
    case Access::any:
      break;
  }
  return "any";
}

std::string take(std::map<std::string, std::string>& from, char const* keyword) {
  auto node = from.extract(keyword);
  return node ? std::move(node.mapped()) : std::string{};
}

}  // namespace

Settings::Settings(Options const& options) : connect_timeout_(options.connect_timeout) {
  auto given = parse(options.url);
  if (auto const attributes = take(given, "target_session_attrs");
      attributes == "standby" || attributes == "read-only") {
    throw wrong(
        fmt::format("target_session_attrs={} finds a server that cannot write; leave it out, "
                    "the primary is found among all hosts.",
                    attributes));
  }
  auto const names = take(given, "host");
  auto const addresses = take(given, "hostaddr");
  read_hosts(names, addresses, take(given, "port"));
  if (auto const text = take(given, "connect_timeout"); !text.empty()) {
    int seconds = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || seconds < 1)
      throw wrong(fmt::format("connect_timeout is '{}'; it is whole seconds from 1.", text));
    connect_timeout_ = std::chrono::seconds(seconds);
  }
  for (auto const& [keyword, value] : kDefaults) given.emplace(keyword, value);
  given["client_encoding"] = "UTF8";
  // What the URL asks for comes last: the server lets the last one win.
  session_options_ = fmt::format("{} {}", kSession, take(given, "options"));
  for (auto const& host : hosts_) {
    description_ += fmt::format("{}{}{}{}", description_.empty() ? "" : ",",
                                host.name.empty() ? host.address : host.name,
                                host.port.empty() ? "" : ":", host.port);
  }
  if (given.contains("dbname")) description_ += "/" + given["dbname"];
  keywords_.assign(given.begin(), given.end());
}

void Settings::read_hosts(std::string const& names, std::string const& addresses,
                          std::string const& ports) {
  auto const name = split(names);
  auto const address = split(addresses);
  auto const port = split(ports);
  auto const count = std::max(name.size(), address.size());
  if (!names.empty() && !addresses.empty() && name.size() != address.size())
    throw wrong(fmt::format("{} hosts, but {} addresses.", name.size(), address.size()));
  if (port.size() != 1 && port.size() != count)
    throw wrong(fmt::format("{} hosts, but {} ports.", count, port.size()));
  for (auto const& each : port) {
    if (each.find_first_not_of("0123456789") != std::string::npos || each.size() > 5)
      throw wrong("a port is a number from 1 to 65535.");
  }
  for (std::size_t i = 0; i < count; ++i) {
    hosts_.push_back({names.empty() ? "" : name[i], addresses.empty() ? "" : address[i],
                      port.size() == 1 ? port[0] : port[i]});
  }
}

std::vector<std::pair<std::string, std::string>> Settings::keywords(Host const& host,
                                                                    Access access) const {
  auto all = keywords_;
  if (!host.name.empty()) all.emplace_back("host", host.name);
  if (!host.address.empty()) all.emplace_back("hostaddr", host.address);
  if (!host.port.empty()) all.emplace_back("port", host.port);
  auto const writes = access == Access::write;
  all.emplace_back("options", session_options_ + (writes ? "" : kReadOnly));
  all.emplace_back("target_session_attrs", session_attributes(access));
  return all;
}

std::vector<std::pair<std::string, std::string>> Settings::keywords_of_all_hosts() const {
  auto all = keywords_;
  auto const join = [this](std::string Host::* part) {
    std::string text;
    for (auto const& host : hosts_) text += (&host == &hosts_.front() ? "" : ",") + host.*part;
    return text;
  };
  for (auto const& [keyword, part] :
       {std::pair("host", &Host::name), std::pair("hostaddr", &Host::address),
        std::pair("port", &Host::port)}) {
    auto text = join(part);
    if (text.find_first_not_of(',') != std::string::npos)
      all.emplace_back(keyword, std::move(text));
  }
  return all;
}

}  // namespace minga::sql::postgres
