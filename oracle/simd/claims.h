// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the proofs show: relative errors of the primitives of the first two tiers, in the lemmas
// that oracle/README.md counts. u = 2^-53. tests/oracle_proof.py compares them with what gappa and
// sollya print.
namespace xent::claims {

inline constexpr double u = 0x1p-53;

inline constexpr double kLn2 = 0x1p-110;     ///< L19: of ln 2 in two parts, absolute
inline constexpr double kExp1 = 1.5 * u;     ///< L20: of e^x
inline constexpr double kExpm1 = 2.75 * u;   ///< L20: of e^x - 1, x <= 0
inline constexpr double kLog1 = 4.75 * u;    ///< L22: of log(1 + f), 1 + f in [3/4, 3/2]
inline constexpr double kExp2 = 4 * u * u;          ///< L21: of e^x
inline constexpr double kExpm1Near = 3.2 * u * u;   ///< L21: of e^x - 1, |x| <= ln 2 / 256,
inline constexpr double kExpm1Slope = 640;          ///< times 1 + kExpm1Slope |e^x - 1|
inline constexpr double kExpm1Table = 5 * u * u;    ///< L21: absolute, beyond, x <= 1/2
inline constexpr double kExpm1Log = 3.5 * u * u;    ///< L21: times e^x, -0.29 <= x <= 0.41

}  // namespace xent::claims
