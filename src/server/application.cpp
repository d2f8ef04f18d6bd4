#include "server/application.hpp"

#include "base/text.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace minga {

records::Store& Collection::Impl::store() const {
  if (binding_->store == nullptr) {
    throw std::logic_error(fmt::format("Collection {} was used before the server runs.", name_));
  }
  return *binding_->store;
}

records::Counters& Counter::Impl::counters() const {
  if (binding_->counters == nullptr) {
    throw std::logic_error(fmt::format("Counter {} was used before the server runs.", name_));
  }
  return *binding_->counters;
}

App::Impl::Impl(std::string app_name, std::shared_ptr<server::Binding const> app_binding)
    : name(std::move(app_name)), binding(std::move(app_binding)) {}

Route& Route::form(std::string page) {
  impl_->form_page = std::move(page);
  return *this;
}

Route& Route::summary(std::string line) {
  impl_->summary = std::move(line);
  return *this;
}

std::string const& App::name() const {
  return impl_->name;
}

Collection App::collection(std::string name, std::vector<Field> fields, CollectionOptions options) {
  auto const same = [&](records::Definition const& other) {
    return equals_ignoring_case(other.name, name);
  };
  if (std::any_of(impl_->collections.begin(), impl_->collections.end(), same)) {
    throw std::invalid_argument(fmt::format("The collection {} is declared twice.", name));
  }
  records::Definition definition;
  definition.name = name;
  definition.open = options.open;
  definition.fields = std::move(fields);
  definition.indexes = std::move(options.indexes);
  definition.replica_reads = options.replica_reads;
  if (options.public_access) {
    for (auto* rule : {&definition.list_rule, &definition.view_rule, &definition.create_rule,
                       &definition.update_rule, &definition.delete_rule}) {
      *rule = "";
    }
  }
  try {
    impl_->collections.push_back(records::complete(std::move(definition)));
  } catch (Error const& error) {
    throw std::invalid_argument(fmt::format("The collection {} is not well-formed: {} {}", name,
                                            error.message(), boost::json::serialize(error.data())));
  }
  return Collection(std::make_shared<Collection::Impl>(std::move(name), impl_->binding));
}

Counter App::counter(std::string name) {
  impl_->counters.push_back(name);
  return Counter(std::make_shared<Counter::Impl>(std::move(name), impl_->binding));
}

Route App::get(std::string path, Handler handler) {
  return route(Method::get, std::move(path), std::move(handler));
}
Route App::post(std::string path, Handler handler) {
  return route(Method::post, std::move(path), std::move(handler));
}
Route App::put(std::string path, Handler handler) {
  return route(Method::put, std::move(path), std::move(handler));
}
Route App::patch(std::string path, Handler handler) {
  return route(Method::patch, std::move(path), std::move(handler));
}
Route App::del(std::string path, Handler handler) {
  return route(Method::delete_, std::move(path), std::move(handler));
}

Route App::route(Method method, std::string path, Handler handler) {
  return Route(
      impl_->routes.emplace_back(Route::Impl{method, std::move(path), std::move(handler), {}, {}}));
}

void App::files(Embedded const& files) {
  impl_->files = files;
}

void App::describe(std::string title_key, std::string summary_key) {
  impl_->title_key = std::move(title_key);
  impl_->summary_key = std::move(summary_key);
}

std::string App::setting(std::string_view variable, std::string_view fallback) const {
  // Nothing here ever changes the environment.
  auto const* value = std::getenv(std::string(variable).c_str());  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0' ? value : std::string(fallback);
}

}  // namespace minga
