#include "base/json_text.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace minga {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// Builds the value from the parser's events (the concept boost::json::basic_parser asks for).
class Builder {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  Json take() { return stack_.release(); }

  bool on_document_begin(error_code&) {
    stack_.reset();
    return true;
  }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t size, error_code&) {
    stack_.push_object(size);
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t size, error_code&) {
    stack_.push_array(size);
    return true;
  }
  bool on_key_part(json::string_view text, std::size_t, error_code&) {
    stack_.push_chars(text);
    return true;
  }
  bool on_key(json::string_view text, std::size_t, error_code&) {
    stack_.push_key(text);
    return true;
  }
  bool on_string_part(json::string_view text, std::size_t, error_code&) {
    stack_.push_chars(text);
    return true;
  }
  bool on_string(json::string_view text, std::size_t, error_code&) {
    stack_.push_string(text);
    return true;
  }
  bool on_number_part(json::string_view text, error_code&) {
    number_.append(text.data(), text.size());
    return true;
  }
  bool on_int64(std::int64_t value, json::string_view, error_code&) {
    number_.clear();
    stack_.push_int64(value);
    return true;
  }
  bool on_uint64(std::uint64_t value, json::string_view, error_code&) {
    number_.clear();
    stack_.push_uint64(value);
    return true;
  }
  bool on_double(double, json::string_view text, error_code& error) {
    number_.append(text.data(), text.size());
    double exact = 0;
    auto const* end = number_.data() + number_.size();
    auto const result = std::from_chars(number_.data(), end, exact);
    // Past either end of a double's range from_chars does not say which.
    if (result.ec == std::errc::result_out_of_range) exact = std::strtod(number_.c_str(), nullptr);
    number_.clear();
    if (!std::isfinite(exact)) {
      error = json::error::exponent_overflow;
      return false;
    }
    stack_.push_double(exact);
    return true;
  }
  bool on_bool(bool value, error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

 private:
  json::value_stack stack_;
  std::string number_;  // the text of the number being read
};

}  // namespace

Json read_json(std::string_view text, error_code& error, std::size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<Builder> parser(options);
  auto const used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = json::error::extra_data;
  if (error) return nullptr;
  return parser.handler().take();
}

Json read_json(std::string_view text) {
  // What was accepted at the bound lies deeper once it stands in a record, a change, an answer.
  constexpr std::size_t kDeepest = 1'000;
  error_code error;
  auto value = read_json(text, error, kDeepest);
  if (error) throw boost::system::system_error(error, "reading JSON that was kept");
  return value;
}

bool holds_zero(Json const& value) {
  if (auto const* text = value.if_string()) return text->find('\0') != json::string::npos;
  if (auto const* list = value.if_array())
    return std::any_of(list->begin(), list->end(), holds_zero);
  if (auto const* object = value.if_object()) {
    return std::any_of(object->begin(), object->end(), [](auto const& pair) {
      return pair.key().find('\0') != json::string_view::npos || holds_zero(pair.value());
    });
  }
  return false;
}

}  // namespace minga
