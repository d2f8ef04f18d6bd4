#pragma once

#include <minga/request.hpp>
#include <minga/response.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minga::http {

struct RouteInfo {
  Method method;
  std::string path;  // as declared
  std::string summary;
};

/// Finds a handler by path and method. `<name>` is one segment, `<name...>` (last) the rest; a
/// literal segment wins over a parameter; a final slash makes no difference; segments are compared
/// after percent-decoding.
class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  /// std::invalid_argument when the path is malformed or the method is there already.
  void add(Method method, std::string_view path, Handler handler, std::string summary = {});

  struct Match {
    Handler const* handler = nullptr;  // null: no such path, or not with this method
    std::vector<Method> allowed;       // not empty: the path exists
    std::vector<std::pair<std::string, std::string>> params;
  };
  /// `path` still percent-encoded, without query, beginning with "/".
  Match find(Method method, std::string_view path) const;

  std::vector<RouteInfo> routes() const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

}  // namespace minga::http
