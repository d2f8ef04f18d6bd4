#include "http/compression.hpp"

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <zlib.h>

namespace minga::http {
namespace {

/// What a client can read of a stream that may go on.
std::string gunzip(std::string_view bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out(4 << 20, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string unbrotli(std::string_view bytes) {
  auto* state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  auto const* next = reinterpret_cast<std::uint8_t const*>(bytes.data());
  auto available = bytes.size();
  std::string out(4 << 20, '\0');
  auto* target = reinterpret_cast<std::uint8_t*>(out.data());
  auto room = out.size();
  BrotliDecoderDecompressStream(state, &available, &next, &room, &target, nullptr);
  BrotliDecoderDestroyInstance(state);
  out.resize(out.size() - room);
  return out;
}

std::string decode(Encoding encoding, std::string_view bytes) {
  return encoding == Encoding::gzip ? gunzip(bytes) : unbrotli(bytes);
}

std::string long_text() {
  std::string text;
  for (int i = 0; text.size() < 1'000'000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  return text;
}

TEST(Compress, CanBeReadBack) {
  auto const text = long_text();
  for (auto const encoding : {Encoding::gzip, Encoding::brotli}) {
    for (bool const thorough : {false, true}) {
      auto const packed = compress(encoding, text, thorough);
      EXPECT_LT(packed.size(), text.size() / 2);
      EXPECT_EQ(decode(encoding, packed), text) << name(encoding);
    }
    EXPECT_EQ(decode(encoding, compress(encoding, "")), "");
  }
  EXPECT_EQ(compress(Encoding::identity, "as it is"), "as it is");
}

TEST(Compressor, GivesWhatCanBeReadAtOnce) {
  for (auto const encoding : {Encoding::gzip, Encoding::brotli}) {
    auto const compressor = make_compressor(encoding);
    std::string sent;
    std::string expected;
    for (auto const& piece : {std::string("first"), long_text(), std::string("last")}) {
      sent += compressor->write(piece);
      expected += piece;
      EXPECT_EQ(decode(encoding, sent), expected) << name(encoding);
    }
    sent += compressor->finish();
    EXPECT_EQ(decode(encoding, sent), expected) << name(encoding);
  }
}

RC_GTEST_PROP(Compressor, KeepsEveryByte, (std::vector<std::string> const& pieces)) {
  auto const encoding = *rc::gen::element(Encoding::gzip, Encoding::brotli);
  auto const compressor = make_compressor(encoding);
  std::string sent;
  std::string expected;
  for (auto const& piece : pieces) {
    if (!piece.empty()) sent += compressor->write(piece);
    expected += piece;
  }
  sent += compressor->finish();
  RC_ASSERT(decode(encoding, sent) == expected);
}

TEST(GainsByCompression, KnowsTextFromPackedBytes) {
  for (auto const* type : {"text/html", "text/html; charset=utf-8", "application/json", "TEXT/CSS",
                           "image/svg+xml", "application/problem+json", "application/x-ndjson"})
    EXPECT_TRUE(gains_by_compression(type)) << type;
  for (auto const* type :
       {"", "image/png", "video/mp4", "application/zip", "font/woff2", "application/octet-stream",
        "text/event-stream", "text/event-stream; charset=utf-8"})
    EXPECT_FALSE(gains_by_compression(type)) << type;
}

}  // namespace
}  // namespace minga::http
