#include "server/command_options.hpp"

#include "server/settings.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <stdexcept>

namespace minga::server {

void add_option(CLI::App& command, Option const& option, Values& values) {
  SettingName setting;
  setting.name = option.name;
  auto* added =
      command.add_option(fmt::format("--{}", option.name), values[option.name], option.help);
  added->type_name(option.argument);
  added->envname(setting.variable());
  if (!option.repeats) added->expected(1);
  added->multi_option_policy(option.repeats ? CLI::MultiOptionPolicy::TakeAll
                                            : CLI::MultiOptionPolicy::TakeLast);
}

void refuse_value(std::string const& name, std::exception const& error) {
  throw std::invalid_argument(fmt::format("--{}: {}.", name, error.what()));
}

std::pair<std::string, std::string> name_and_value(std::string const& text) {
  auto const equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    throw std::invalid_argument(
        fmt::format("'{}' is not NAME=VALUE, such as shared_buffers=4GB", text));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace minga::server
