// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "core/test_case.h"

namespace xent {

/// A case on disk: a few text lines, then the tensors, then a checksum.
///
///   xentcase 1
///   problem op=ce n=1 v=2 dtype=f32 dir=fwd
///   domain shrunk
///   seed 0x1
///   kernel scalar/naive            (optional)
///   property loss.extreme-logits   (optional)
///   tensor logits f32 1 2 text
///   0x1.9p+6 0x0p+0
///   tensor targets i64 1 text
///   0
///   end fnv1a=0123456789abcdef
///
/// Floats are written in hexadecimal, so nothing is lost (one that the type cannot hold is refused;
/// decimals are rounded to it); NaN with its bits as nan:7fc00000. Tensors of more than 4096
/// elements are `raw`: their little-endian bytes follow the line, then a newline. The checksum is
/// FNV-1a 64 of everything before the `end` line; `end unchecked` skips the test, for cases written
/// by hand.
struct CaseFile {
  TestCase test_case;
  std::string kernel;
  std::string property;
};

std::string write_case(const CaseFile&);
CaseFile read_case(std::string_view text);  ///< throws UsageError, one line

void save_case(const std::filesystem::path&, const CaseFile&);
CaseFile load_case(const std::filesystem::path&);

/// NumPy archives. Reads stored (not deflated) members of little-endian C-ordered f8, f4, f2, i8,
/// i4, u2; everything else is a UsageError that names the member.
std::map<std::string, Tensor> read_npz(std::string_view archive);
std::map<std::string, Tensor> load_npz(const std::filesystem::path&);
void save_npz(const std::filesystem::path&, const std::map<std::string, Tensor>&);

/// A case from captured tensors: `logits` [N,V] (or [B,T,V], flattened), `targets` [N] integers or
/// [N,V] probabilities, optional `weight` [V] and `upstream` [N] or [1]. uint16 logits need
/// `dtype=bf16` in `base`. Shapes and types in `base` are replaced by the tensors' own.
TestCase case_from_tensors(const std::map<std::string, Tensor>&, const Problem& base);

/// The arrays that case_from_tensors takes: `logits` (whatever the op's input is), `targets`,
/// `weight`, `upstream`, as far as the case has them.
std::map<std::string, Tensor> tensors_of(const TestCase&);

}  // namespace xent
