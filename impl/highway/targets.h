// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "impl/row_view.h"

namespace xent {

/// A kernel's own function of each of n elements.
template <class T>
using ArrayFunction = void (*)(const T* x, T* y, std::size_t n);

/// What highway/safe consists of, compiled for one instruction set.
struct HighwayTarget {
  std::string isa;   ///< lower case: "avx2"
  bool fma = false;  ///< multiply-adds round once
  void (*body_f32)(const RowView<float>&) = nullptr;
  void (*body_f64)(const RowView<double>&) = nullptr;
  /// The operations without a softmax.
  void (*classes_f32)(const RowView<float>&) = nullptr;
  void (*classes_f64)(const RowView<double>&) = nullptr;
  /// Of matrices of bf16, f16 and f32, with the bits of body_f32 and classes_f32.
  void (*body_native)(const NativeView&) = nullptr;
  void (*classes_native)(const NativeView&) = nullptr;
  ArrayFunction<float> exp_f32 = nullptr;  ///< for x <= 0
  ArrayFunction<double> exp_f64 = nullptr;
  ArrayFunction<float> log_f32 = nullptr;
  ArrayFunction<double> log_f64 = nullptr;
  ArrayFunction<float> log1p_f32 = nullptr;
  ArrayFunction<double> log1p_f64 = nullptr;
  ArrayFunction<float> tanh_f32 = nullptr;
  ArrayFunction<double> tanh_f64 = nullptr;
};

/// highway/safe's body for an operation.
template <class T>
using SafeBody = void (*)(const RowView<T>&);
template <class T>
SafeBody<T> safe_body_of(const HighwayTarget&, Op);
template <>
SafeBody<float> safe_body_of<float>(const HighwayTarget&, Op);
template <>
SafeBody<double> safe_body_of<double>(const HighwayTarget&, Op);
using SafeNativeBody = void (*)(const NativeView&);
SafeNativeBody safe_native_body_of(const HighwayTarget&, Op);
/// Matrices that these widen to rows of binary32: one at least of 16 bits, none of f64.
bool safe_widens(const Problem&);

/// Every instruction set that was compiled and that this processor has, best first.
const std::vector<HighwayTarget>& highway_targets();

/// Of classes.cpp, for the instruction set that Highway dispatches to.
void add_class_bodies(HighwayTarget&);

/// Those that were compiled and that it has not.
std::vector<std::string> highway_targets_missing();

/// Declared error of exp_f32 and exp_f64 for normal results, in units of u = 2^-24, 2^-53, with and
/// without fused multiply-adds: 1 + p rounds by 1 u at most, p and r by 1/4 u each, the truncation
/// is below 0.1 u. Certified over every binary32 argument (`xentcheck certify-exp`): 1.4938 u, and
/// 1.4372 u without fused multiply-adds; binary64 has too many. Subnormal results: half a unit of
/// the last place more.
inline constexpr double kHighwayExp = 1.75;

/// Of log and log1p, relative everywhere. log(1 + f) = f + c, c = f^2 (...): the last sum rounds by
/// u of the result at most, attained next to a power of two. The worst is |log| = 1/4, f = 0.284:
/// |c| = 0.034, and f^2, its factor and c err by 0.03 u each, 0.36 u of the result; truncation
/// 0.1 u: 1.46 u. With e != 0 the sum of the high parts is exact or compensated, |log| >= 0.3466:
/// the last sum rounds by 0.72 u there, the rest by 0.76 u, the rounding included that there is one
/// more of without fused multiply-adds. Measured on every binary32 argument: log 1.2954 u, log1p
/// 1.3197 u; without fused multiply-adds 1.3440 u and 1.3496 u.
inline constexpr double kHighwayLog = 1.5;

/// Of tanh: 2 / (2 + E) < 1.18 times E's own 2.2 u, 0.6 u of the sum and 0.8 u of the quotient at
/// its worst argument, 0.1733, where E's 2^k = 1/2 sets in. Measured on every binary32 argument:
/// 2.9782 u; without fused multiply-adds 2.9540 u.
inline constexpr double kHighwayTanh = 4;

}  // namespace xent
