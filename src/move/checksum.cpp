#include "move/checksum.hpp"

#include <fmt/format.h>

#include <cstring>
#include <xxhash.h>

namespace minga::move {
namespace {

void append_bytes(std::string& form, void const* bytes, std::size_t size) {
  form.append(static_cast<char const*>(bytes), size);
}

/// A letter for the kind, then the value; a text with its size before it, so that no two rows, and
/// no two lists of rows, have the same form.
void append(std::string& form, sql::Value const& value) {
  if (auto const* text = std::get_if<std::string>(&value)) {
    std::uint64_t const size = text->size();
    form += 't';
    append_bytes(form, &size, sizeof size);
    form += *text;
  } else if (auto const* integer = std::get_if<std::int64_t>(&value)) {
    form += 'i';
    append_bytes(form, integer, sizeof *integer);
  } else if (auto const* real = std::get_if<double>(&value)) {
    auto const plain = *real == 0 ? 0.0 : *real;
    form += 'r';
    append_bytes(form, &plain, sizeof plain);
  } else if (auto const* truth = std::get_if<bool>(&value)) {
    form += *truth ? 'T' : 'F';
  } else {
    form += 'n';
  }
}

void free_state(void* state) {
  XXH3_freeState(static_cast<XXH3_state_t*>(state));
}

std::string form_of(Row const& row) {
  std::string form = "(";
  form.reserve(bytes_of(row));
  for (auto const& value : row) append(form, value);
  return form;
}

}  // namespace

Checksum::Checksum() : state_(XXH3_createState(), free_state) {
  XXH3_128bits_reset(static_cast<XXH3_state_t*>(state_.get()));
}

void Checksum::add(Row const& row) {
  auto const form = form_of(row);
  XXH3_128bits_update(static_cast<XXH3_state_t*>(state_.get()), form.data(), form.size());
}

std::string Checksum::text() const {
  auto const sum = XXH3_128bits_digest(static_cast<XXH3_state_t const*>(state_.get()));
  return fmt::format("{:016x}{:016x}", sum.high64, sum.low64);
}

bool same_rows(Row const& a, Row const& b) {
  return form_of(a) == form_of(b);
}

}  // namespace minga::move
