#pragma once

#include "sql/postgres/postgres.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace minga::sql::postgres {

/// One server that a URL names. Empty: libpq's own default.
struct Host {
  std::string name;     // or the folder of its socket
  std::string address;  // hostaddr
  std::string port;
};

/// What a connection is for. The server itself refuses to write through another than a `write` one.
enum class Access {
  read,     // from the primary
  write,    // to it
  replica,  // reads from a standby
  any,      // from whatever the server is
};

/// A URL as libpq understands it, with what minga needs put where it says nothing.
class Settings {
 public:
  /// Throws sql::Error with a sentence for the user, which never holds the URL: it may hold a
  /// password.
  explicit Settings(Options const& options);

  std::vector<Host> const& hosts() const { return hosts_; }
  std::chrono::milliseconds connect_timeout() const { return connect_timeout_; }
  /// libpq's keywords and values for a connection to one of the hosts.
  std::vector<std::pair<std::string, std::string>> keywords(Host const& host, Access access) const;
  /// The same for a program that finds the primary among all hosts itself.
  std::vector<std::pair<std::string, std::string>> keywords_of_all_hosts() const;
  /// "db1:5432,db2:5432/name", for messages.
  std::string const& description() const { return description_; }

 private:
  void read_hosts(std::string const& names, std::string const& addresses, std::string const& ports);

  std::vector<std::pair<std::string, std::string>> keywords_;  // without those of the hosts
  std::string session_options_;
  std::vector<Host> hosts_;
  std::chrono::milliseconds connect_timeout_;
  std::string description_;
};

}  // namespace minga::sql::postgres
