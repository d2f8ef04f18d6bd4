# The compiler's settings: standard, warnings, the build types of CMakePresets.json, ccache, the linker.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_ASAN "-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all")
# Asio's fences, which TSan does not know, stand beside locks that it does.
set(CMAKE_CXX_FLAGS_TSAN "-O1 -g1 -fno-omit-frame-pointer -fsanitize=thread -Wno-tsan")
set(CMAKE_CXX_FLAGS_COVERAGE "-O0 -g1 --coverage")
set(CMAKE_CXX_FLAGS_FUZZ "-O1 -g1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all")

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
  # GCC 12 reports these inside its own and Boost's headers when coroutines are inlined (GCC PR 105562 and kin).
  target_compile_options(minga_warnings INTERFACE
    -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-dangling-pointer -Wno-mismatched-new-delete)
endif()
if(MINGA_WERROR)
  target_compile_options(minga_warnings INTERFACE -Werror)
endif()
