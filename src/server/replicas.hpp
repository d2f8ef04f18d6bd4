#pragma once

#include <minga/json.hpp>

#include "cluster/access.hpp"
#include "server/command_options.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace minga::server {

/// What all of `minga replicas` is told.
struct Given {
  Values values;
  bool as_json = false;
  bool force = false;
  bool full = false;
  std::string member;
  std::string candidate;
  std::string durability;
  std::string repository;
  std::string backup_settings;
  std::vector<std::string> parameters;
};

/// The join token's file, which need not be there.
std::filesystem::path token_of(Values const& values);
/// Throws std::invalid_argument when there is no join token.
cluster::SetAccess access_by(Given const& given);
/// When a command that waits for nothing but answers gives up.
Deadline soon();

template <class T>
T wait_for(Async<T> task) {
  boost::asio::io_context context(1);
  auto outcome = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.run();
  return outcome.get();
}

/// Of `--postgres`, by cluster::check_parameters(). Throws std::invalid_argument.
void check_parameters(std::map<std::string, std::string> parameters);

void print_json(Json const& value);

/// `minga replicas backup` and `backups`; the exit status.
int make_backup(Given const& given);
int list_backups(Given const& given);
/// `minga replicas config --backup-dir`, where it is given.
void change_backups(Given const& given, cluster::SetAccess const& access);

}  // namespace minga::server
