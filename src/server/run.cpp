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
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#ifndef MINGA_VERSION
#define MINGA_VERSION "unknown"
#endif

namespace minga {
namespace {

using server::Flags;
using server::Settings;

/// What a command that carries data needs of the settings. The others are understood there, too,
/// but its help does not show them.
constexpr std::string_view kOfData[] = {"app", "data", "database", "log-format"};

/// Adds every setting as a flag of a command; what was given is read back as Flags.
class SettingFlags {
 public:
  void add_to(CLI::App& command, bool shows_all) {
    command.add_option("--config", config_, "Settings file (./minga.toml where there is one).")
        ->type_name("FILE");
    for (auto const& setting : server::setting_names()) {
      auto* option = command.add_option("--" + setting.name, values_[setting.name], setting.help);
      option->type_name(setting.argument);
      if (!setting.repeats) option->expected(1);
      option->multi_option_policy(setting.repeats ? CLI::MultiOptionPolicy::TakeAll
                                                  : CLI::MultiOptionPolicy::TakeLast);
      auto const is_of_data =
          std::find(std::begin(kOfData), std::end(kOfData), setting.name) != std::end(kOfData);
      if (!shows_all && !is_of_data) option->group("");
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

/// What the error says of each field, such as of a filter.
std::string reasons(Error const& error) {
  std::string text;
  for (auto const& [field, reason] : error.data()) {
    if (auto const* object = reason.if_object(); object && object->contains("message"))
      text.append(" ").append(object->at("message").as_string());
  }
  return text;
}

/// Between what was typed and what was meant.
constexpr std::size_t kFewEdits = 2;

/// How many characters have to be added, taken away or replaced (Levenshtein).
std::size_t edits(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      auto const replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

class CommandLine {
 public:
  CommandLine(std::string program, std::vector<Application> applications)
      : applications_(std::move(applications)) {
    cli_.name(std::move(program));  // an application's own has a name of its own
    cli_.require_subcommand(1);
    cli_.set_help_flag("-h,--help", "Says what there is.");
    cli_.set_version_flag("--version", "minga " MINGA_VERSION, "Prints the version.");
    auto const run_server = [this](Settings settings) {
      return server::serve(std::move(settings), applications_);
    };
    add("serve", "Serves the applications over HTTP.", run_server, true);
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
    } catch (CLI::ExtrasError const&) {
      return refuse_extras();
    } catch (CLI::ParseError const& error) {
      return cli_.exit(error) == 0 ? 0 : 2;
    }
    try {
      return actions_.at(named_command())();
    } catch (Error const& error) {
      fmt::print(stderr, "minga: {}{}\n", error.message(), reasons(error));
      return error.status() == 400 ? 2 : 1;
    } catch (std::invalid_argument const& error) {
      fmt::print(stderr, "minga: {}\n", error.what());
      return 2;
    } catch (std::exception const& error) {
      fmt::print(stderr, "minga: {}\n", error.what());
      return 1;
    }
  }

 private:
  /// The command, or the one within it that was named.
  CLI::App* named_command() const {
    auto* command = cli_.get_subcommands().front();
    return command->get_subcommands().empty() ? command : command->get_subcommands().front();
  }

  /// An option that there is not, with the one that is spelt most like it, or one argument too
  /// many.
  int refuse_extras() const {
    auto const extras = cli_.remaining(true);
    auto const option = std::find_if(extras.begin(), extras.end(), [](std::string const& extra) {
      return extra.size() > 1 && extra.front() == '-';
    });
    if (option == extras.end()) {
      fmt::print(stderr, "minga: '{}' is one argument too many. {} --help says more.\n",
                 extras.back(), full_name());
      return 2;
    }
    auto const name = option->substr(0, option->find('='));
    std::string nearest;
    for (auto const* known : named_command()->get_options()) {
      auto const known_name = known->get_name();
      auto const is_nearer = nearest.empty() || edits(name, known_name) < edits(name, nearest);
      if (known_name.starts_with("--") && is_nearer) nearest = known_name;
    }
    auto const meant =
        edits(name, nearest) <= kFewEdits ? fmt::format("; is {} meant?", nearest) : ".";
    fmt::print(stderr, "minga: There is no option '{}'{} {} --help lists them.\n", name, meant,
               full_name());
    return 2;
  }

  /// As it is typed, the program first.
  std::string full_name() const {
    std::string words;
    for (CLI::App const* level = named_command(); level != nullptr; level = level->get_parent())
      words.insert(0, level->get_name() + (words.empty() ? "" : " "));
    return words;
  }

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

  int refuse_command(CLI::App const& level, char const* name) const {
    std::string known;
    for (auto const* command : level.get_subcommands({})) {
      if (command->get_group().empty()) continue;  // it is not for people
      known += (known.empty() ? "" : ", ") + command->get_name();
    }
    auto const* parent = level.get_parent();
    auto const within = parent == nullptr ? "" : level.get_name() + " ";
    fmt::print(stderr, "minga: There is no command '{}{}'; there are: {}. {} {}--help says more.\n",
               within, name, known, cli_.get_name(), within);
    return 2;
  }

  template <class Run>
  CLI::App* add(char const* name, char const* help, Run run, bool shows_all_settings = false) {
    auto* command = cli_.add_subcommand(name, help);
    auto flags = std::make_shared<SettingFlags>();
    flags->add_to(*command, shows_all_settings);
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

  CLI::App cli_{"minga: an application server. One binary, one file; later a cluster by one URL."};
  std::vector<Application> applications_;
  server::Actions actions_;
  std::string collection_;
  std::string file_;
  std::string filter_;
};

}  // namespace

int run(int argc, char** argv, std::vector<Application> applications) {
  auto const program = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "minga";
  CommandLine command_line(program, std::move(applications));
  return command_line.run(argc, argv);
}

}  // namespace minga
