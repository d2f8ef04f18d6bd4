#pragma once

#include <cstdio>
#include <cstdlib>

/// Ends the process with the place where a promise does not hold, so that libFuzzer keeps the
/// input.
#define REQUIRE(condition)                                                                \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)
