#include <minga/paging.hpp>

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace minga {
namespace {

std::string address(Request const& request, std::int64_t page) {
  auto target = request.target();
  std::string address(target.substr(0, target.find('?')));
  address += fmt::format("?page={}", page);
  for (auto const& [name, value] : request.query_all()) {
    if (name == "page" || name == "lang") continue;
    address += fmt::format("&{}={}", percent_encode(name), percent_encode(value));
  }
  return address;
}

}  // namespace

JsonObject paging(Request const& request, Page const& page) {
  bool has_previous = page.page > 1;
  bool has_next = page.page < page.total_pages;
  if ((!has_previous && !has_next) || page.total_items == 0) return {};
  auto count = static_cast<std::int64_t>(page.items.size());
  JsonObject model;
  model["first"] = count == 0 ? 0 : (page.page - 1) * page.per_page + 1;
  model["last"] = count == 0 ? 0 : (page.page - 1) * page.per_page + count;
  model["total"] = page.total_items;
  if (count == 0) model["past"] = true;
  if (has_previous) {
    model["previous"] =
        address(request, std::max<std::int64_t>(1, std::min(page.page - 1, page.total_pages)));
  }
  if (has_next) model["next"] = address(request, page.page + 1);
  return model;
}

}  // namespace minga
