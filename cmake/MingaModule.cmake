# minga_module(NAME <name> [SOURCES file...] [TESTS file...] [ONE_PROCESS] [TEST_FILTER filter] [USES module...]
#              [LIBRARIES library...] [TEST_USES module...])
#
# Declares one room of the house: the static library minga_<name> from SOURCES, and its unit tests (one executable
# <name>_test; each test case that GoogleTest's TEST_FILTER lets through is a ctest of its own, or with ONE_PROCESS all
# are one). USES names the modules it may include; tools/lint/direction.py holds the same rule for every #include. A module
# with sources of its own in sub-folders is a module of its own (sql_sqlite).
function(minga_module)
  cmake_parse_arguments(M "ONE_PROCESS" "NAME;TEST_FILTER" "SOURCES;TESTS;USES;LIBRARIES;TEST_USES" ${ARGN})
  set(target minga_${M_NAME})
  list(TRANSFORM M_USES PREPEND minga_)
  list(TRANSFORM M_TEST_USES PREPEND minga_)
  add_library(${target} STATIC ${M_SOURCES})
  target_include_directories(${target} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>"
    "$<INSTALL_INTERFACE:include>")
  target_link_libraries(${target} PUBLIC ${M_USES} ${M_LIBRARIES} PRIVATE $<BUILD_INTERFACE:minga_warnings>)
  set_property(GLOBAL APPEND PROPERTY MINGA_MODULES ${target})
  minga_precompile(${target})
  if(MINGA_TESTS AND M_TESTS)
    add_executable(${M_NAME}_test ${M_TESTS})
    target_link_libraries(${M_NAME}_test PRIVATE
      ${target} ${M_TEST_USES} minga_warnings GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
    minga_precompile(${M_NAME}_test)
    if(M_ONE_PROCESS)
      add_test(NAME ${M_NAME} COMMAND ${M_NAME}_test)
      set_tests_properties(${M_NAME} PROPERTIES TIMEOUT 300 LABELS unit)
    else()
      gtest_discover_tests(${M_NAME}_test TEST_PREFIX "${M_NAME}." DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                           TEST_FILTER "${M_TEST_FILTER}" PROPERTIES TIMEOUT 120 LABELS unit)
    endif()
  endif()
endfunction()

# The precompiled header of the base module serves every target that is compiled with the same options.
function(minga_precompile target)
  if(CMAKE_BUILD_TYPE STREQUAL "Fuzz")
    return()
  endif()
  if(target MATCHES "^(minga_base|base_test)$")
    return()
  endif()
  if(target STREQUAL "minga_async")
    target_precompile_headers(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src/async/precompiled.hpp")
  else()
    target_precompile_headers(${target} REUSE_FROM minga_async)
  endif()
endfunction()
