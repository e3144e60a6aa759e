// SPDX-License-Identifier: Apache-2.0
// A host with a kernel of ours, copied in and out: it takes every problem there is, so what arrives
// in a host can be compared bit by bit with what a kernel gets in the judge's process.

#include <cstring>

#include "impl/process/host/serve.h"
#include "impl/registry.h"
#include "include/xentcheck/kernel.h"

namespace xent {
namespace {

const Kernel& safe() {
  static const Kernel kernel = [] {
    for (const Kernel& k : builtin_kernels()) {
      if (k.name == "scalar/safe") return k;
    }
    return Kernel{};
  }();
  return kernel;
}

/// Calls one(element in memory, element of the contiguous matrix).
template <class One>
void for_matrix(const Problem& p, One one) {
  for (std::int64_t r = 0; r < p.n; ++r) {
    for (std::int64_t j = 0; j < p.v; ++j) {
      const bool bct = p.layout == Layout::bct;
      one(bct ? (r / p.t * p.v + j) * p.t + r % p.t : r * p.row_stride() + j, r * p.v + j);
    }
  }
}

Tensor vector(const void* from, DType dtype, std::int64_t size) {
  Tensor t(dtype, {size});
  if (size > 0) std::memcpy(t.bytes.data(), from, t.bytes.size());
  return t;
}

Tensor matrix(const void* from, const Problem& p) {
  Tensor t(p.dtype, {p.n, p.v});
  const std::size_t size = size_of(p.dtype);
  std::byte* const to = t.bytes.data();
  for_matrix(p, [&](std::int64_t in_memory, std::int64_t i) {
    std::memcpy(to + static_cast<std::size_t>(i) * size,
                static_cast<const std::byte*>(from) + static_cast<std::size_t>(in_memory) * size,
                size);
  });
  return t;
}

TestCase case_of(const Problem& p, const xentcheck_tensors& x) {
  TestCase c;
  c.problem = p;
  c.input = matrix(x.input, p);
  if (has_vector_targets(p)) c.target = matrix(x.target, p);
  else if (p.takes_targets()) c.target = vector(x.target, DType::i64, p.n);
  if (p.weights) c.weight = vector(x.weight, p.dtype, p.v);
  if (p.dir == Dir::hvp) c.direction = matrix(x.direction, p);
  if (p.upstream != Upstream::one) {
    c.upstream = vector(x.upstream, p.dtype, p.upstream == Upstream::row ? p.n : 1);
  }
  return c;
}

int message(xentcheck_message* m, int code, const std::string& text) {
  m->text[text.copy(m->text, m->size - 1)] = '\0';
  return code;
}

int supports(const xentcheck_problem* p, xentcheck_message* m) {
  const Support s = safe().supports(parse_problem(p->text));
  return s ? XENTCHECK_OK : message(m, XENTCHECK_UNSUPPORTED, s.reason);
}

int launch(void*, const xentcheck_problem* abi, const xentcheck_tensors* x, void*,
           xentcheck_message* m) {
  const Problem p = parse_problem(abi->text);
  const RunRecord r = run(safe(), case_of(p, *x));
  if (!r.faults.none()) return message(m, XENTCHECK_FAILED, r.faults.raised);
  const auto& loss = r.output.loss.bytes;
  const auto& grad = r.output.grad.bytes;
  if (!loss.empty()) std::memcpy(x->loss, loss.data(), loss.size());
  if (grad.empty()) return XENTCHECK_OK;
  const std::size_t size = size_of(p.output_dtype());
  for_matrix(p, [&](std::int64_t in_memory, std::int64_t i) {
    std::memcpy(static_cast<std::byte*>(x->grad) + static_cast<std::size_t>(in_memory) * size,
                grad.data() + static_cast<std::size_t>(i) * size, size);
  });
  return XENTCHECK_OK;
}

}  // namespace
}  // namespace xent

int main() {
  xentcheck_host_start(XENTCHECK_POLICY_C, 0);
  xentcheck_kernel kernel{};
  kernel.struct_size = sizeof kernel;
  kernel.name = "safe";
  kernel.supports = xent::supports;
  kernel.launch = xent::launch;
  const xentcheck_kernel* const kernels[] = {&kernel};
  const xentcheck_library library = {
      sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR, nullptr, 1, kernels};
  return xentcheck_host_serve(&library, nullptr);
}
