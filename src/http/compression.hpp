#pragma once

#include "http/accept.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace minga::http {

/// Text, JSON, SVG and their kin; never an event stream.
bool gains_by_compression(std::string_view content_type);
std::string_view name(Encoding encoding);  // "gzip", "br"

/// The whole at once. `thorough` for what is compressed once and kept.
std::string compress(Encoding encoding, std::string_view bytes, bool thorough = false);

/// A body as it comes: what write() gives can be sent and decoded at once.
class Compressor {
 public:
  virtual ~Compressor() = default;
  virtual std::string write(std::string_view bytes) = 0;
  virtual std::string finish() = 0;
};
std::unique_ptr<Compressor> make_compressor(Encoding encoding);

}  // namespace minga::http
