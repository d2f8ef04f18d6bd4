#pragma once

#include <minga/page.hpp>

#include "records/store.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minga::records {

/// A record as a line of NDJSON, with its line feed, that an Importer reads back: without what
/// collectionId and collectionName say of where it was.
std::string export_line(JsonObject record);

/// Adds the documents of an NDJSON stream of any size to a collection, a few hundred in each
/// transaction. A line that is refused (no JSON object, invalid, an id that is taken, longer than
/// 16 MiB) is reported with its number and loses nothing else. MongoDB's Extended JSON is
/// understood.
class Importer {
 public:
  Importer(Store& store, Context context, std::string collection);

  /// The next bytes; lines may be cut anywhere.
  Async<void> feed(std::string_view bytes);
  /// What is left is the last line. Afterwards report() is complete.
  Async<void> finish();
  ImportReport const& report() const { return report_; }
  /// With the position of the last write.
  Context const& context() const { return context_; }

 private:
  void take_line(std::string_view line);
  void refuse(std::int64_t line, std::string reason);
  Async<void> flush();

  Store& store_;
  Context context_;
  std::string collection_;
  ImportReport report_;
  std::string rest_;        // of a line that has not ended
  bool oversized_ = false;  // the line that has not ended is too long already
  std::int64_t line_ = 0;
  std::vector<JsonObject> documents_;
  std::vector<std::int64_t> lines_;  // of the documents
  std::size_t bytes_ = 0;            // of the documents
};

}  // namespace minga::records
