# The compiler's settings: standard, warnings, the build types of CMakePresets.json, ccache, the linker.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_PROFILE "-O2 -DNDEBUG -fprofile-update=atomic -fprofile-generate=${CMAKE_BINARY_DIR}/counts")
set(CMAKE_CXX_FLAGS_ASAN "-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all")
# Asio's fences, which TSan does not know, stand beside locks that it does.
set(CMAKE_CXX_FLAGS_TSAN "-O1 -g1 -fno-omit-frame-pointer -fsanitize=thread -Wno-tsan")
set(CMAKE_CXX_FLAGS_COVERAGE "-O0 -g1 --coverage")
set(CMAKE_CXX_FLAGS_FUZZ "-O1 -g1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all")

# GCC 12 reports these inside its own and Boost's headers when coroutines are inlined (GCC PR 105562 and kin), or with a
# profile.
set(MINGA_FALSE_ALARMS -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
    -Wno-dangling-pointer -Wno-mismatched-new-delete)

# The release is optimised for what a server of the preset `profile` counted (tools/dev/train.py makes it count), and across
# its files; decision 007 says why. Code that was not run is optimised as without a profile. Counts are found by the
# object's path in its build folder, whichever that is.
set(MINGA_PROFILE "" CACHE PATH "The folder of counts (*.gcda) that the release is optimised for; none: for no use in particular")
if(MINGA_PROFILE)
  if(NOT IS_DIRECTORY "${MINGA_PROFILE}")
    message(FATAL_ERROR "There is no folder ${MINGA_PROFILE} of counts (MINGA_PROFILE); ./dev build --train makes one anew.")
  endif()
  # A request's code is larger than the cache for it: what a profile would have made faster by making it larger is not.
  set(compact -fno-tracer -fno-unroll-loops -fno-peel-loops -fno-split-loops -fno-unswitch-loops -fno-ipa-cp-clone
      -fno-tree-loop-vectorize -fno-tree-slp-vectorize -fno-align-loops -fno-align-jumps)
  # A coroutine's frame has fields whose names differ from file to file, which -Wodr reports while linking.
  list(JOIN MINGA_FALSE_ALARMS " " quiet)
  list(JOIN compact " " compact)
  string(APPEND CMAKE_CXX_FLAGS_RELEASE
    " -fprofile-use=${MINGA_PROFILE} -fprofile-partial-training -Wno-missing-profile -Wno-coverage-mismatch"
    " ${compact} -flto=auto -ffat-lto-objects -Wno-odr ${quiet}")
  # For BOLT, which lays the linked code out (tools/dev/release.sh): what in it is an address; and no function in two parts, of
  # which it makes code that crashes.
  string(APPEND CMAKE_EXE_LINKER_FLAGS_RELEASE " -Wl,--emit-relocs")
  string(APPEND CMAKE_CXX_FLAGS_RELEASE " -fno-reorder-blocks-and-partition")
endif()
if(MINGA_PROFILE OR CMAKE_BUILD_TYPE STREQUAL "Profile")
  add_compile_options("-fprofile-prefix-path=${CMAKE_BINARY_DIR}")
endif()

find_program(MINGA_CCACHE ccache)
if(MINGA_CCACHE)
  # Relative paths and no directory in the hash: every checkout shares one cache. The sloppiness lets ccache handle
  # precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" "${MINGA_CCACHE}")
endif()

find_program(MINGA_MOLD mold)
if(MINGA_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()

# Some libraries ask for it: all targets share it, so that they share the precompiled header.
add_compile_options(-pthread)

add_library(minga_warnings INTERFACE)
target_compile_options(minga_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -fpch-preprocess)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(minga_warnings INTERFACE ${MINGA_FALSE_ALARMS})
endif()
if(MINGA_WERROR)
  target_compile_options(minga_warnings INTERFACE -Werror)
endif()
