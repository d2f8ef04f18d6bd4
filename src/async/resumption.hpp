#pragma once

#include <memory>
#include <utility>

namespace minga {

/// Resumes a coroutine that waits for something else than Asio.
class Resumption {
 public:
  virtual ~Resumption() = default;
  /// Once, on the coroutine's executor.
  virtual void resume() = 0;
};

template <class Handler>
class HandlerResumption final : public Resumption {
 public:
  explicit HandlerResumption(Handler handler) : handler_(std::move(handler)) {}
  void resume() override { std::move(handler_)(); }

 private:
  Handler handler_;
};

/// Of the handler that async_initiate() gives.
template <class Handler>
std::unique_ptr<Resumption> make_resumption(Handler handler) {
  return std::make_unique<HandlerResumption<Handler>>(std::move(handler));
}

}  // namespace minga
