#include "records/import.hpp"

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "records/extended_json.hpp"

#include <fmt/format.h>

namespace minga::records {
namespace {

constexpr std::size_t kLongestLine = 16 * 1024 * 1024;
constexpr std::size_t kBatch = 500;
constexpr std::size_t kBatchBytes = 4 * 1024 * 1024;
constexpr std::size_t kShownRefusals = 100;
constexpr std::size_t kNesting = 64;

}  // namespace

std::string export_line(JsonObject record) {
  for (auto const* added : {"collectionId", "collectionName"}) record.stable_erase(added);
  return json_text(record) + '\n';
}

Importer::Importer(Store& store, Context context, std::string collection)
    : store_(store), context_(std::move(context)), collection_(std::move(collection)) {}

Async<void> Importer::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const end = bytes.find('\n');
    auto const part = bytes.substr(0, end);
    oversized_ = oversized_ || rest_.size() + part.size() > kLongestLine;
    if (end == std::string_view::npos) {
      if (!oversized_) rest_.append(part);
      co_return;
    }
    bytes.remove_prefix(end + 1);
    if (rest_.empty()) {
      take_line(part);
    } else {
      rest_.append(oversized_ ? std::string_view{} : part);
      take_line(rest_);
      rest_.clear();
    }
    if (documents_.size() >= kBatch || bytes_ >= kBatchBytes) co_await flush();
  }
}

Async<void> Importer::finish() {
  if (!rest_.empty() || oversized_) take_line(rest_);
  rest_.clear();
  co_await flush();
  auto const earlier = [](auto const& a, auto const& b) {
    return a.line < b.line;
  };
  std::sort(report_.refusals.begin(), report_.refusals.end(), earlier);
}

void Importer::take_line(std::string_view line) {
  ++line_;
  if (std::exchange(oversized_, false))
    return refuse(line_, fmt::format("The line is longer than {} bytes.", kLongestLine));
  if (line_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  line = trim(line);
  if (line.empty()) return;
  boost::system::error_code failure;
  auto value = read_json(line, failure, kNesting);
  if (failure) return refuse(line_, fmt::format("The line is no JSON: {}.", failure.message()));
  if (!value.is_object()) return refuse(line_, "The line is no JSON object.");
  if (holds_zero(value)) return refuse(line_, "The line holds U+0000.");
  bytes_ += line.size();
  documents_.push_back(document_from_export(std::move(value.get_object())));
  lines_.push_back(line_);
}

void Importer::refuse(std::int64_t line, std::string reason) {
  ++report_.refused;
  if (report_.refusals.size() < kShownRefusals)
    report_.refusals.push_back({line, std::move(reason)});
}

Async<void> Importer::flush() {
  if (documents_.empty()) co_return;
  auto documents = std::exchange(documents_, {});
  auto const lines = std::exchange(lines_, {});
  bytes_ = 0;
  auto const result = co_await store_.create_many(context_, collection_, std::move(documents));
  report_.added += result.added;
  for (auto const& [position, reason] : result.refused) refuse(lines[position], reason);
}

}  // namespace minga::records
