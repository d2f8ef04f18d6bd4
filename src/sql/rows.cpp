#include "sql/rows.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace minga::sql {
namespace {

std::vector<std::string> const kNoColumns;

}  // namespace

Rows::Rows(std::shared_ptr<std::vector<std::string> const> columns, std::vector<Value> values,
           std::int64_t affected, std::int64_t inserted_key)
    : columns_(std::move(columns)),
      content_(values.empty() ? nullptr
                              : std::make_shared<Content>(Content{std::move(values), nullptr})),
      affected_(affected),
      inserted_key_(inserted_key) {}

std::size_t Rows::size() const {
  return content_ && columns_ && !columns_->empty() ? content_->values.size() / columns_->size()
                                                    : 0;
}

std::vector<std::string> const& Rows::columns() const {
  return columns_ ? *columns_ : kNoColumns;
}

Value const& Rows::at(std::size_t row, std::size_t column) const {
  if (row >= size() || column >= columns_->size()) {
    throw std::out_of_range(fmt::format("Rows: there is no row {}, column {}", row, column));
  }
  return content_->values[row * columns_->size() + column];
}

std::span<Value const> Rows::row(std::size_t row) const {
  return {&at(row, 0), columns_->size()};
}

std::shared_ptr<Rows::Made const> Rows::made() const {
  return content_ ? std::atomic_load(&content_->made) : nullptr;
}

void Rows::keep(std::shared_ptr<Made const> made) const {
  if (content_) std::atomic_store(&content_->made, std::move(made));
}

bool Rows::is_null(std::size_t row, std::size_t column) const {
  return std::holds_alternative<Null>(at(row, column));
}

namespace {

template <class T>
T const& get(Rows const& rows, std::size_t row, std::size_t column, char const* type) {
  if (auto const* value = std::get_if<T>(&rows.at(row, column))) return *value;
  throw std::logic_error(fmt::format("Rows: column {} is no {}", rows.columns()[column], type));
}

}  // namespace

std::int64_t Rows::integer(std::size_t row, std::size_t column) const {
  return get<std::int64_t>(*this, row, column, "integer");
}

double Rows::real(std::size_t row, std::size_t column) const {
  if (auto const* value = std::get_if<std::int64_t>(&at(row, column)))
    return static_cast<double>(*value);
  return get<double>(*this, row, column, "number");
}

bool Rows::boolean(std::size_t row, std::size_t column) const {
  return integer(row, column) != 0;
}

std::string const& Rows::text(std::size_t row, std::size_t column) const {
  return get<std::string>(*this, row, column, "text");
}

}  // namespace minga::sql
