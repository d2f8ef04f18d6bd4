#include "sql/sqlite/functions.hpp"

#include <exception>
#include <string>

namespace minga::sql::sqlite {
namespace {

Value argument_value(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    case SQLITE_TEXT: {
      auto const* text = reinterpret_cast<char const*>(sqlite3_value_text(value));
      return std::string(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
    }
    default:
      return Null{};
  }
}

void set_result(sqlite3_context* context, Value const& value) {
  if (auto const* text = std::get_if<std::string>(&value)) {
    sqlite3_result_text64(context, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else if (auto const* integer = std::get_if<std::int64_t>(&value)) {
    sqlite3_result_int64(context, *integer);
  } else if (auto const* real = std::get_if<double>(&value)) {
    sqlite3_result_double(context, *real);
  } else if (auto const* truth = std::get_if<bool>(&value)) {
    sqlite3_result_int(context, *truth ? 1 : 0);
  } else {
    sqlite3_result_null(context);
  }
}

void call_function(sqlite3_context* context, int count, sqlite3_value** arguments) {
  auto const* function = static_cast<Function const*>(sqlite3_user_data(context));
  try {
    std::vector<Value> values;
    for (int i = 0; i < count; ++i) values.push_back(argument_value(arguments[i]));
    set_result(context, function->call(values));
  } catch (std::exception const& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

}  // namespace

int register_function(sqlite3* connection, Function const& function) {
  auto const forget = [](void* owned) {
    delete static_cast<Function*>(owned);
  };
  // SQLite deletes the copy, also when it refuses it.
  return sqlite3_create_function_v2(connection, function.name.c_str(), function.arity,
                                    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                    new Function(function), call_function, nullptr, nullptr,
                                    forget);
}

}  // namespace minga::sql::sqlite
