#include "sql/error.hpp"

#include <variant>

namespace minga::sql {

char const* name(ErrorCode code) {
  switch (code) {
    case ErrorCode::unique_violation:
      return "unique_violation";
    case ErrorCode::foreign_key_violation:
      return "foreign_key_violation";
    case ErrorCode::not_null_violation:
      return "not_null_violation";
    case ErrorCode::check_violation:
      return "check_violation";
    case ErrorCode::serialization_failure:
      return "serialization_failure";
    case ErrorCode::busy:
      return "busy";
    case ErrorCode::full:
      return "full";
    case ErrorCode::read_only:
      return "read_only";
    case ErrorCode::moved:
      return "moved";
    case ErrorCode::io:
      return "io";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::deadline:
      return "deadline";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::queue_full:
      return "queue_full";
    case ErrorCode::connection_lost:
      return "connection_lost";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::invalid_text:
      return "invalid_text";
    case ErrorCode::syntax:
      return "syntax";
    case ErrorCode::other:
      return "other";
  }
  return "other";
}

Error::Error(ErrorCode code, std::string const& message)
    : std::runtime_error(message), code_(code) {}

void check_text(Value const& value) {
  auto const* text = std::get_if<std::string>(&value);
  if (text != nullptr && text->find('\0') != std::string::npos)
    throw Error(ErrorCode::invalid_text, "A text with U+0000 cannot be stored, nor looked for.");
}

}  // namespace minga::sql
