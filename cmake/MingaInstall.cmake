# `cmake --install`: what an application of one's own is built from. find_package(minga) gives minga::minga and
# minga_embed().
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(minga_platform INTERFACE)
target_link_libraries(minga_platform INTERFACE minga_server)
set_target_properties(minga_platform PROPERTIES EXPORT_NAME minga)
add_library(minga::minga ALIAS minga_platform)

get_property(modules GLOBAL PROPERTY MINGA_MODULES)
install(TARGETS minga_platform ${modules} EXPORT minga ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}/minga")
if(MINGA_PROFILE)
  # Their second form, for the optimisation while linking, would be linked by every application, which takes minutes.
  install(CODE "
    file(GLOB archives \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/minga/*.a\")
    execute_process(COMMAND \"${CMAKE_STRIP}\" --wildcard --remove-section=.gnu.lto_* --strip-symbol=__gnu_lto_slim
                            --strip-symbol=__gnu_lto_v1 \${archives} COMMAND_ERROR_IS_FATAL ANY)")
endif()
# Not as a target, which `--strip` would strip: no binary that BOLT has laid out survives that.
install(PROGRAMS "$<TARGET_FILE:minga>" DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/minga" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

set(folder "${CMAKE_INSTALL_LIBDIR}/cmake/minga")
install(EXPORT minga NAMESPACE minga:: FILE minga-targets.cmake DESTINATION "${folder}")
install(FILES "${PROJECT_SOURCE_DIR}/cmake/MingaEmbed.cmake" "${PROJECT_SOURCE_DIR}/cmake/MingaLibraries.cmake"
        DESTINATION "${folder}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/minga-config.cmake.in"
  "${PROJECT_BINARY_DIR}/minga-config.cmake" INSTALL_DESTINATION "${folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/minga-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/minga-config.cmake" "${PROJECT_BINARY_DIR}/minga-config-version.cmake"
        DESTINATION "${folder}")
