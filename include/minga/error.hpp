#pragma once

#include <minga/json.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace minga {

/// Something a caller should expect: not found, invalid, conflict, forbidden, unavailable. It ends
/// the request and reaches the client as the API's error envelope `{"status","message","data"}` or
/// as a page. Faults (what a caller can do nothing about) are other exceptions: the client learns
/// the request's id and nothing else.
class Error : public std::exception {
 public:
  /// status: the HTTP status, 400..599. code: a machine's word, lower_snake_case. message: an
  /// English sentence, upper case first, with a full stop. data: field name -> {code, message,
  /// params?}; empty when there is nothing to say.
  Error(int status, std::string code, std::string message, JsonObject data = {});

  static Error bad_request(std::string message = {}, JsonObject data = {});
  static Error unauthorized(std::string message = {});
  static Error forbidden(std::string message = {});
  static Error not_found(std::string message = {});
  static Error conflict(std::string message);
  /// `current_tag`: the entity tag of what is stored now.
  static Error precondition_failed(std::string message = {}, std::string current_tag = {});
  static Error too_large(std::string message = {});
  /// The client may try again after that long (sent as Retry-After, whole seconds, at least 1).
  static Error unavailable(std::string message,
                           std::chrono::seconds retry_after = std::chrono::seconds{1});
  /// One field's error, 400: `data = {field: {code, message, params?}}`.
  static Error invalid(std::string_view field, std::string_view code, std::string_view message,
                       JsonObject params = {});

  int status() const noexcept { return status_; }
  std::string const& code() const noexcept { return code_; }
  std::string const& message() const noexcept { return message_; }
  JsonObject const& data() const noexcept { return data_; }
  JsonObject& data() noexcept { return data_; }
  std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }
  /// Of precondition_failed(); "" where it is not known.
  std::string const& current_tag() const noexcept { return current_tag_; }
  char const* what() const noexcept override { return message_.c_str(); }

  /// The envelope of API.md section 1.
  JsonObject envelope() const;

 private:
  int status_;
  std::string code_;
  std::string message_;
  JsonObject data_;
  std::optional<std::chrono::seconds> retry_after_;
  std::string current_tag_;
};

/// `{code, message, params?}`, the value under a field's name in Error::data().
JsonObject field_error(std::string_view code, std::string_view message, JsonObject params = {});

}  // namespace minga
