#include "base/ids.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <sodium.h>
#include <stdexcept>
#include <zlib.h>

namespace minga {
namespace {

constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";

/// Random bytes for ids, fetched from the system in blocks: a system call for each id would cost
/// more than the id.
class RandomBlock {
 public:
  std::uint8_t next() {
    if (used_ == bytes_.size()) {
      randombytes_buf(bytes_.data(), bytes_.size());
      used_ = 0;
    }
    return bytes_[used_++];
  }

 private:
  std::array<std::uint8_t, 1024> bytes_{};
  std::size_t used_ = bytes_.size();
};

thread_local RandomBlock random_block;

}  // namespace

std::string make_record_id() {
  return make_record_id(std::chrono::system_clock::now());
}

std::string make_record_id(std::chrono::system_clock::time_point now) {
  auto millis = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  std::string id(15, '0');
  for (int i = 7; i >= 0; --i) {
    id[static_cast<std::size_t>(i)] = kBase36[millis % 36];
    millis /= 36;
  }
  for (std::size_t i = 8; i < id.size(); ++i) {
    std::uint8_t byte = 0;
    do {
      byte = random_block.next();
    } while (byte >= 252);  // 7 * 36: the remainder is even only below it
    id[i] = kBase36[byte % 36];
  }
  return id;
}

bool is_base36(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool is_record_id(std::string_view text) {
  return text.size() == 15 && is_base36(text);
}

std::string random_text(std::size_t length, std::string_view alphabet) {
  if (alphabet.size() < 2 || alphabet.size() > 256)
    throw std::invalid_argument("random_text: an alphabet has 2..256 characters");
  std::string text(length, ' ');
  for (char& c : text)
    c = alphabet[randombytes_uniform(static_cast<std::uint32_t>(alphabet.size()))];
  return text;
}

std::string make_uuid_v7() {
  return make_uuid_v7(std::chrono::system_clock::now());
}

std::string make_uuid_v7(std::chrono::system_clock::time_point now) {
  auto const millis = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  std::array<unsigned char, 16> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(millis >> (40 - 8 * i));
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x70);  // version
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);  // variant
  std::array<char, 33> hex{};
  sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
  std::string text(hex.data(), 32);
  for (auto const place : {20U, 16U, 12U, 8U}) text.insert(place, 1, '-');
  return text;
}

std::string make_request_id() {
  static thread_local std::mt19937_64 generator = [] {
    std::uint64_t seed = 0;
    randombytes_buf(&seed, sizeof seed);
    return std::mt19937_64{seed};
  }();
  std::string id(20, ' ');
  for (std::size_t i = 0; i < id.size(); i += 10) {
    auto bits = generator();
    for (std::size_t j = 0; j < 10; ++j) {
      id[i + j] = kBase36[bits % 36];
      bits /= 36;
    }
  }
  return id;
}

bool is_request_id(std::string_view text) {
  return text.size() >= 8 && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

std::uint32_t crc32(std::string_view text) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<Bytef const*>(text.data()), static_cast<uInt>(text.size())));
}

}  // namespace minga
