# self_contained_headers: compiles every header of the house on its own, twice, without the precompiled header. Not part
# of the build: `./dev lint headers` asks for it, after configuring, so that the list is that of the folder.
file(GLOB_RECURSE headers RELATIVE "${PROJECT_SOURCE_DIR}" LIST_DIRECTORIES false
     "${PROJECT_SOURCE_DIR}/include/*.hpp" "${PROJECT_SOURCE_DIR}/src/*.hpp")
list(REMOVE_ITEM headers src/async/precompiled.hpp)

set(sources "")
foreach(header IN LISTS headers)
  string(REGEX REPLACE "^(include|src)/" "" spelling "${header}")
  set(source "${PROJECT_BINARY_DIR}/headers/${header}.cpp")
  set(text "#include \"${spelling}\"\n#include \"${spelling}\"\n")
  set(old "")
  if(EXISTS "${source}")
    file(READ "${source}" old)
  endif()
  if(NOT old STREQUAL text)
    file(WRITE "${source}" "${text}")
  endif()
  list(APPEND sources "${source}")
endforeach()

add_library(self_contained_headers OBJECT EXCLUDE_FROM_ALL ${sources})
get_property(modules GLOBAL PROPERTY MINGA_MODULES)
target_link_libraries(self_contained_headers PRIVATE ${modules} minga_warnings)
target_include_directories(self_contained_headers PRIVATE "${PROJECT_SOURCE_DIR}/tests")  # support/ of *_testing.hpp
target_compile_options(self_contained_headers PRIVATE -O0 -g0)
