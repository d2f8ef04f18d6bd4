#include "http/media_type.hpp"

#include "base/text.hpp"

namespace minga::http {

std::string_view media_type(Request const& request) {
  auto header = request.header("content-type");
  return trim(header.substr(0, header.find(';')));
}

bool is_form(std::string_view media_type) {
  return equals_ignoring_case(media_type, "application/x-www-form-urlencoded") ||
         equals_ignoring_case(media_type, "multipart/form-data");
}

}  // namespace minga::http
