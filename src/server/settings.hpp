#pragma once

#include <minga/request.hpp>

#include "base/logging.hpp"
#include "http/settings.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::server {

/// What `minga serve` and its siblings are told. docs/configuration.md lists every name.
struct Settings {
  std::vector<std::string> apps;  // empty: all, under one site
  std::filesystem::path data = "minga-data";
  std::string database;  // empty: sqlite:DATA/minga.db
  log::Format log_format = log::Format::text;
  log::Level log_level = log::Level::info;
  std::size_t io_threads = 0;  // 0: one per core
  std::size_t write_queue = 10'000;
  std::chrono::milliseconds poll{1'000};
  std::chrono::milliseconds replica_lag{10'000};
  std::chrono::milliseconds replica_wait{100};
  std::string node_name;              // empty: the machine's name and the port
  std::string public_url;             // empty: what is listened on
  std::filesystem::path replica_set;  // the set's join token; empty: none
  std::filesystem::path config;       // the minga.toml that was read; empty: none
  http::Settings http;

  /// Whether the database is a PostgreSQL server's.
  bool uses_postgres() const;
  /// The file of an embedded database. Throws std::invalid_argument for a URL of another engine;
  /// what it says holds no password.
  std::filesystem::path sqlite_file() const;
};

/// One setting: `--listen` on the command line, MINGA_LISTEN in the environment, `listen` in
/// minga.toml.
struct SettingName {
  std::string name;      // "max-body-bytes"
  std::string argument;  // "BYTES"; empty: a switch
  std::string help;
  std::vector<std::string> also;  // other environment variables that are understood
  /// Throws std::invalid_argument that says what is right.
  std::function<void(Settings&, std::string_view value)> assign;
  /// For a value of `also`, when it means something else than MINGA_NAME's.
  std::function<void(Settings&, std::string_view value)> assign_also;
  bool repeats = false;

  std::string variable() const;  // MINGA_MAX_BODY_BYTES
  std::string key() const;       // max_body_bytes
};

std::vector<SettingName> const& setting_names();

using Environment = std::function<char const*(char const* variable)>;

/// A flag's values by the setting's name, as the command line gave them.
using Flags = std::vector<std::pair<std::string, std::string>>;

/// Flags first, then the environment, then the file (`file`, or ./minga.toml where there is one).
/// Throws std::invalid_argument: what is wrong, where it stands, what would be right.
Settings read_settings(Flags const& flags, Environment const& environment,
                       std::filesystem::path const& file);

}  // namespace minga::server
