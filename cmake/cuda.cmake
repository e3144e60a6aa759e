# SPDX-License-Identifier: Apache-2.0
# Whether the CUDA kernels are built: XENTCHECK_HAS_CUDA, and if not, XENTCHECK_NO_CUDA says why.
# The rest of the project neither needs nor notices a CUDA compiler.
set(XENTCHECK_CUDA AUTO CACHE STRING "Build the CUDA kernels: AUTO (where nvcc is), ON, OFF")
set_property(CACHE XENTCHECK_CUDA PROPERTY STRINGS AUTO ON OFF)

set(XENTCHECK_HAS_CUDA OFF)
set(XENTCHECK_NO_CUDA "built with XENTCHECK_CUDA=OFF")
if(XENTCHECK_CUDA AND XENTCHECK_SANITIZE)
  # A kernel's process has no sanitizer.
  set(XENTCHECK_NO_CUDA "built with sanitizers")
elseif(XENTCHECK_CUDA)
  include(CheckLanguage)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90)  # 90: for what is newer as PTX, too
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(XENTCHECK_HAS_CUDA ON)
    set(XENTCHECK_NO_CUDA "")
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
      set(XENTCHECK_HAS_CUDA OFF)
      set(XENTCHECK_NO_CUDA "built with nvcc ${CMAKE_CUDA_COMPILER_VERSION}, which has no C++20")
    endif()
  else()
    set(XENTCHECK_NO_CUDA "built without nvcc")
  endif()
endif()

string(CONCAT hint "put nvcc of CUDA 12 or newer into PATH, or name it with "
  "-DCMAKE_CUDA_COMPILER, in a fresh build folder")
if(XENTCHECK_HAS_CUDA)
  message(STATUS "CUDA kernels: nvcc ${CMAKE_CUDA_COMPILER_VERSION}")
elseif(XENTCHECK_CUDA STREQUAL "ON")
  message(FATAL_ERROR "XENTCHECK_CUDA=ON, but they would be ${XENTCHECK_NO_CUDA}: ${hint}")
elseif(XENTCHECK_CUDA AND NOT XENTCHECK_SANITIZE)
  message(STATUS "CUDA kernels: left out, ${XENTCHECK_NO_CUDA}; to get them ${hint}")
else()
  message(STATUS "CUDA kernels: left out, ${XENTCHECK_NO_CUDA}")
endif()
