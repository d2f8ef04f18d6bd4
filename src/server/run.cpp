// The command line: names, help and the command that is meant. CLI11 parses it.
#include <minga/app.hpp>

#include "server/commands.hpp"
#include "server/move_command.hpp"
#include "server/replica_commands.hpp"
#include "server/settings.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <optional>

#ifndef MINGA_VERSION
#define MINGA_VERSION "unknown"
#endif

namespace minga {
namespace {

using server::Flags;
using server::Settings;

/// Adds every setting as a flag of a command; what was given is read back as Flags.
class SettingFlags {
 public:
  void add_to(CLI::App& command) {
    command.add_option("--config", config_, "Settings file (./minga.toml where there is one).")
        ->type_name("FILE");
    for (auto const& setting : server::setting_names()) {
      auto* option = command.add_option("--" + setting.name, values_[setting.name], setting.help);
      option->type_name(setting.argument);
      if (!setting.repeats) option->expected(1);
      option->multi_option_policy(setting.repeats ? CLI::MultiOptionPolicy::TakeAll
                                                  : CLI::MultiOptionPolicy::TakeLast);
    }
  }

  Settings read() const {
    Flags flags;
    for (auto const& [name, values] : values_) {
      for (auto const& value : values) flags.emplace_back(name, value);
    }
    auto environment = [](char const* variable) -> char const* {
      return std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): no other thread yet
    };
    return server::read_settings(flags, environment, config_);
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::string config_;
};

class CommandLine {
 public:
  explicit CommandLine(std::vector<Application> applications)
      : applications_(std::move(applications)) {
    cli_.require_subcommand(1);
    cli_.set_help_flag("-h,--help", "Says what there is.");
    add("serve", "Serves the applications over HTTP.",
        [this](Settings settings) { return server::serve(std::move(settings), applications_); });
    add_transfers();
    server::add_move_command(cli_, actions_);
    server::add_replica_commands(cli_, actions_);
    auto* version = cli_.add_subcommand("version", "Prints the version.");
    actions_[version] = [] {
      fmt::print("minga {}\n", MINGA_VERSION);
      return 0;
    };
  }

  int run(int argc, char** argv) {
    if (auto const refused = refuse_unknown(argc, argv)) return *refused;
    try {
      cli_.parse(argc, argv);
    } catch (CLI::ParseError const& error) {
      return cli_.exit(error) == 0 ? 0 : 2;
    }
    try {
      // The command, or the one within it that was named.
      auto* command = cli_.get_subcommands().front();
      if (!command->get_subcommands().empty()) command = command->get_subcommands().front();
      return actions_.at(command)();
    } catch (std::invalid_argument const& error) {
      fmt::print(stderr, "minga: {}\n", error.what());
      return 2;
    } catch (std::exception const& error) {
      fmt::print(stderr, "minga: {}\n", error.what());
      return 1;
    }
  }

 private:
  /// A command, or one within it, that there is not: CLI11 would not say which there are.
  std::optional<int> refuse_unknown(int argc, char** argv) const {
    CLI::App const* level = &cli_;
    for (int i = 1; i < argc && *argv[i] != '-'; ++i) {
      auto const within = level->get_subcommands({});
      if (within.empty()) break;
      auto const named = std::find_if(within.begin(), within.end(), [&](CLI::App const* command) {
        return command->get_name() == argv[i];
      });
      if (named == within.end()) return refuse_command(*level, argv[i]);
      level = *named;
    }
    return std::nullopt;
  }

  static int refuse_command(CLI::App const& level, char const* name) {
    std::string known;
    for (auto const* command : level.get_subcommands({})) {
      if (command->get_group().empty()) continue;  // it is not for people
      known += (known.empty() ? "" : ", ") + command->get_name();
    }
    auto const* parent = level.get_parent();
    auto const within = parent == nullptr ? "" : level.get_name() + " ";
    fmt::print(stderr,
               "minga: There is no command '{}{}'; there are: {}. minga {}--help says more.\n",
               within, name, known, within);
    return 2;
  }

  template <class Run>
  CLI::App* add(char const* name, char const* help, Run run) {
    auto* command = cli_.add_subcommand(name, help);
    auto flags = std::make_shared<SettingFlags>();
    flags->add_to(*command);
    actions_[command] = [flags, run] {
      return run(flags->read());
    };
    return command;
  }

  void add_transfers() {
    auto* import =
        add("import",
            "Adds the documents of an NDJSON file (MongoDB's Extended JSON too) to a collection.",
            [this](Settings settings) {
              return server::import_records(std::move(settings), applications_, collection_, file_);
            });
    import->add_option("COLLECTION", collection_, "The collection's name.")->required();
    import->add_option("FILE", file_, "The file; - for standard input.")->required();
    auto* exported = add(
        "export", "Writes a collection to standard output as NDJSON.", [this](Settings settings) {
          return server::export_records(std::move(settings), applications_, collection_, filter_);
        });
    exported->add_option("COLLECTION", collection_, "The collection's name.")->required();
    exported->add_option("--filter", filter_, "Only records that match.");
    auto* backup = add("backup", "Copies the database into a new file while the server runs.",
                       [this](Settings settings) {
                         return server::backup(std::move(settings), applications_, file_);
                       });
    backup->add_option("FILE", file_, "The file to write; it must not exist.")->required();
    auto* restore =
        add("restore", "Puts a backup in the database's place; the server must not run.",
            [this](Settings settings) { return server::restore(std::move(settings), file_); });
    restore->add_option("FILE", file_, "The backup.")->required();
  }

  CLI::App cli_{"minga: an application server. One binary, one file; later a cluster by one URL.",
                "minga"};
  std::vector<Application> applications_;
  server::Actions actions_;
  std::string collection_;
  std::string file_;
  std::string filter_;
};

}  // namespace

int run(int argc, char** argv, std::vector<Application> applications) {
  CommandLine command_line(std::move(applications));
  return command_line.run(argc, argv);
}

}  // namespace minga
