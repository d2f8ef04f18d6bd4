#include "cluster/parameters.hpp"

#include "base/text.hpp"
#include "cluster/run_program.hpp"

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace minga::cluster {
namespace {

constexpr std::chrono::seconds kPatience{10};

bool is_name(std::string_view text) {
  auto const belongs = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), belongs);
}

/// Of `TIME [PID] FATAL:  invalid value ...` and its HINT, what they say.
std::string words_of(std::string const& output) {
  std::istringstream lines(output);
  std::string words;
  for (std::string line; std::getline(lines, line);) {
    for (std::string_view const mark : {"FATAL:", "DETAIL:", "HINT:"}) {
      auto const found = line.find(mark);
      if (found == std::string::npos) continue;
      auto const said = trim(std::string_view(line).substr(found + mark.size()));
      words.append(words.empty() ? "" : ". ").append(said);
      break;
    }
  }
  while (words.ends_with('.')) words.pop_back();
  return words;
}

Async<void> check_parameter(Processes* processes, std::string postgres, std::string name,
                            std::string value) {
  if (!is_name(name))
    throw std::invalid_argument(fmt::format("'{}' is no name of a PostgreSQL setting", name));
  // `-C NAME` comes first, for root may ask only then; it prints the value and starts nothing.
  auto setting = fmt::format("{}={}", name, value);
  Program program{
      "postgres",
      {std::move(postgres), "-C", name, "-c", setting, "-D", "/", "--config-file=/dev/null"},
      {"PATH=/usr/bin:/bin", "TZ=UTC", "LC_ALL=C.UTF-8"},
      "/"};
  auto const result =
      co_await run_program(*processes, std::move(program), Clock::now() + kPatience);
  if (result.status == 0) co_return;
  auto const words = words_of(result.output);
  throw std::invalid_argument(
      fmt::format("{}: {}", setting, words.empty() ? "PostgreSQL does not take it" : words));
}

}  // namespace

Async<void> check_parameters(std::map<std::string, std::string> parameters,
                             ReplicaPrograms programs) {
  auto const postgres = programs.postgres / "postgres";
  if (parameters.empty() || !std::filesystem::exists(postgres)) co_return;
  auto const executor = co_await boost::asio::this_coro::executor;
  auto& context = static_cast<boost::asio::io_context&>(executor.context());
  Processes processes(context);
  TaskGroup reaping(executor, "reaper");
  reaping.spawn(processes.run());
  std::exception_ptr failure;
  try {
    for (auto const& parameter : parameters)
      co_await check_parameter(&processes, postgres.string(), parameter.first, parameter.second);
  } catch (std::exception const&) {
    failure = std::current_exception();
  }
  reaping.cancel();
  co_await reaping.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace minga::cluster
