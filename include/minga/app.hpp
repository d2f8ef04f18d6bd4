#pragma once

#include <minga/collection.hpp>
#include <minga/counter.hpp>
#include <minga/embedded.hpp>
#include <minga/request.hpp>
#include <minga/response.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace minga {

/// A route of an application. Paths are matched segment by segment; `<name>` stands for one segment
/// and `<name...>`, last, for the rest; a literal segment wins over a parameter. A final slash
/// makes no difference. HEAD is served wherever GET is; another method is 405 with Allow.
class Route {
 public:
  struct Impl;
  explicit Route(Impl& impl) : impl_(&impl) {}
  /// The page of this route's form: when the handler throws Error 400 or 412 and the client wants
  /// HTML, the page is shown again with that status, `values` (what was sent: the form's fields,
  /// or the query of a form that asks by GET), `errors` (field ->
  /// message in the page's language) and `params` (the path's parameters) in its model. 412 comes
  /// of the form's `{{>version}}`: somebody else has changed the record since the form was filled
  /// from it. `conflict` is true then, and sending the form again replaces that change.
  Route& form(std::string page);
  /// One line for the API description.
  Route& summary(std::string line);

 private:
  Impl* impl_;
};

/// What an application declares before the server starts. A declaration that makes no sense (a
/// route twice, a bad field) throws std::invalid_argument, which ends the start with that sentence.
class App {
 public:
  class Impl;
  explicit App(Impl& impl) : impl_(&impl) {}

  std::string const& name() const;

  Collection collection(std::string name, std::vector<Field> fields,
                        CollectionOptions options = {});
  Counter counter(std::string name);

  Route get(std::string path, Handler handler);
  Route post(std::string path, Handler handler);
  Route put(std::string path, Handler handler);
  Route patch(std::string path, Handler handler);
  Route del(std::string path, Handler handler);
  Route route(Method method, std::string path, Handler handler);

  /// The application's pages/, messages/ and assets/ folders, embedded by CMake's minga_embed().
  void files(Embedded const& files);
  /// Title and one-line description on the start page, as message keys.
  void describe(std::string title_key, std::string summary_key);
  /// An environment variable's value, or the fallback where it is unset or empty.
  std::string setting(std::string_view variable, std::string_view fallback) const;

 private:
  Impl* impl_;
};

struct Application {
  std::string name;
  std::function<void(App&)> declare;
};

/// The program: reads the command line, the environment and minga.toml, and runs the command.
/// Returns the exit status.
int run(int argc, char** argv, std::vector<Application> applications);

}  // namespace minga
