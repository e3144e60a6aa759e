# SPDX-License-Identifier: Apache-2.0
# find_package(xentcheck), or with COMPONENTS kernels where xentcheck::kernels must be usable: it is
# linked with fmt and Highway, which nothing else here needs.
find_package(Threads QUIET)
find_package(fmt CONFIG QUIET)
find_package(hwy CONFIG QUIET)
include(${CMAKE_CURRENT_LIST_DIR}/xentcheck-targets.cmake)

set(xentcheck_kernels_FOUND FALSE)
if(TARGET Threads::Threads AND TARGET fmt::fmt AND TARGET hwy::hwy)
  set(xentcheck_kernels_FOUND TRUE)
endif()
if(xentcheck_FIND_REQUIRED_kernels AND NOT xentcheck_kernels_FOUND)
  set(xentcheck_FOUND FALSE)
  set(xentcheck_NOT_FOUND_MESSAGE
    "xentcheck::kernels needs fmt and Highway (Debian: libfmt-dev, libhwy-dev)")
endif()
