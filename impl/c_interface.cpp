// SPDX-License-Identifier: Apache-2.0
// include/xentcheck/kernels.h: arguments are checked, then the best kernel that takes the problem
// does it on the caller's memory.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"
#include "core/kernel.h"
#include "impl/highway/kernels.h"
#include "include/xentcheck/kernels.h"

namespace xent {
namespace {

/// Best first.
const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> all = [] {
    std::vector<Kernel> found = highway_auto();
    for (Kernel& k : highway_safe()) found.push_back(std::move(k));
    return found;
  }();
  return all;
}

[[noreturn]] void refuse(const std::string& what) { throw UsageError("xentcheck_ce: " + what); }
void require(bool holds, const char* what) {
  if (!holds) refuse(what);
}

/// The caller's options as far as both sides know them.
xentcheck_ce_options known(const xentcheck_ce_options* theirs) {
  xentcheck_ce_options o = XENTCHECK_CE_OPTIONS;
  if (theirs == nullptr) return o;
  require(theirs->struct_size >= offsetof(xentcheck_ce_options, stride),
          "options are not initialised: begin with XENTCHECK_CE_OPTIONS");
  std::memcpy(&o, theirs, std::min(theirs->struct_size, sizeof o));
  return o;
}

DType dtype_of(std::int32_t dtype) {
  constexpr DType kTypes[] = {DType::f32, DType::bf16, DType::f16};
  require(dtype >= XENTCHECK_CE_F32 && dtype <= XENTCHECK_CE_F16,
          "options.dtype is none of XENTCHECK_CE_F32, _BF16, _F16");
  return kTypes[dtype];
}

Problem problem_of(std::int64_t n, std::int64_t v, bool loss, bool grad,
                   const xentcheck_ce_options& o) {
  require(n >= 0 && v >= 1, "n is below 0, or v below 1");
  require(loss || grad || n == 0, "loss and grad are both NULL: nothing is asked");
  require(o.reduction >= XENTCHECK_CE_NONE && o.reduction <= XENTCHECK_CE_MEAN,
          "options.reduction is none of XENTCHECK_CE_NONE, _SUM, _MEAN");
  require(o.stride == 0 || o.stride >= v, "options.stride is below v");
  require(o.threads >= 1, "options.threads is below 1");
  Problem p;
  p.dir = !grad ? Dir::fwd : loss ? Dir::fwdbwd : Dir::bwd;
  p.n = n;
  p.v = v;
  p.stride = o.stride == v ? 0 : o.stride;
  p.dtype = dtype_of(o.dtype);
  p.reduction = static_cast<Reduction>(o.reduction);
  if (o.has_ignore_index != 0) p.ignore_index = o.ignore_index;
  p.weights = o.weight != nullptr;
  p.smoothing = o.smoothing;
  p.z_loss = o.z_loss;
  if (o.upstream != nullptr && grad) {
    p.upstream = o.upstream_per_row != 0 ? Upstream::row : Upstream::scalar;
  }
  require(p.upstream != Upstream::row || p.reduction == Reduction::none,
          "options.upstream_per_row needs the reduction XENTCHECK_CE_NONE");
  validate(p);
  return p;
}

void require_aligned(const void* p, std::size_t size, const char* name) {
  if (reinterpret_cast<std::uintptr_t>(p) % size == 0) return;
  refuse(std::string(name) + " is not aligned to its elements");
}

void check_memory(const Problem& p, const CallMemory& m) {
  require(p.n == 0 || m.input != nullptr, "logits is NULL");
  require(p.n == 0 || m.target != nullptr, "targets is NULL");
  const std::size_t size = size_of(p.dtype);
  for (const auto& [at, name] : {std::pair{m.input, "logits"}, {m.grad, "grad"}}) {
    require_aligned(at, size, name);
  }
  for (const auto& [at, name] : {std::pair<const void*, const char*>{m.loss, "loss"},
                                 {m.weight, "options.weight"},
                                 {m.upstream, "options.upstream"}}) {
    require_aligned(at, sizeof(float), name);
  }
  require_aligned(m.target, sizeof(std::int64_t), "targets");
  if (m.grad == nullptr || m.grad == m.input || p.n == 0) return;
  const auto bytes = static_cast<std::uintptr_t>((p.n - 1) * p.row_stride() + p.v) * size;
  const auto a = reinterpret_cast<std::uintptr_t>(m.input);
  const auto b = reinterpret_cast<std::uintptr_t>(m.grad);
  require(a + bytes <= b || b + bytes <= a,
          "grad overlaps logits: it must be logits itself, or elsewhere");
}

void check_targets(const Problem& p, const std::int64_t* target) {
  for (std::int64_t r = 0; r < p.n; ++r) {
    const std::int64_t y = target[r];
    if ((y >= 0 && y < p.v) || (p.ignore_index && y == *p.ignore_index)) continue;
    refuse("targets[" + std::to_string(r) + "] is " + std::to_string(y) +
           ": a class is from 0 to " + std::to_string(p.v - 1));
  }
}

/// The same with matrices of float, one row after the other.
Problem widened(Problem p) {
  p.dtype = DType::f32;
  p.stride = 0;
  return p;
}

/// Null where none takes the matrices as they lie.
const Kernel* direct_kernel(const Problem& p) {
  for (const Kernel& k : kernels()) {
    if (k.supports(p) && k.direct.takes(p)) return &k;
  }
  return nullptr;
}

const Kernel& copying_kernel(const Problem& p) {
  if (const Kernel* const k = direct_kernel(widened(p))) return *k;
  refuse("no kernel takes these options: " + to_text(p));
}

constexpr std::int64_t kAtOnce = 1024;

/// part(first element in their rows, in ours, number), of every row.
template <class Part>
void for_parts(const Problem& p, Part part) {
  for (std::int64_t r = 0; r < p.n; ++r) {
    for (std::int64_t j = 0; j < p.v; j += kAtOnce) {
      const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
      part(at(r * p.row_stride() + j) * size_of(p.dtype), at(r * p.v + j),
           at(std::min(kAtOnce, p.v - j)));
    }
  }
}

void call_on_copies(const Kernel& k, const Problem& p, CallMemory m, int threads) {
  std::vector<float> matrix(static_cast<std::size_t>(p.n * p.v));
  std::array<double, kAtOnce> x;
  for_parts(p, [&](std::size_t theirs, std::size_t ours, std::size_t count) {
    load(static_cast<const std::byte*>(m.input) + theirs, p.dtype, {x.data(), count});
    std::transform(x.data(), x.data() + count, matrix.data() + ours,
                   [](double z) { return static_cast<float>(z); });
  });
  void* const grad = m.grad;
  m.input = matrix.data();
  if (grad != nullptr) m.grad = matrix.data();
  k.direct.call(widened(p), m, threads);
  if (grad == nullptr) return;
  for_parts(p, [&](std::size_t theirs, std::size_t ours, std::size_t count) {
    std::copy_n(matrix.data() + ours, count, x.data());
    store(static_cast<std::byte*>(grad) + theirs, p.dtype, {x.data(), count});
  });
}

void call(const Problem& p, const CallMemory& m, int threads) {
  if (const Kernel* const k = direct_kernel(p)) return k->direct.call(p, m, threads);
  call_on_copies(copying_kernel(p), p, m, threads);
}

thread_local std::string error;

/// The code of whatever `what` throws.
template <class What>
int guarded(What what) noexcept {
  try {
    what();
    return XENTCHECK_CE_OK;
  } catch (const std::bad_alloc&) {
    error.assign("out of memory");  // fits where a string keeps short texts
    return XENTCHECK_CE_OUT_OF_MEMORY;
  } catch (const UsageError& e) {
    error = e.what();
    return XENTCHECK_CE_WRONG_ARGUMENT;
  } catch (const std::exception& e) {
    error = e.what();
    return XENTCHECK_CE_FAILED;
  }
}

}  // namespace
}  // namespace xent

int xentcheck_ce(const void* logits, const std::int64_t* targets, std::int64_t n, std::int64_t v,
                 float* loss, void* grad, const xentcheck_ce_options* options) {
  return xent::guarded([&] {
    const xentcheck_ce_options o = xent::known(options);
    const xent::Problem p = xent::problem_of(n, v, loss != nullptr, grad != nullptr, o);
    if (loss == nullptr && grad == nullptr) return;
    const xent::CallMemory m{logits, targets, o.weight, nullptr,
                             p.upstream == xent::Upstream::one ? nullptr : o.upstream, loss, grad};
    xent::check_memory(p, m);
    xent::check_targets(p, targets);
    xent::call(p, m, o.threads);
  });
}

const char* xentcheck_ce_error(void) { return xent::error.c_str(); }

const char* xentcheck_ce_kernel(std::int64_t n, std::int64_t v, int with_loss, int with_grad,
                                const xentcheck_ce_options* options) {
  const char* name = nullptr;
  xent::guarded([&] {
    const xent::Problem p =
        xent::problem_of(n, v, with_loss != 0, with_grad != 0, xent::known(options));
    const xent::Kernel* const k = xent::direct_kernel(p);
    name = (k != nullptr ? *k : xent::copying_kernel(p)).name.c_str();
  });
  return name;
}
