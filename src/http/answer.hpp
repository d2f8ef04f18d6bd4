#pragma once

#include <minga/request.hpp>
#include <minga/response.hpp>

#include "http/compression.hpp"
#include "http/lane.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace minga::http {

/// An answer that is ready to be sent: the final head's parts and where its bytes come from.
struct Answer {
  Response response;
  std::string lines;  // of the headers that every answer carries, for the head
  enum class Source { none, memory, file, stream } source = Source::none;
  std::string owned;                        // memory: what `bytes` may point into
  std::shared_ptr<std::string const> kept;  // memory: a compressed asset
  std::string_view bytes;
  int file = -1;  // an open descriptor, closed with the answer
  std::uint64_t offset = 0;
  std::uint64_t length = 0;                // file, memory: bytes of the body
  Encoding encoding = Encoding::identity;  // stream

  explicit Answer(Response sent) : response(std::move(sent)) {}
  ~Answer();
  Answer(Answer&& other) noexcept;
  Answer& operator=(Answer&&) = delete;
};

/// Decides what is sent: 304, ranges, compression, the headers that every answer carries.
Async<Answer> prepare(Shared& shared, Request& request, Response response);

/// The same at once for a body so short that nothing has to be waited for, as most are; nullopt,
/// the response untouched, for another.
std::optional<Answer> prepare_short(Shared const& shared, Request const& request,
                                    Response& response);

}  // namespace minga::http
