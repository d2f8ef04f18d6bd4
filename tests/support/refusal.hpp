#pragma once

#include "sql/error.hpp"

#include <gtest/gtest.h>

namespace minga::testing_support {

/// The sql::Error that the call ends with; a test failure when it does not.
template <class Call>
sql::Error refusal(Call call) {
  try {
    call();
  } catch (sql::Error const& error) {
    return error;
  }
  ADD_FAILURE() << "the call was not refused";
  return sql::Error(sql::ErrorCode::other, "not refused");
}

}  // namespace minga::testing_support
