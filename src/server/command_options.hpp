#pragma once

#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace minga::server {

/// The values of one command's options, as texts, by name.
using Values = std::map<std::string, std::vector<std::string>>;

/// `--NAME ARGUMENT` on the command line, MINGA_NAME in the environment.
struct Option {
  char const* name;
  char const* argument;
  char const* help;
  bool repeats = false;
};

void add_option(CLI::App& command, Option const& option, Values& values);

template <class Options>
void add_options(CLI::App& command, Options const& options, Values& values) {
  for (auto const& each : options) add_option(command, each, values);
}

/// Rethrows a std::invalid_argument with the option's name before it.
[[noreturn]] void refuse_value(std::string const& name, std::exception const& error);

/// Runs `read` on the option's values where it was given.
template <class Read>
void with_value(Values const& values, std::string const& name, Read read) {
  for (auto const& value : values.at(name)) {
    try {
      read(value);
    } catch (std::invalid_argument const& error) {
      refuse_value(name, error);
    }
  }
}

/// NAME=VALUE. Throws std::invalid_argument.
std::pair<std::string, std::string> name_and_value(std::string const& text);

}  // namespace minga::server
