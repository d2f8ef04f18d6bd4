#include <minga/error.hpp>

#include <utility>

namespace minga {

Error::Error(int status, std::string code, std::string message, JsonObject data)
    : status_(status),
      code_(std::move(code)),
      message_(std::move(message)),
      data_(std::move(data)) {}

namespace {

Error make(int status, char const* code, std::string message, char const* fallback,
           JsonObject data = {}) {
  return Error(status, code, message.empty() ? fallback : std::move(message), std::move(data));
}

}  // namespace

Error Error::bad_request(std::string message, JsonObject data) {
  return make(400, "bad_request", std::move(message),
              "Something went wrong while processing your request.", std::move(data));
}

Error Error::unauthorized(std::string message) {
  return make(401, "unauthorized", std::move(message),
              "The request requires valid record authorization token.");
}

Error Error::forbidden(std::string message) {
  return make(403, "forbidden", std::move(message), "You are not allowed to perform this request.");
}

Error Error::not_found(std::string message) {
  return make(404, "not_found", std::move(message), "The requested resource wasn't found.");
}

Error Error::conflict(std::string message) {
  return Error(409, "conflict", std::move(message));
}

Error Error::precondition_failed(std::string message, std::string current_tag) {
  auto error = make(412, "precondition_failed", std::move(message),
                    "The record has changed since it was read: its ETag does not match If-Match.");
  error.current_tag_ = std::move(current_tag);
  return error;
}

Error Error::too_large(std::string message) {
  return make(413, "too_large", std::move(message), "Request entity too large.");
}

Error Error::unavailable(std::string message, std::chrono::seconds retry_after) {
  Error error(503, "unavailable", std::move(message));
  error.retry_after_ = std::max(retry_after, std::chrono::seconds{1});
  return error;
}

Error Error::invalid(std::string_view field, std::string_view code, std::string_view message,
                     JsonObject params) {
  JsonObject data;
  data[field] = field_error(code, message, std::move(params));
  return Error(400, "invalid", "Something went wrong while processing your request.",
               std::move(data));
}

JsonObject Error::envelope() const {
  JsonObject object;
  object["status"] = status_;
  object["message"] = message_;
  object["data"] = data_;
  return object;
}

JsonObject field_error(std::string_view code, std::string_view message, JsonObject params) {
  JsonObject object;
  object["code"] = code;
  object["message"] = message;
  if (!params.empty()) object["params"] = std::move(params);
  return object;
}

}  // namespace minga
