// SPDX-License-Identifier: Apache-2.0
#include "tests/narrowed_kernels.h"

#include <functional>
#include <utility>

#include "core/error.h"
#include "impl/registry.h"

namespace xent {
namespace {

Kernel narrowed(std::string name, const std::string& inner,
                std::function<bool(const Problem&)> takes) {
  Kernel k = select(builtin_kernels(), inner).front();
  k.name = std::move(name);
  k.supports = [takes = std::move(takes), all = k.supports](const Problem& p) {
    const Support s = all(p);
    return !s || takes(p) ? s : Support::no("not taken");
  };
  k.bind = [supports = k.supports, bind = k.bind](const TestCase& c, const BindOptions& o) {
    if (const Support s = supports(c.problem); !s) throw UsageError(s.reason);
    return bind(c, o);
  };
  return k;
}

bool no_extras(const Problem& p) {
  return p.op == Op::ce && p.dir != Dir::hvp && p.layout == Layout::nc && p.row_stride() == p.v &&
         p.upstream == Upstream::one && p.unit == Unit::nats && !p.shift && p.z_loss == 0 &&
         p.softcap == 0 && p.scale == 1 && !p.accumulate && p.output_dtype() == p.dtype &&
         p.denominator == Denominator::valid;
}

bool bare(const Problem& p) {
  return no_extras(p) && p.dtype == DType::f32 && p.targets == TargetKind::index &&
         !p.ignore_index && !p.weights && p.smoothing == 0;
}

}  // namespace

Kernel simple_kernel(const std::string& inner) {
  return narrowed("test/simple", inner, [](const Problem& p) {
    return bare(p) && p.reduction == Reduction::none;
  });
}

Kernel torch_like_kernel(const std::string& inner) {
  return narrowed("test/torch-like", inner, [](const Problem& p) {
    return no_extras(p) && p.dtype != DType::f16 && p.dir != Dir::bwd;
  });
}

Kernel mean_loss_kernel(const std::string& inner) {
  return narrowed("test/mean-loss", inner, [](const Problem& p) {
    return bare(p) && p.is_mean() && p.dir == Dir::fwd;
  });
}

std::vector<Kernel> narrowed_kernels() {
  return {simple_kernel(), torch_like_kernel(), mean_loss_kernel()};
}

}  // namespace xent
