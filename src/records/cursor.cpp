#include "records/cursor.hpp"

#include <minga/error.hpp>
#include <minga/json.hpp>

#include "base/json_text.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <array>
#include <sodium.h>

namespace minga::records {
namespace {

constexpr auto kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

std::string encode(std::string_view bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<unsigned char const*>(bytes.data()),
                    bytes.size(), kVariant);
  text.resize(text.size() - 1);  // the terminating zero
  return text;
}

std::optional<std::string> decode(std::string_view text) {
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, nullptr, kVariant) != 0) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

Json to_json(sql::Value const& value) {
  if (auto const* text = std::get_if<std::string>(&value)) return Json(*text);
  if (auto const* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (auto const* real = std::get_if<double>(&value)) return *real;
  return nullptr;
}

sql::Value from_json(Json const& value) {
  if (value.is_string()) return std::string(value.get_string().data(), value.get_string().size());
  if (value.is_int64()) return value.get_int64();
  if (value.is_double()) return value.get_double();
  return sql::Null{};
}

/// "Behind the value in this key's order", nulls being first in ascending order.
std::string behind(filter::SortKey const& key, bool is_null, std::size_t place) {
  if (is_null) return key.descending ? "1 = 0" : fmt::format("{} IS NOT NULL", key.sql);
  if (key.descending) return fmt::format("({0} < ${1} OR {0} IS NULL)", key.sql, place);
  return fmt::format("{} > ${}", key.sql, place);
}

Error foreign() {
  return Error::invalid("cursor", "validation_invalid_value",
                        "The cursor belongs to no list with this sort and filter.");
}

}  // namespace

Cursor::Cursor(std::string_view secret, std::string_view bound_to)
    : key_(32, '\0'), bound_to_(bound_to) {
  crypto_generichash(reinterpret_cast<unsigned char*>(key_.data()), key_.size(),
                     reinterpret_cast<unsigned char const*>(secret.data()), secret.size(), nullptr,
                     0);
}

std::string Cursor::signature(std::string_view payload) const {
  std::string const message = bound_to_ + '\0' + std::string(payload);
  std::array<unsigned char, 16> tag{};
  crypto_generichash(tag.data(), tag.size(), reinterpret_cast<unsigned char const*>(message.data()),
                     message.size(), reinterpret_cast<unsigned char const*>(key_.data()),
                     key_.size());
  return encode({reinterpret_cast<char const*>(tag.data()), tag.size()});
}

std::string Cursor::after(sql::Rows const& rows, std::size_t row, std::size_t key_count) const {
  JsonArray values;
  for (std::size_t i = 0; i < key_count; ++i) values.push_back(to_json(rows.at(row, i)));
  auto const payload = encode(boost::json::serialize(values));
  return fmt::format("{}.{}", payload, signature(payload));
}

filter::Condition Cursor::condition(std::string_view cursor,
                                    std::vector<filter::SortKey> const& keys,
                                    std::size_t first) const {
  auto const dot = cursor.find('.');
  if (dot == std::string_view::npos) throw foreign();
  auto const payload = cursor.substr(0, dot);
  auto const expected = signature(payload);
  auto const given = cursor.substr(dot + 1);
  if (given.size() != expected.size() ||
      sodium_memcmp(given.data(), expected.data(), expected.size()) != 0)
    throw foreign();
  auto const text = decode(payload);
  if (!text) throw foreign();
  auto const values = read_json(*text).as_array();
  if (values.size() != keys.size()) throw foreign();
  filter::Condition condition;
  std::string equal;  // all keys before this one
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto const is_null = values[i].is_null();
    auto const place = first + condition.values.size();
    if (!is_null) condition.values.push_back(from_json(values[i]));
    condition.sql +=
        fmt::format("{}({}{})", i == 0 ? "" : " OR ", equal, behind(keys[i], is_null, place));
    equal += is_null ? fmt::format("{} IS NULL AND ", keys[i].sql)
                     : fmt::format("{} = ${} AND ", keys[i].sql, place);
  }
  return condition;
}

}  // namespace minga::records
