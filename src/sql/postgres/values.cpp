#include "sql/postgres/values.hpp"

#include "sql/error.hpp"

#include <boost/endian/conversion.hpp>
#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>

namespace minga::sql::postgres {
namespace {

constexpr int kText = 0;
constexpr int kBinary = 1;

template <class T>
T big_endian(char const* bytes) {
  T value{};
  std::memcpy(&value, bytes, sizeof value);
  return boost::endian::big_to_native(value);
}

std::array<char, 8> to_big_endian(std::uint64_t bits) {
  return std::bit_cast<std::array<char, 8>>(boost::endian::native_to_big(bits));
}

Value binary_value(Oid of, std::string_view bytes) {
  switch (of) {
    case type::kInt8:
      return big_endian<std::int64_t>(bytes.data());
    case type::kInt4:
      return std::int64_t{big_endian<std::int32_t>(bytes.data())};
    case type::kInt2:
      return std::int64_t{big_endian<std::int16_t>(bytes.data())};
    case type::kOid:
      return std::int64_t{static_cast<std::uint32_t>(big_endian<std::int32_t>(bytes.data()))};
    case type::kFloat8:
      return std::bit_cast<double>(big_endian<std::int64_t>(bytes.data()));
    case type::kFloat4:
      return double{std::bit_cast<float>(big_endian<std::int32_t>(bytes.data()))};
    case type::kBool:
      return std::int64_t{bytes[0] != 0};
    case type::kBytea: {
      auto const* data = reinterpret_cast<std::byte const*>(bytes.data());
      return Blob(data, data + bytes.size());
    }
    default:
      return std::string(bytes);
  }
}

Value number(std::string_view text) {
  std::int64_t integer = 0;
  auto const* end = text.data() + text.size();
  if (auto const [stop, error] = std::from_chars(text.data(), end, integer);
      error == std::errc{} && stop == end)
    return integer;
  double real = 0;
  if (auto const [stop, error] = std::from_chars(text.data(), end, real); stop == end) {
    if (error == std::errc{}) return real;
    auto const infinite = std::numeric_limits<double>::infinity();
    return text.find("e-") != std::string_view::npos ? 0.0
           : text.front() == '-'                     ? -infinite
                                                     : infinite;
  }
  return std::string(text);
}

int digit(char c) {
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

Blob bytes_of_hex(std::string_view text) {  // \x48656c
  Blob bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 2; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
  return bytes;
}

Value text_value(Oid of, std::string_view text) {
  switch (of) {
    case type::kInt8:
    case type::kInt4:
    case type::kInt2:
    case type::kOid:
    case type::kNumeric:
      return number(text);
    case type::kFloat8:
    case type::kFloat4: {
      double real = 0;
      std::from_chars(text.data(), text.data() + text.size(), real);
      return real;
    }
    case type::kBool:
      return std::int64_t{text == "t"};
    case type::kBytea:
      return bytes_of_hex(text);
    default:
      return std::string(text);
  }
}

bool is_binary_known(Oid of) {
  switch (of) {
    case type::kInt8:
    case type::kInt4:
    case type::kInt2:
    case type::kOid:
    case type::kFloat8:
    case type::kFloat4:
    case type::kBool:
    case type::kBytea:
    case type::kChar:
    case type::kName:
    case type::kText:
    case type::kJson:
    case type::kUnknown:
    case type::kBpchar:
    case type::kVarchar:
      return true;
    default:
      return false;
  }
}

}  // namespace

Oid declared_type(Value const& value) {
  if (std::holds_alternative<std::int64_t>(value)) return type::kInt8;
  if (std::holds_alternative<double>(value)) return type::kFloat8;
  if (std::holds_alternative<bool>(value)) return type::kBool;
  if (std::holds_alternative<Blob>(value)) return type::kBytea;
  if (std::holds_alternative<std::string>(value)) return type::kText;
  return type::kUnspecified;
}

bool serves(Oid declared, Oid inferred, Value const& value) {
  if (std::holds_alternative<Null>(value)) return true;
  auto const wanted = declared_type(value);
  return wanted == declared ||
         (declared == type::kUnspecified && wanted != type::kUnspecified && wanted == inferred);
}

void check_values(Params const& values) {
  if (values.size() > std::numeric_limits<std::uint16_t>::max()) {
    throw Error(ErrorCode::other,
                fmt::format("A statement has {} values; PostgreSQL takes {}.", values.size(),
                            std::numeric_limits<std::uint16_t>::max()));
  }
  for (auto const& value : values) check_text(value);
}

void Arguments::add(char const* pointer, std::size_t length, int format) {
  pointers_.push_back(pointer);
  lengths_.push_back(static_cast<int>(length));
  formats_.push_back(format);
}

void Arguments::assign(Params const& values) {
  pointers_.clear();
  lengths_.clear();
  formats_.clear();
  numbers_.clear();
  numbers_.reserve(values.size());  // the pointers into it stay
  for (auto const& value : values) {
    if (auto const* text = std::get_if<std::string>(&value)) {
      add(text->c_str(), text->size(), kText);
    } else if (auto const* integer = std::get_if<std::int64_t>(&value)) {
      numbers_.push_back(to_big_endian(static_cast<std::uint64_t>(*integer)));
      add(numbers_.back().data(), 8, kBinary);
    } else if (auto const* real = std::get_if<double>(&value)) {
      numbers_.push_back(to_big_endian(std::bit_cast<std::uint64_t>(*real)));
      add(numbers_.back().data(), 8, kBinary);
    } else if (auto const* truth = std::get_if<bool>(&value)) {
      numbers_.push_back({static_cast<char>(*truth ? 1 : 0)});
      add(numbers_.back().data(), 1, kBinary);
    } else if (auto const* blob = std::get_if<Blob>(&value)) {
      add(blob->empty() ? "" : reinterpret_cast<char const*>(blob->data()), blob->size(), kBinary);
    } else {
      add(nullptr, 0, kText);
    }
  }
}

Columns columns_of(PGresult const* result) {
  auto columns = std::make_shared<std::vector<std::string>>();
  auto const count = PQnfields(result);
  for (int i = 0; i < count; ++i) columns->emplace_back(PQfname(result, i));
  return columns;
}

bool binary_pays(PGresult const* description) {
  auto const count = PQnfields(description);
  for (int i = 0; i < count; ++i) {
    if (!is_binary_known(PQftype(description, i))) return false;
  }
  return count > 0;
}

Rows rows_of(PGresult* result, Columns columns) {
  auto const count = PQntuples(result);
  auto const width = PQnfields(result);
  std::vector<Value> values;
  values.reserve(static_cast<std::size_t>(count) * static_cast<std::size_t>(width));
  for (int row = 0; row < count; ++row) {
    for (int column = 0; column < width; ++column) {
      if (PQgetisnull(result, row, column) != 0) {
        values.emplace_back(Null{});
        continue;
      }
      std::string_view const bytes(PQgetvalue(result, row, column),
                                   static_cast<std::size_t>(PQgetlength(result, row, column)));
      auto const of = PQftype(result, column);
      values.push_back(PQfformat(result, column) == kBinary ? binary_value(of, bytes)
                                                            : text_value(of, bytes));
    }
  }
  std::int64_t affected = 0;
  std::string_view const tag = PQcmdStatus(result);
  if (!tag.starts_with("SELECT")) {
    std::string_view const text = PQcmdTuples(result);
    std::from_chars(text.data(), text.data() + text.size(), affected);
  }
  if (width > 0 && (!columns || columns->size() != static_cast<std::size_t>(width)))
    columns = columns_of(result);
  return Rows(std::move(columns), std::move(values), affected);
}

}  // namespace minga::sql::postgres
