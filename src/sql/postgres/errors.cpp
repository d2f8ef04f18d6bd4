#include "sql/postgres/errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace minga::sql::postgres {
namespace {

/// By the whole SQLSTATE, or else by its class, its first two characters.
/// https://www.postgresql.org/docs/15/errcodes-appendix.html
constexpr std::array<std::pair<std::string_view, ErrorCode>, 29> kCodes{{
    {"23505", ErrorCode::unique_violation},
    {"23503", ErrorCode::foreign_key_violation},
    {"23502", ErrorCode::not_null_violation},
    {"23514", ErrorCode::check_violation},
    {"40001", ErrorCode::serialization_failure},
    {"40P01", ErrorCode::serialization_failure},
    {"55P03", ErrorCode::busy},   // lock_not_available
    {"53300", ErrorCode::busy},   // too_many_connections
    {"53200", ErrorCode::busy},   // out_of_memory
    {"53100", ErrorCode::full},   // disk_full
    {"54000", ErrorCode::other},  // a limit of PostgreSQL's, such as an index row's size
    {"25006", ErrorCode::read_only},
    {"25P03", ErrorCode::connection_lost},  // idle_in_transaction_session_timeout
    {"57014", ErrorCode::cancelled},
    {"57P01", ErrorCode::connection_lost},  // admin_shutdown
    {"57P02", ErrorCode::connection_lost},  // crash_shutdown
    {"57P03", ErrorCode::connection_lost},  // cannot_connect_now
    {"57P05", ErrorCode::connection_lost},  // idle_session_timeout
    {"58030", ErrorCode::io},
    {"3D000", ErrorCode::refused},  // there is no such database
    {"MGMVD", ErrorCode::moved},    // minga_refuse_write(): dialect.cpp
    {"XX001", ErrorCode::corrupt},
    {"XX002", ErrorCode::corrupt},
    {"08", ErrorCode::connection_lost},
    {"28", ErrorCode::refused},
    {"42", ErrorCode::syntax},
    {"40", ErrorCode::serialization_failure},
    {"53", ErrorCode::busy},
    {"58", ErrorCode::io},
}};

std::string field(PGresult const* result, int code) {
  auto const* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string{} : std::string(text);
}

bool may_succeed_later(ErrorCode code) {
  return code == ErrorCode::serialization_failure || code == ErrorCode::busy ||
         code == ErrorCode::connection_lost || code == ErrorCode::cancelled;
}

/// The end of the quoted or parenthesised text that begins at `at`, past its last character.
std::size_t skip_group(std::string_view text, std::size_t at) {
  auto const open = text[at];
  if (open == '"' || open == '\'') return std::min(text.find(open, at + 1), text.size() - 1) + 1;
  std::size_t next = at + 1;
  while (next < text.size() && text[next] != ')') {
    auto const c = text[next];
    next = c == '(' || c == '"' || c == '\'' ? skip_group(text, next) : next + 1;
  }
  return std::min(next + 1, text.size());
}

/// A plain or quoted identifier; "" for anything else.
std::string identifier(std::string_view text) {
  if (text.size() > 2 && text.front() == '"' && text.back() == '"' &&
      text.find('"', 1) == text.size() - 1) {
    return std::string(text.substr(1, text.size() - 2));
  }
  auto const plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  return std::all_of(text.begin(), text.end(), plain) ? std::string(text) : std::string{};
}

}  // namespace

ErrorCode code_of(std::string_view sqlstate) {
  for (auto const& [prefix, code] : kCodes) {
    if (sqlstate.starts_with(prefix)) return code;
  }
  return ErrorCode::other;
}

std::vector<std::string> columns_of_key(std::string_view detail) {
  auto const begin = detail.find('(');
  if (begin == std::string_view::npos) return {};
  auto const end = skip_group(detail, begin);
  if (!detail.substr(end).starts_with("=(")) return {};
  auto const list = detail.substr(begin + 1, end - begin - 2);
  std::vector<std::string> columns;
  for (std::size_t from = 0; from <= list.size();) {
    auto to = from;
    while (to < list.size() && list[to] != ',') {
      auto const c = list[to];
      to = c == '(' || c == '"' || c == '\'' ? skip_group(list, to) : to + 1;
    }
    auto column = identifier(list.substr(from, to - from));
    if (column.empty()) return {};
    columns.push_back(std::move(column));
    from = to + 2;  // ", "
  }
  return columns;
}

Failure failure_of(PGresult const* result) {
  auto state = field(result, PG_DIAG_SQLSTATE);
  auto message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) message = PQresultErrorMessage(result);
  while (message.ends_with('\n')) message.pop_back();
  auto const code = state.empty() ? ErrorCode::connection_lost : code_of(state);
  Error error(code, state.empty() ? message : fmt::format("{} ({})", message, state));
  error.retryable = may_succeed_later(code);
  if (code == ErrorCode::unique_violation) {
    error.index = field(result, PG_DIAG_CONSTRAINT_NAME);
    error.columns = columns_of_key(field(result, PG_DIAG_MESSAGE_DETAIL));
  }
  auto const severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  auto const fatal = severity == "FATAL" || severity == "PANIC";
  error.connection_usable = !fatal && !state.empty();
  auto const outdated =
      state == "26000" ||
      (state == "0A000" && field(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery");
  return {std::move(error), std::move(state), fatal, outdated};
}

Error connection_lost(std::string const& message) {
  Error error(ErrorCode::connection_lost, message);
  error.retryable = true;
  error.connection_usable = false;
  return error;
}

Error in_doubt(std::string const& message) {
  Error error(ErrorCode::connection_lost, message);
  error.connection_usable = false;
  error.commit_in_doubt = true;
  return error;
}

Error answer_lost(std::string const& message) {
  Error error(ErrorCode::connection_lost, message);
  error.connection_usable = false;
  error.is_committed = true;
  return error;
}

Error past_deadline(std::string const& message) {
  Error error(ErrorCode::deadline, message);
  error.retryable = true;
  return error;
}

}  // namespace minga::sql::postgres
