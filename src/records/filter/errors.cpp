#include "records/filter/errors.hpp"

namespace minga::records::filter {

Error invalid_filter(std::string_view what, std::size_t position) {
  JsonObject params;
  params["position"] = static_cast<std::int64_t>(position);
  JsonObject data;
  data["filter"] = field_error("validation_invalid_filter", what, std::move(params));
  return Error(400, "invalid_filter", "Invalid filter.", std::move(data));
}

Error invalid_sort(std::string_view what) {
  JsonObject data;
  data["sort"] = field_error("validation_invalid_sort", what);
  return Error(400, "invalid_sort", "Invalid sort.", std::move(data));
}

}  // namespace minga::records::filter
