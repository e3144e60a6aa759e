# SPDX-License-Identifier: Apache-2.0
# cmake --install: the program, what runs other people's kernels, our own kernels as a library, the
# headers, and find_package(xentcheck) with the targets xentcheck::abi, xentcheck::kernels and
# xentcheck::xentcheck.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

install(TARGETS xentcheck EXPORT xentcheck RUNTIME DESTINATION bin)
install(TARGETS xentcheck_abi EXPORT xentcheck)
install(TARGETS xentcheck_kernels EXPORT xentcheck ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/xentcheck/kernel.h include/xentcheck/kernels.h include/xentcheck/kernels.hpp
  DESTINATION include/xentcheck)
install(FILES LICENSE DESTINATION share/doc/xentcheck)

# The program looks for these in ../libexec/xentcheck; its own kernels are not a plugin everywhere.
set(hosts xentcheck-host xent_host)
if(TARGET xentcheck_builtin)
  list(APPEND hosts xentcheck_builtin)
endif()
if(TARGET xentcheck_cuda)
  list(APPEND hosts xentcheck_cuda)
endif()
install(TARGETS ${hosts} RUNTIME DESTINATION libexec/xentcheck
  LIBRARY DESTINATION libexec/xentcheck)
install(DIRECTORY impl/process/python/ DESTINATION libexec/xentcheck
  FILES_MATCHING PATTERN "*.py" PATTERN __pycache__ EXCLUDE)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/xentcheck)
install(EXPORT xentcheck NAMESPACE xentcheck:: FILE xentcheck-targets.cmake DESTINATION ${package})
install(FILES cmake/xentcheck-config.cmake DESTINATION ${package})
set(version ${CMAKE_CURRENT_BINARY_DIR}/xentcheck-config-version.cmake)
write_basic_package_version_file(${version} COMPATIBILITY SameMinorVersion)
install(FILES ${version} DESTINATION ${package})
