// SPDX-License-Identifier: Apache-2.0
// Ball arithmetic of the first two tiers: include this one.
#if defined(XENT_ORACLE_SIMD_BALL_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_BALL_INL_H
#undef XENT_ORACLE_SIMD_BALL_INL_H
#else
#define XENT_ORACLE_SIMD_BALL_INL_H
#endif

#include "oracle/simd/ball_arithmetic-inl.h"
#include "oracle/simd/ball_functions-inl.h"
#include "oracle/simd/sum-inl.h"

#endif
