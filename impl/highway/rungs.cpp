// SPDX-License-Identifier: Apache-2.0
#include "impl/highway/rungs.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "hwy/highway.h"
#include "impl/highway/kernels.h"
#include "impl/highway/targets.h"
#include "impl/highway/wide_exp.h"
#include "impl/host_invocation.h"
#include "impl/row_formulas.h"
#include "impl/scalar/libm.h"

namespace xent {
namespace {

bool is_narrow(DType d) { return d == DType::bf16 || d == DType::f16; }

/// The bodies' own types: what RunNative has a case for.
bool takes_native(const Problem& p, const HighwayRung& rung) {
  const DType out = p.output_dtype();
  if (p.dtype == DType::f16 && !rung.f16) return false;
  return working_dtype(p) == DType::f32 && (out == p.dtype || out == DType::f32);
}

/// The option that the rungs leave to highway/safe.
std::optional<std::string> beyond_rungs(const Problem& p) {
  if (working_dtype(p) != DType::f32) return "dtype=f64";
  if (p.dir == Dir::hvp) return "dir=hvp";
  if (p.targets != TargetKind::index) return "targets=" + std::string(name(p.targets));
  if (p.smoothing != 0) return "smoothing";
  if (p.softcap != 0) return "softcap";
  if (p.scale != 1) return "scale";
  return std::nullopt;
}

std::optional<std::string> beyond_small(const Problem& p) {
  if (auto option = beyond_rungs(p)) return option;
  if (p.v > 64) return "v=" + std::to_string(p.v);
  return std::nullopt;
}

/// Below a maximum, with highway/safe's exponential and formulas.
ErrorBudget online_budget(const Problem& p, const HighwayRung& rung) {
  const double exp_rel = p.unit == Unit::perplexity ? std::max(kHighwayExp, kLibmExp) : kHighwayExp;
  ErrorBudget b = accurate_budget(p, exp_rel, kLibmLog);
  b.online = true;
  b.order = SumOrder::blocked;  // four leaves below one maximum, then the next four
  b.block = 4 * kBlock;
  if (is_narrow(p.dtype) && takes_native(p, rung) && p.layout != Layout::bct) b.lanes = 32;
  return b;
}

ErrorBudget budget_of(const Problem& p, const HighwayRung& rung) {
  double exp_rel = std::max(rung.fma ? kWideExp : kWideExpUnfused, kHighwayExp);
  if (p.unit == Unit::perplexity) exp_rel = std::max(exp_rel, kLibmExp);
  ErrorBudget b = accurate_budget(p, exp_rel, kLibmLog);
  b.exp_arg = kWideExpSlope;
  if (rung.exp_cutoff) b.exp_cutoff = kWideExpCutoff;
  b.shift = Shift::target;
  // A cache line of 16-bit logits has 32 lanes.
  if (is_narrow(p.dtype) && takes_native(p, rung) && p.layout != Layout::bct) b.lanes = 32;
  return b;
}

/// By hand from the loops of ladder.cpp. For 16 logits with AVX-512: the exponential 9, subtraction
/// 1, addition 1; to unpack bf16 1, f16 2 (one instruction, two operations), to round them 4 and 2;
/// a gradient 1, where the exponentials were not kept all but the addition again. For 8 logits of
/// f32 with AVX2: the exponential 13. Loads, stores and register moves need no arithmetic port.
VectorWork work_of(const Problem& p, const HighwayRung& rung) {
  const bool narrow = is_narrow(p.dtype);
  const bool counted = rung.isa == "avx3" || (rung.isa == "avx2" && !narrow);
  if (!counted || !takes_native(p, rung)) return {};
  if (p.wants_grad() && narrow && p.output_dtype() != p.dtype) return {};
  const double exp = rung.isa == "avx3" ? 9 : 13;
  const double unpack = !narrow ? 0 : p.dtype == DType::bf16 ? 1 : 2;
  const double pack = !narrow ? 0 : p.dtype == DType::bf16 ? 4 : 2;
  double operations = unpack + exp + 2;
  if (p.wants_grad()) {
    const bool kept = rung.pipelined && p.v <= longest_kept(size_of(p.dtype));
    operations += 1 + pack + (kept ? 0 : unpack + exp + 1);
  }
  return {operations, rung.isa == "avx3" ? 16.0 : 8.0};
}

NativeView as_native(const RowView<float>& w) {
  NativeView view;
  view.w = w;
  view.input = w.input;
  view.grad = w.grad;
  view.in_place = w.grad != nullptr && w.grad == w.input;
  return view;
}

Exponential exponential_of(const HighwayRung& rung) {
  Exponential e;
  e.compute = [exp = rung.exp](std::span<const float> x, std::span<float> y) {
    exp(x.data(), y.data(), x.size());
  };
  e.positive = true;
  return e;
}

bool is_online(const HighwayRung& rung) { return rung.name == "online"; }

Kernel make_rung(const HighwayRung& rung) {
  HostKernel k;
  k.name = "highway/" + rung.name + "/" + rung.isa;
  k.summary = rung.summary;
  k.promises = accurate_promises();
  k.ops = {Op::ce};
  k.refuses = rung.name == "small" ? beyond_small : beyond_rungs;
  k.budget = [rung](const Problem& p) {
    return is_online(rung) ? online_budget(p, rung) : budget_of(p, rung);
  };
  k.f32 = [body = rung.body](const RowView<float>& w) { body(as_native(w)); };
  k.f64 = [](const RowView<double>&) {};
  k.native = rung.body;
  k.takes_native = [rung](const Problem& p) { return takes_native(p, rung); };
  k.exponential = exponential_of(rung);
  k.exponential.positive = !is_online(rung);
  if (rung.name != "small" && !is_online(rung)) {
    k.uops_per_vector = [rung](const Problem& p, bool) { return work_of(p, rung); };
  }
  return make_kernel(std::move(k));
}

/// The rungs' part of what there is.
template <class T>
bool on_the_ladder(const RowView<T>& w) {
  return w.op == Op::ce && w.target == nullptr && w.dir != Dir::hvp && w.smoothing == 0 &&
         w.softcap == 0 && w.scale == 1;
}

std::string path_of(const Problem& p, const HighwayRung& rung, const Kernel& safe) {
  if (p.op != Op::ce || beyond_rungs(p)) return safe.name;
  const bool rows_at_once = p.dtype == DType::f32 && p.v <= 64 && rung.has_small &&
                            !p.weights && p.z_loss == 0 && !p.ignore_index && !p.shift &&
                            p.upstream != Upstream::row &&
                            p.denominator != Denominator::sequence;
  if (rows_at_once) return "highway/small/" + rung.isa;
  return (p.wants_grad() ? "highway/fused/" : "highway/streams/") + rung.isa;
}

/// Everything that safe takes; what the rungs take by them.
Kernel make_auto(const HighwayRung& rung, const HighwayTarget& target, const Kernel& safe) {
  HostKernel k;
  k.name = "highway/auto/" + rung.isa;
  k.summary = "small, streams or fused by what is asked, safe for what they leave out";
  k.promises = accurate_promises();
  k.ops = every_op();
  k.budget = [rung, safe](const Problem& p) {
    return p.op != Op::ce || beyond_rungs(p) ? safe.budget(p) : budget_of(p, rung);
  };
  k.f32 = [body = rung.body, target](const RowView<float>& w) {
    on_the_ladder(w) ? body(as_native(w)) : safe_body_of<float>(target, w.op)(w);
  };
  k.f64 = [target](const RowView<double>& w) { safe_body_of<double>(target, w.op)(w); };
  k.native = [body = rung.body, target](const NativeView& view) {
    const bool ladder = view.target == nullptr && on_the_ladder(view.w);
    (ladder ? body : safe_native_body_of(target, view.w.op))(view);
  };
  k.takes_native = [rung](const Problem& p) {
    return p.op != Op::ce || beyond_rungs(p) ? safe_widens(p) : takes_native(p, rung);
  };
  k.path = [rung, safe](const Problem& p) { return path_of(p, rung, safe); };
  k.uops_per_vector = [rung, safe](const Problem& p, bool) {
    const bool as_fused = path_of(p, rung, safe).starts_with(p.wants_grad() ? "highway/fused/"
                                                                            : "highway/streams/");
    return as_fused ? work_of(p, rung) : VectorWork{};
  };
  k.exponential = exponential_of(rung);
  return make_kernel(std::move(k));
}

struct RungText {
  const char* name;
  const char* summary;
  NativeBody LadderBodies::* body;
};

constexpr RungText kRungs[] = {
    {"reference", "one pass relative to the target's logit", &LadderBodies::reference},
    {"streams", "the same, a long row read in several places at once", &LadderBodies::streams},
    {"fused", "streams, and a row's gradient beside the next row's sum", &LadderBodies::fused},
    {"small", "rows of at most 64 classes, sixteen at a time", &LadderBodies::small},
};

/// f(rung) with everything but names, for each instruction set that runs here, best first.
template <class F>
void for_each_isa(const F& f) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    HighwayRung rung;
    wide_exp_of(&rung);
    f(rung, ladder_bodies());
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

}  // namespace

std::vector<Kernel> highway_rungs() {
  std::vector<Kernel> kernels;
  for_each_isa([&](HighwayRung rung, const LadderBodies&) {
    rung.name = "online";
    rung.summary = "one pass with a running maximum, leaf by leaf";
    online_of(&rung);
    if (rung.body != nullptr) kernels.push_back(make_rung(rung));
  });
  for (const RungText& text : kRungs) {
    for_each_isa([&](HighwayRung rung, const LadderBodies& bodies) {
      rung.name = text.name;
      rung.summary = text.summary;
      rung.body = bodies.*text.body;
      rung.pipelined = rung.name == "fused";
      if (rung.body != nullptr) kernels.push_back(make_rung(rung));
    });
  }
  return kernels;
}

/// As the bodies of ladder.cpp and online.cpp are compiled: their code must not be asked here.
std::vector<std::string> highway_rungs_of(const std::string& isa) {
  std::vector<std::string> names = {"safe"};
  if (isa == "scalar" || isa == "ssse3") return names;
  const bool has_small = isa.starts_with("avx3") || isa.starts_with("avx10");
  names.emplace_back("online");
  for (const RungText& text : kRungs) {
    if (text.name == std::string("small") && !has_small) continue;
    names.emplace_back(text.name);
  }
  names.emplace_back("auto");
  return names;
}

std::vector<Kernel> highway_auto() {
  const std::vector<Kernel> safe = highway_safe();
  std::vector<Kernel> kernels;
  for_each_isa([&](HighwayRung rung, const LadderBodies& bodies) {
    rung.body = bodies.automatic;
    rung.has_small = bodies.small != nullptr;
    rung.pipelined = true;
    const auto& targets = highway_targets();
    for (std::size_t i = 0; i < targets.size() && rung.body != nullptr; ++i) {
      if (targets[i].isa == rung.isa) kernels.push_back(make_auto(rung, targets[i], safe[i]));
    }
  });
  return kernels;
}

}  // namespace xent
