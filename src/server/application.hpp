#pragma once

#include <minga/app.hpp>

#include "http/router.hpp"
#include "records/counters.hpp"
#include "records/definition.hpp"
#include "records/store.hpp"
#include "web/site.hpp"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace minga::server {

/// What the handles that applications hold (Collection, Counter) work on; filled in when the
/// database is open.
struct Binding {
  records::Store* store = nullptr;
  records::Counters* counters = nullptr;
};

}  // namespace minga::server

namespace minga {

struct Route::Impl {
  Method method;
  std::string path;
  Handler handler;
  std::string form_page;
  std::string summary;
};

class Collection::Impl {
 public:
  Impl(std::string name, std::shared_ptr<server::Binding const> binding)
      : name_(std::move(name)), binding_(std::move(binding)) {}

  std::string const& name() const { return name_; }
  /// Throws std::logic_error before the server runs.
  records::Store& store() const;

 private:
  std::string name_;
  std::shared_ptr<server::Binding const> binding_;
};

class Counter::Impl {
 public:
  Impl(std::string name, std::shared_ptr<server::Binding const> binding)
      : name_(std::move(name)), binding_(std::move(binding)) {}

  std::string const& name() const { return name_; }
  records::Counters& counters() const;

 private:
  std::string name_;
  std::shared_ptr<server::Binding const> binding_;
};

/// What one application declared.
class App::Impl {
 public:
  Impl(std::string name, std::shared_ptr<server::Binding const> binding);

  std::string name;
  std::shared_ptr<server::Binding const> binding;
  std::vector<records::Definition> collections;
  std::vector<std::string> counters;
  std::deque<Route::Impl> routes;  // stays where it is: Route points into it
  Embedded files;
  std::string title_key;
  std::string summary_key;
};

}  // namespace minga
