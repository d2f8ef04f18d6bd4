#pragma once

#include "records/filter/filter.hpp"
#include "records/filter/term.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace minga::records::filter {

/// The names between a path's dots.
std::vector<std::string> split_path(std::string_view path);

/// The rows that paths through relations, back-relations and `:each` stand for: each different path
/// prefix is a source joined to the record, with one row of nulls where there is none.
class Sources {
 public:
  Sources(Scope const& scope, sql::Dialect const& dialect) : scope_(scope), dialect_(dialect) {}

  /// The field of a path such as `author.company.name`: its definition, the alias of its table, and
  /// the source, "" for the record itself. Nothing when the first name leads nowhere; throws Error
  /// 400 when the path does, further on.
  struct Place {
    Definition const* collection = nullptr;
    std::string alias;
    std::string source;
    std::vector<std::string> rest;  // field, then what follows into JSON
  };
  Place find(std::vector<std::string> const& names, std::size_t position,
             std::string const& suffix);

  /// The source of a list field's values; its column is `value`.
  std::string each(Place const& place, Field const& field, std::size_t position);

  /// "LEFT JOIN ..." for these sources, in the order in which they depend on each other, with
  /// aliases of that suffix.
  std::string joins(std::set<std::string> const& names, std::string const& suffix) const;
  bool is_multiple(std::string const& name) const;
  /// Of a source that find() or each() gave.
  std::string alias(std::string const& source, std::string const& suffix) const;

 private:
  struct Source {
    std::string parent;  // another source, or "" for the record
    std::string join;    // with {0} for this alias and {1} for the parent's
    bool multiple = false;
    int order = 0;
  };

  std::string parent_alias(std::string const& parent, std::string const& suffix) const;
  void add(std::string const& name, Source source, std::size_t position);
  Source hop_forward(Definition const& target, Field const& field) const;
  Source hop_backward(Definition const& target, Field const& field) const;
  void require_visible(Definition const& target, std::size_t position) const;

  Scope const& scope_;
  sql::Dialect const& dialect_;
  std::map<std::string, Source> sources_;
};

}  // namespace minga::records::filter
