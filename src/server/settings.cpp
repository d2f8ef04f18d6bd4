#include "server/settings.hpp"

#include "base/text.hpp"

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace minga::server {
namespace {

[[noreturn]] void refuse(std::string_view value, std::string_view right) {
  throw std::invalid_argument(fmt::format("'{}' is not {}", value, right));
}

std::uint64_t whole_number(std::string_view value, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  auto const [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < least ||
      number > most) {
    refuse(value, fmt::format("a whole number from {} to {}", least, most));
  }
  return number;
}

bool yes_or_no(std::string_view value) {
  if (value == "true" || value == "1" || value == "yes" || value == "on") return true;
  if (value == "false" || value == "0" || value == "no" || value == "off") return false;
  refuse(value, "true or false");
}

std::uint16_t port_number(std::string_view value) {
  return static_cast<std::uint16_t>(whole_number(value, 0, 65'535));
}

void assign_node_name(Settings& settings, std::string_view value) {
  auto const fits = [](char c) {
    return c > 0x20 && c < 0x7F;
  };
  if (value.empty() || value.size() > 100 || !std::all_of(value.begin(), value.end(), fits))
    refuse(value, "1 to 100 visible ASCII characters, such as node-1");
  settings.node_name = value;
}

void assign_public_url(Settings& settings, std::string_view value) {
  auto const has_scheme = value.starts_with("http://") || value.starts_with("https://");
  if (!has_scheme || value.ends_with("://") || value.size() > 1'000)
    refuse(value, "an http or https URL, such as https://node-1.example.org:8090");
  settings.public_url = value;
}

/// HOST:PORT, [IPv6]:PORT or :PORT (all interfaces).
void assign_listen(Settings& settings, std::string_view value) {
  auto const colon = value.rfind(':');
  if (colon == std::string_view::npos)
    refuse(value, "HOST:PORT, such as 127.0.0.1:8090 or [::1]:8090");
  auto host = value.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    refuse(value, "HOST:PORT: an IPv6 address stands in brackets, such as [::1]:8090");
  }
  settings.http.port = port_number(value.substr(colon + 1));
  settings.http.host = host.empty() ? "0.0.0.0" : std::string(host);
}

/// PORT as hosting platforms set it: the platform's proxy must reach it, so every interface.
void assign_port(Settings& settings, std::string_view value) {
  settings.http.port = port_number(value);
  settings.http.host = "0.0.0.0";
}

void assign_language(Settings& settings, std::string_view value) {
  if (value != "es" && value != "en") refuse(value, "a language minga speaks: es or en");
  settings.http.language = value == "es" ? Language::es : Language::en;
}

void assign_log_format(Settings& settings, std::string_view value) {
  if (value != "text" && value != "json") refuse(value, "a log format: text or json");
  settings.log_format = value == "text" ? log::Format::text : log::Format::json;
}

void assign_log_level(Settings& settings, std::string_view value) {
  static std::vector<std::pair<std::string_view, log::Level>> const levels{
      {"debug", log::Level::debug},
      {"info", log::Level::info},
      {"warning", log::Level::warning},
      {"error", log::Level::error}};
  auto const found = std::find_if(levels.begin(), levels.end(),
                                  [&](auto const& level) { return level.first == value; });
  if (found == levels.end()) refuse(value, "a log level: debug, info, warning or error");
  settings.log_level = found->second;
}

std::vector<std::string> comma_list(std::string_view value) {
  std::vector<std::string> parts;
  while (!value.empty()) {
    auto const comma = std::min(value.find(','), value.size());
    auto const part = trim(value.substr(0, comma));
    if (!part.empty()) parts.emplace_back(part);
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return parts;
}

auto size_setting(std::size_t http::Settings::* member, std::uint64_t least, std::uint64_t most) {
  return [=](Settings& settings, std::string_view value) {
    settings.http.*member = whole_number(value, least, most);
  };
}

auto millisecond_setting(std::chrono::milliseconds http::Settings::* member) {
  return [=](Settings& settings, std::string_view value) {
    settings.http.*member = std::chrono::milliseconds{whole_number(value, 1, 86'400'000)};
  };
}

auto switch_setting(bool http::Settings::* member) {
  return [=](Settings& settings, std::string_view value) {
    settings.http.*member = yes_or_no(value);
  };
}

auto path_setting(std::filesystem::path http::Settings::* member) {
  return [=](Settings& settings, std::string_view value) {
    settings.http.*member = std::string(value);
  };
}

/// What a browser sends as Origin: one that is written otherwise would never be met.
bool is_origin(std::string_view text) {
  auto const scheme = text.find("://");
  if (scheme == 0 || scheme == std::string_view::npos) return false;
  auto const host = text.substr(scheme + 3);
  auto const belongs = [](char c) {
    return c > 0x20 && c < 0x7F && c != '/' && c != '?' && c != '#' && c != '*' &&
           (c < 'A' || c > 'Z');
  };
  return !host.empty() && std::all_of(host.begin(), host.end(), belongs);
}

void assign_cors_origins(Settings& settings, std::string_view value) {
  settings.http.cors_origins = comma_list(value);
  for (auto const& origin : settings.http.cors_origins) {
    if (origin != "*" && origin != "null" && !is_origin(origin))
      refuse(origin, "* or an origin as browsers write it, such as https://app.example.org");
  }
}

void assign_trusted_proxies(Settings& settings, std::string_view value) {
  settings.http.trusted_proxies = comma_list(value);
  for (auto& proxy : settings.http.trusted_proxies) {
    boost::system::error_code error;
    auto const address = boost::asio::ip::make_address(proxy, error);
    if (error) refuse(proxy, "an IP address, such as 10.0.0.7 or ::1; networks are not understood");
    proxy = address.to_string();
  }
}

void assign_app(Settings& settings, std::string_view value) {
  for (auto& name : comma_list(value)) settings.apps.push_back(std::move(name));
}

std::vector<SettingName> general_settings() {
  std::vector<SettingName> names;
  names.push_back(
      {"app",
       "NAME",
       "Serve this application only, at the root; repeat it for several under one site.",
       {},
       assign_app,
       {},
       true});
  names.push_back({"listen",
                   "HOST:PORT",
                   "Address to listen on; port 0 lets the kernel choose (127.0.0.1:8090).",
                   {"PORT", "BIND_PORT"},
                   assign_listen,
                   assign_port});
  names.push_back(
      {"data",
       "DIR",
       "Folder for the database and files (minga-data).",
       {},
       [](Settings& settings, std::string_view value) { settings.data = std::string(value); },
       {}});
  names.push_back({"database",
                   "URL",
                   "Database; sqlite:FILE or postgresql://..., or DIR/minga.db when not given.",
                   {"DATABASE_URL"},
                   [](Settings& settings, std::string_view value) { settings.database = value; },
                   {}});
  names.push_back(
      {"lang", "es|en", "Language where a client names none (es).", {}, assign_language, {}});
  names.push_back(
      {"log-format", "text|json", "Form of the log's lines (text).", {}, assign_log_format, {}});
  names.push_back(
      {"log-level", "LEVEL", "debug, info, warning or error (info).", {}, assign_log_level, {}});
  names.push_back({"access-log",
                   "BOOL",
                   "One log line for each request (true).",
                   {},
                   switch_setting(&http::Settings::access_log),
                   {}});
  names.push_back({"io-threads",
                   "N",
                   "Threads for I/O; 0: one for each core (0).",
                   {},
                   [](Settings& settings, std::string_view value) {
                     settings.io_threads = whole_number(value, 0, 1'024);
                   },
                   {}});
  names.push_back({"write-queue",
                   "N",
                   "Writes that may wait for the database; more are answered 503 (10000).",
                   {},
                   [](Settings& settings, std::string_view value) {
                     settings.write_queue = whole_number(value, 1, 10'000'000);
                   },
                   {}});
  return names;
}

void add_cluster_settings(std::vector<SettingName>& names) {
  auto add = [&](char const* name, char const* argument, char const* help, auto assign) {
    names.push_back({name, argument, help, {}, assign, {}});
  };
  add("poll", "MS", "Between two looks for what other nodes did and did not tell of (1000).",
      [](Settings& settings, std::string_view value) {
        settings.poll = std::chrono::milliseconds{whole_number(value, 10, 3'600'000)};
      });
  add("replica-lag", "MS", "How old may be what a standby answers, where it may answer (10000).",
      [](Settings& settings, std::string_view value) {
        settings.replica_lag = std::chrono::milliseconds{whole_number(value, 1'000, 86'400'000)};
      });
  add("replica-wait", "MS", "For a standby to have what a Minga-Position asks for (100).",
      [](Settings& settings, std::string_view value) {
        settings.replica_wait = std::chrono::milliseconds{whole_number(value, 0, 60'000)};
      });
  add("node-name", "NAME", "This node on the list of its database's nodes (HOSTNAME:PORT).",
      assign_node_name);
  add("public-url", "URL", "Where others reach this node (what it listens on).", assign_public_url);
  add("replica-set", "FILE",
      "A member's join token: /api/cluster/status then says all that the set knows of itself.",
      [](Settings& settings, std::string_view value) {
        settings.replica_set = std::string(value);
      });
}

void add_http_settings(std::vector<SettingName>& names) {
  using S = http::Settings;
  constexpr std::uint64_t kGiB = 1ULL << 30;
  auto add = [&](char const* name, char const* argument, char const* help, auto assign) {
    names.push_back({name, argument, help, {}, assign, {}});
  };
  add("max-header-bytes", "BYTES", "Header block; beyond it 431 (32768).",
      size_setting(&S::max_header_bytes, 1'024, kGiB));
  add("max-target-bytes", "BYTES", "Path and query; beyond it 414 (16384).",
      size_setting(&S::max_target_bytes, 256, kGiB));
  add("max-body-bytes", "BYTES", "Body; beyond it 413 (33554432).",
      size_setting(&S::max_body_bytes, 0, 1'024 * kGiB));
  add("max-json-depth", "N", "Nesting of JSON; beyond it 400 (64).",
      size_setting(&S::max_json_depth, 1, 1'000));
  add("max-parts", "N", "Parts of a multipart body; beyond it 400 (1000).",
      size_setting(&S::max_parts, 1, 1'000'000));
  add("max-connections", "N", "Open connections; beyond it 503 (10000).",
      size_setting(&S::max_connections, 1, 10'000'000));
  add("header-timeout", "MS", "Time for a request's head to arrive (10000).",
      millisecond_setting(&S::header_timeout));
  add("idle-timeout", "MS", "Time a connection may rest between requests (75000).",
      millisecond_setting(&S::idle_timeout));
  add("body-timeout", "MS", "Time without a byte of the body from the client (30000).",
      millisecond_setting(&S::body_timeout));
  add("write-timeout", "MS", "Time without a byte taken by the client (30000).",
      millisecond_setting(&S::write_timeout));
  add("request-timeout", "MS", "A request's deadline; past it 503 (30000).",
      millisecond_setting(&S::request_timeout));
  add("drain-timeout", "MS", "Time that running requests get when the server stops (10000).",
      millisecond_setting(&S::drain_timeout));
  add("cors-origins", "LIST", "Origins that may call the API, separated by commas; * for all (*).",
      assign_cors_origins);
  add("trusted-proxies", "LIST", "Addresses whose X-Forwarded-For and -Proto are believed (none).",
      assign_trusted_proxies);
  add("compress", "BOOL", "Compress what gains by it (true).", switch_setting(&S::compress));
  add("tls-certificate", "FILE", "Certificate chain, PEM; with the key it turns on TLS.",
      path_setting(&S::tls_certificate));
  add("tls-key", "FILE", "The certificate's private key, PEM.", path_setting(&S::tls_key));
  add("redirect-port", "PORT", "With TLS: a plain port that redirects to it; 0: none (0).",
      [](Settings& settings, std::string_view value) {
        settings.http.redirect_port = port_number(value);
      });
}

std::string toml_text(SettingName const& setting, toml::node const& node) {
  if (auto const* text = node.as_string()) return text->get();
  if (auto const* number = node.as_integer()) return std::to_string(number->get());
  if (auto const* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  if (auto const* list = node.as_array()) {
    std::string joined;
    for (auto const& each : *list) {
      auto const* text = each.as_string();
      if (text == nullptr) throw std::invalid_argument("a list holds texts only");
      if (!joined.empty()) joined += ",";
      joined += text->get();
    }
    return joined;
  }
  throw std::invalid_argument(
      fmt::format("{} is a text, a number, true or false, or a list of texts", setting.key()));
}

/// Runs `assign`, saying where the value stood when it is refused.
template <class Assign>
void assign_from(std::string const& where, Assign assign) {
  try {
    assign();
  } catch (std::invalid_argument const& error) {
    throw std::invalid_argument(fmt::format("{}: {}.", where, error.what()));
  }
}

toml::table read_file(std::filesystem::path const& file) {
  if (std::filesystem::is_directory(file))
    throw std::invalid_argument(fmt::format("{} is a folder, no settings file.", file.string()));
  try {
    return toml::parse_file(file.string());
  } catch (toml::parse_error const& error) {
    throw std::invalid_argument(fmt::format("{}, line {}: {}.", file.string(),
                                            error.source().begin.line, error.description()));
  }
}

void check_names(std::filesystem::path const& file, toml::table const& table) {
  for (auto const& [key, value] : table) {
    auto const known =
        std::any_of(setting_names().begin(), setting_names().end(),
                    [&](SettingName const& setting) { return setting.key() == key.str(); });
    if (!known) {
      throw std::invalid_argument(
          fmt::format("{}, line {}: there is no setting '{}'; docs/configuration.md lists them.",
                      file.string(), value.source().begin.line, key.str()));
    }
  }
}

class Resolver {
 public:
  Resolver(Flags const& flags, Environment const& environment, std::filesystem::path const& file)
      : flags_(flags), environment_(environment), file_(file) {
    if (!file_.empty()) {
      table_ = read_file(file_);
      check_names(file_, table_);
    }
  }

  void resolve(SettingName const& setting, Settings& settings) const {
    if (from_flags(setting, settings) || from_environment(setting, settings)) return;
    auto const* node = table_.get(setting.key());
    if (node == nullptr) return;
    assign_from(fmt::format("{}, {}", file_.string(), setting.key()),
                [&] { setting.assign(settings, toml_text(setting, *node)); });
  }

 private:
  bool from_flags(SettingName const& setting, Settings& settings) const {
    bool found = false;
    for (auto const& [name, value] : flags_) {
      if (name != setting.name) continue;
      assign_from("--" + name, [&] { setting.assign(settings, value); });
      found = true;
    }
    return found;
  }

  bool from_environment(SettingName const& setting, Settings& settings) const {
    if (auto const* value = set_variable(setting.variable())) {
      assign_from(setting.variable(), [&] { setting.assign(settings, value); });
      return true;
    }
    auto const& assign = setting.assign_also ? setting.assign_also : setting.assign;
    for (auto const& variable : setting.also) {
      if (auto const* value = set_variable(variable)) {
        assign_from(variable, [&] { assign(settings, value); });
        return true;
      }
    }
    return false;
  }

  /// Null when the variable is unset or empty.
  char const* set_variable(std::string const& variable) const {
    auto const* value = environment_(variable.c_str());
    return value != nullptr && *value != '\0' ? value : nullptr;
  }

  Flags const& flags_;
  Environment const& environment_;
  std::filesystem::path const& file_;
  toml::table table_;
};

}  // namespace

std::string SettingName::variable() const {
  auto text = "MINGA_" + name;
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

std::string SettingName::key() const {
  auto text = name;
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

std::vector<SettingName> const& setting_names() {
  static auto const names = [] {
    auto made = general_settings();
    add_cluster_settings(made);
    add_http_settings(made);
    return made;
  }();
  return names;
}

Settings read_settings(Flags const& flags, Environment const& environment,
                       std::filesystem::path const& file) {
  Settings settings;
  settings.config = file;
  if (file.empty() && std::filesystem::exists("minga.toml")) settings.config = "minga.toml";
  if (!file.empty() && !std::filesystem::exists(file)) {
    throw std::invalid_argument(fmt::format("--config: there is no file {}.", file.string()));
  }
  Resolver const resolver(flags, environment, settings.config);
  for (auto const& setting : setting_names()) resolver.resolve(setting, settings);
  if (settings.http.tls_certificate.empty() != settings.http.tls_key.empty()) {
    throw std::invalid_argument(
        "TLS needs both --tls-certificate and --tls-key; only one of them is set.");
  }
  if (settings.http.redirect_port != 0 && settings.http.tls_certificate.empty()) {
    throw std::invalid_argument(
        "--redirect-port sends visitors on to TLS, which needs --tls-certificate and --tls-key.");
  }
  return settings;
}

std::filesystem::path Settings::sqlite_file() const {
  if (database.empty()) return data / "minga.db";
  for (std::string_view const prefix : {"sqlite://", "sqlite:"}) {
    if (!database.starts_with(prefix)) continue;
    auto const file = database.substr(prefix.size());
    if (file.empty()) {
      throw std::invalid_argument(fmt::format(
          "'{}' names no file; sqlite:/var/lib/minga/minga.db would be right.", database));
    }
    return file;
  }
  throw std::invalid_argument(fmt::format(
      "'{}' begins no database URL this version understands: sqlite:FILE is one, such as "
      "sqlite:/var/lib/minga/minga.db, and postgresql://USER@HOST/NAME.",
      database.substr(0, database.find_first_of(":@"))));
}

bool Settings::uses_postgres() const {
  return database.starts_with("postgresql://") || database.starts_with("postgres://");
}

}  // namespace minga::server
