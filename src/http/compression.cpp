#include "http/compression.hpp"

#include "base/text.hpp"

#include <brotli/encode.h>

#include <array>
#include <stdexcept>
#include <zlib.h>

namespace minga::http {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib: 16 more selects the gzip format
constexpr int kQuickBrotli = 4;
constexpr int kThoroughBrotli = 10;

class Gzip : public Compressor {
 public:
  explicit Gzip(int level) {
    if (deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("zlib could not start a gzip stream");
    }
  }
  ~Gzip() override { deflateEnd(&stream_); }
  Gzip(Gzip const&) = delete;
  Gzip& operator=(Gzip const&) = delete;

  std::string write(std::string_view bytes) override { return run(bytes, Z_SYNC_FLUSH); }
  std::string finish() override { return run({}, Z_FINISH); }

  std::string run(std::string_view bytes, int flush) {
    std::string out;
    std::array<unsigned char, 16'384> buffer;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = buffer.data();
      stream_.avail_out = static_cast<uInt>(buffer.size());
      if (deflate(&stream_, flush) == Z_STREAM_ERROR)
        throw std::runtime_error("zlib refused its own stream");
      out.append(reinterpret_cast<char const*>(buffer.data()), buffer.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return out;
  }

 private:
  z_stream stream_{};
};

class Brotli : public Compressor {
 public:
  explicit Brotli(int quality) : state_(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (state_ == nullptr) throw std::bad_alloc();
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, static_cast<std::uint32_t>(quality));
  }
  ~Brotli() override { BrotliEncoderDestroyInstance(state_); }
  Brotli(Brotli const&) = delete;
  Brotli& operator=(Brotli const&) = delete;

  std::string write(std::string_view bytes) override { return run(bytes, BROTLI_OPERATION_FLUSH); }
  std::string finish() override { return run({}, BROTLI_OPERATION_FINISH); }

  std::string run(std::string_view bytes, BrotliEncoderOperation operation) {
    std::string out;
    auto const* next = reinterpret_cast<std::uint8_t const*>(bytes.data());
    std::size_t available = bytes.size();
    do {
      std::size_t no_room = 0;
      if (BrotliEncoderCompressStream(state_, operation, &available, &next, &no_room, nullptr,
                                      nullptr) == BROTLI_FALSE) {
        throw std::runtime_error("Brotli refused its own stream");
      }
      std::size_t size = 0;
      auto const* taken = BrotliEncoderTakeOutput(state_, &size);
      out.append(reinterpret_cast<char const*>(taken), size);
    } while (available > 0 || BrotliEncoderHasMoreOutput(state_) == BROTLI_TRUE);
    return out;
  }

 private:
  BrotliEncoderState* state_;
};

}  // namespace

bool gains_by_compression(std::string_view content_type) {
  auto const type = ascii_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (type == "text/event-stream") return false;
  return type.starts_with("text/") || type == "application/json" ||
         type == "application/x-ndjson" || type == "application/javascript" ||
         type == "application/xml" || type == "image/svg+xml" || type.ends_with("+json") ||
         type.ends_with("+xml");
}

std::string_view name(Encoding encoding) {
  switch (encoding) {
    case Encoding::identity:
      return "identity";
    case Encoding::gzip:
      return "gzip";
    case Encoding::brotli:
      return "br";
  }
  return "identity";
}

std::string compress(Encoding encoding, std::string_view bytes, bool thorough) {
  if (encoding == Encoding::gzip) return Gzip(thorough ? 9 : 5).run(bytes, Z_FINISH);
  if (encoding == Encoding::brotli) {
    return Brotli(thorough ? kThoroughBrotli : kQuickBrotli).run(bytes, BROTLI_OPERATION_FINISH);
  }
  return std::string(bytes);
}

std::unique_ptr<Compressor> make_compressor(Encoding encoding) {
  if (encoding == Encoding::gzip) return std::make_unique<Gzip>(5);
  return std::make_unique<Brotli>(kQuickBrotli);
}

}  // namespace minga::http
