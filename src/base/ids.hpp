#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace minga {

/// A record id (API.md section 1): 8 base-36 characters of Unix milliseconds, zero-padded, then 7
/// random ones of [a-z0-9] from the system's random source. Sorts by time; good until the year
/// 2059.
std::string make_record_id();
std::string make_record_id(std::chrono::system_clock::time_point now);

/// [a-z0-9]*
bool is_base36(std::string_view text);
/// [a-z0-9]{15}
bool is_record_id(std::string_view text);

/// `length` characters drawn evenly from `alphabet` (2..256 characters) by the system's random
/// source.
std::string random_text(std::size_t length,
                        std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz0123456789");

/// A UUID of version 7 (RFC 9562 section 5.7): Unix milliseconds, then 74 random bits of the
/// system's.
std::string make_uuid_v7();
std::string make_uuid_v7(std::chrono::system_clock::time_point now);

/// 20 characters of [a-z0-9]; unique for logs, no secret (a per-thread generator seeded by the
/// system's).
std::string make_request_id();

/// A taken-over X-Request-Id matches [A-Za-z0-9_-]{8,64}.
bool is_request_id(std::string_view text);

/// CRC-32 as zlib computes it; names of collections and fields become ids by it.
std::uint32_t crc32(std::string_view text);

}  // namespace minga
