#include <minga/page.hpp>

namespace minga {

JsonObject Page::envelope() const& {
  auto copy = *this;
  return std::move(copy).envelope();
}

JsonObject Page::envelope() && {
  JsonObject object;
  object["page"] = page;
  object["perPage"] = per_page;
  object["totalItems"] = total_items;
  object["totalPages"] = total_pages;
  object["items"] = std::move(items);
  return object;
}

JsonObject ImportReport::summary() const {
  JsonArray lines;
  for (auto const& refusal : refusals) {
    JsonObject line;
    line["line"] = refusal.line;
    line["reason"] = refusal.reason;
    lines.push_back(std::move(line));
  }
  JsonObject object;
  object["added"] = added;
  object["refused"] = refused;
  object["refusals"] = std::move(lines);
  return object;
}

}  // namespace minga
