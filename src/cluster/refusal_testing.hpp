#pragma once

#include <stdexcept>
#include <string>

namespace minga::cluster {

/// What a call that is to be refused says of its argument; "" when it takes it.
template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (std::invalid_argument const& error) {
    return error.what();
  }
  return "";
}

}  // namespace minga::cluster
