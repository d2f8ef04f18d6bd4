# minga_embed(TARGET <target> NAME <name> [FOLDER <folder>] [FILES path=source...])
#
# Compiles every file below the folder (hidden ones excepted), and each source of FILES under the path given for it,
# into the target, and declares `minga::Embedded const& minga::embedded::<name>();` in the generated header
# "embedded/<name>.hpp". A file that changes, comes or goes rebuilds it. The bytes reach the object file through the
# assembler's .incbin, which takes no time whatever their size.
function(minga_embed)
  cmake_parse_arguments(E "" "TARGET;NAME;FOLDER" "FILES" ${ARGN})
  if(NOT E_TARGET OR NOT E_NAME OR E_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "minga_embed(TARGET <target> NAME <name> [FOLDER <folder>] [FILES path=source...])")
  endif()
  if(NOT E_NAME MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "minga_embed: NAME \"${E_NAME}\" must be lower_snake_case, for it names a C++ function")
  endif()

  set(pairs "")
  if(E_FOLDER)
    get_filename_component(folder "${E_FOLDER}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
    if(NOT IS_DIRECTORY "${folder}")
      message(FATAL_ERROR "minga_embed: there is no folder ${folder}")
    endif()
    file(GLOB_RECURSE found CONFIGURE_DEPENDS LIST_DIRECTORIES false RELATIVE "${folder}" "${folder}/*")
    foreach(path IN LISTS found)
      if(path MATCHES "(^|/)\\." OR path MATCHES "~$" OR path MATCHES "(^|/)CMakeLists\\.txt$"
         OR path MATCHES "\\.(cpp|hpp|h)$")
        continue()
      endif()
      list(APPEND pairs "${path}=${folder}/${path}")
    endforeach()
  endif()
  foreach(pair IN LISTS E_FILES)
    if(NOT pair MATCHES "^([^=]+)=(.+)$")
      message(FATAL_ERROR "minga_embed: FILES takes path=source, not \"${pair}\"")
    endif()
    set(path "${CMAKE_MATCH_1}")
    get_filename_component(source "${CMAKE_MATCH_2}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
    list(APPEND pairs "${path}=${source}")
  endforeach()
  list(SORT pairs)

  set(number 0)
  set(assembly "")
  set(declarations "")
  set(entries "")
  set(sources "")
  foreach(pair IN LISTS pairs)
    string(REGEX MATCH "^([^=]+)=(.+)$" _ "${pair}")
    set(path "${CMAKE_MATCH_1}")
    set(source "${CMAKE_MATCH_2}")
    if(NOT EXISTS "${source}")
      message(FATAL_ERROR "minga_embed: there is no file ${source}")
    endif()
    set(symbol "minga_embedded_${E_NAME}_${number}")
    string(APPEND assembly
      "    \".balign 16\\n\"\n"
      "    \".globl ${symbol}, ${symbol}_end\\n\"\n"
      "    \".hidden ${symbol}, ${symbol}_end\\n\"\n"
      "    \"${symbol}:\\n\"\n"
      "    \".incbin \\\"${source}\\\"\\n\"\n"
      "    \"${symbol}_end:\\n\"\n"
      "    \".byte 0\\n\"\n")
    string(APPEND declarations "extern char const ${symbol}[];\nextern char const ${symbol}_end[];\n")
    string(APPEND entries "      {\"${path}\", bytes(${symbol}, ${symbol}_end)},\n")
    list(APPEND sources "${source}")
    math(EXPR number "${number} + 1")
  endforeach()

  set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded_${E_NAME}")
  file(CONFIGURE OUTPUT "${output}/embedded/${E_NAME}.hpp" @ONLY CONTENT [[
#pragma once

#include <minga/embedded.hpp>

namespace minga::embedded {

Embedded const& @E_NAME@();

}  // namespace minga::embedded
]])
  file(CONFIGURE OUTPUT "${output}/${E_NAME}.cpp" @ONLY CONTENT [=[
#include "embedded/@E_NAME@.hpp"

#include <array>
#include <cstddef>

asm(".pushsection .rodata\n"
@assembly@    ".popsection\n");

extern "C" {
@declarations@}

namespace minga::embedded {
namespace {

[[maybe_unused]] std::string_view bytes(char const* begin, char const* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

Embedded const& @E_NAME@() {
  static std::array<EmbeddedFile, @number@> const files{{
@entries@  }};
  static Embedded const embedded{files};
  return embedded;
}

}  // namespace minga::embedded
]=])
  set_property(SOURCE "${output}/${E_NAME}.cpp" APPEND PROPERTY OBJECT_DEPENDS "${sources}")
  target_sources(${E_TARGET} PRIVATE "${output}/${E_NAME}.cpp")
  target_include_directories(${E_TARGET} PRIVATE "${output}")
endfunction()
