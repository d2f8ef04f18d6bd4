#include "web/assets.hpp"

#include <minga/error.hpp>

#include <fmt/format.h>

#include <array>
#include <sodium.h>

namespace minga::web {
namespace {

constexpr std::string_view kFolder = "assets/";

struct Ending {
  std::string_view ending;
  std::string_view type;
};
constexpr Ending kEndings[] = {
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".html", "text/html; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
    {".wasm", "application/wasm"},
};

std::string content_hash(std::string_view bytes) {
  std::array<unsigned char, crypto_generichash_BYTES_MIN> digest{};
  crypto_generichash(digest.data(), digest.size(),
                     reinterpret_cast<unsigned char const*>(bytes.data()), bytes.size(), nullptr,
                     0);
  std::array<char, 2 * 6 + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), digest.data(), 6);
  return hex.data();
}

/// The hash goes before the last ending, so that the name still tells its type.
std::string with_hash(std::string_view name, std::string_view hash) {
  auto slash = name.rfind('/');
  auto dot = name.rfind('.');
  if (dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash)) {
    return fmt::format("{}.{}", name, hash);
  }
  return fmt::format("{}.{}{}", name.substr(0, dot), hash, name.substr(dot));
}

}  // namespace

std::string_view media_type(std::string_view path) {
  for (auto const& [ending, type] : kEndings) {
    if (path.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

Assets::Assets(std::vector<Embedded const*> const& folders) {
  std::map<std::string_view, EmbeddedFile const*> by_name;
  for (auto const* folder : folders) {
    for (auto const& file : folder->files) {
      if (file.path.starts_with(kFolder)) by_name[file.path.substr(kFolder.size())] = &file;
    }
  }
  for (auto const& [name, file] : by_name) {
    auto hashed = with_hash(name, content_hash(file->bytes));
    files_.emplace(hashed, file);
    hashed_.emplace(name, std::move(hashed));
  }
}

std::optional<std::string> Assets::hashed_name(std::string_view name) const {
  auto found = hashed_.find(name);
  if (found == hashed_.end()) return std::nullopt;
  return found->second;
}

Response Assets::serve(std::string_view hashed_name) const {
  auto found = files_.find(hashed_name);
  if (found == files_.end()) throw Error::not_found();
  auto const& file = *found->second;
  auto response = Response::static_bytes(file.bytes, std::string(media_type(file.path)));
  response.etag(hashed_name);  // it holds the content's hash
  response.header("Cache-Control", "public, max-age=31536000, immutable");
  return response;
}

}  // namespace minga::web
