// SPDX-License-Identifier: Apache-2.0
#include "tests/reports_sample.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace xent {
namespace {

const std::vector<PropertyInfo> kProperties = {
    {"loss.accurate", "The loss is within its derived bound.", "|loss - exact| <= bound"},
    {"grad.accurate", "The gradient is within its derived bound.", "|grad - exact| <= bound"},
    {"info.decomposition", "H(p,q) = H(p) + KL(p||q).", "residual within the sum of the bounds"},
    {"stat.ce-is-nll", "Cross-entropy of logits is the negative log-likelihood of their softmax.",
     "the two routes agree within the sum of their bounds"},
    {"grad.sum-zero", "The gradient of a row sums to zero.", "|sum| <= sum of the bounds"},
    {"grad.signs", "The target's gradient is never positive, every other never negative.",
     "signs where the exact magnitude exceeds the bound"},
    {"loss.shift-invariance", "L(z + c) = L(z).", "bitwise if promised, else B(z) + B(z + c)"},
    {"loss.permutation", "Class order does not matter.", "within the bounds"},
    {"loss.extreme-logits", "The loss is finite at extreme logits.",
     "finite unless the exact value overflows the format; never NaN from finite logits"},
    {"loss.worked-example", "The documents' worked example comes out.", "2.3837 within its box"},
    {"row.independence", "A row's result does not depend on the other rows.", "within the bounds"},
    {"io.inputs-untouched", "Inputs are bit-identical after a run.", "bitwise"},
    {"io.every-output-written", "Every output element is written.", "no poison is left"},
    {"run.repeatable", "The same bytes give the same bits.", "bitwise"},
};

KernelInfo product(const std::string& name, const std::string& summary, bool ours = true) {
  KernelInfo k;
  k.name = name;
  k.role = "product";
  k.summary = summary;
  k.budget = "exp 1 + 0 |d| ulp, log 1 ulp, blocked sum of 64, accurate loss and target forms";
  k.accuracy_class = "declared";
  k.best_class = "relative";
  if (ours) k.promises = {"repeatable", "batch-invariant", "alignment-invariant", "sign-exact"};
  return k;
}

KernelInfo failing(const std::string& name, const std::string& summary) {
  KernelInfo k = product(name, summary, false);
  k.role = "example-of-failure";
  k.accuracy_class = "standard";
  k.best_class = "none";
  return k;
}

std::vector<KernelInfo> kernels() {
  std::vector<KernelInfo> out = {product("scalar/safe", "max, then sum of exp, then log"),
                                 product("scalar/online", "running max and rescaled sum")};
  for (const char* isa : {"sse2", "ssse3", "sse4", "avx2", "avx3", "avx3_dl", "avx3_zen4"}) {
    out.push_back(product(std::string("highway/safe/") + isa, "two passes over the row"));
  }
  for (const char* isa : {"avx3_spr", "avx10_2"}) {
    out.push_back(product(std::string("highway/safe/") + isa, "two passes over the row"));
    out.back().unavailable = "this processor lacks AMX and AVX10";
    out.back().best_class.clear();
  }
  out.push_back(product("highway/safe/emu128", "the portable path"));
  out.push_back(product("highway/online/auto", "one pass, best path of this machine"));
  out.push_back(product("torch/cross_entropy", "F.cross_entropy", false));
  out.back().accuracy_class = out.back().best_class = "standard";
  out.back().origin = "cross_entropy.py, PyTorch 2.6";
  out.back().kept = {"shift-exact"};
  out.push_back(failing("scalar/naive", "no shift: exp overflows"));
  out.push_back(failing("scalar/half-sum", "accumulates in the input format"));
  return out;
}

ErrorProfile profile(double scale) {
  ErrorProfile e;
  e.outputs = 48210;
  e.error_over_bound = 0.412 * scale;
  e.p999_over_bound = 0.287 * scale;
  e.mean_over_bound = 0.0318 * scale;
  e.ulp = -1.62 * scale;
  e.p999_ulp = 1.18 * scale;
  e.mean_ulp = 0.261;
  e.bias_ulp = 0.0042 * scale;
  e.max_abs = 3.81e-6 * scale;
  e.max_conditioned = 0.73 * scale;
  return e;
}

VerdictRow verdict(const KernelInfo& k, const PropertyInfo& p, double scale) {
  VerdictRow row;
  row.kernel = k.name;
  row.property = p.id;
  row.verdict = Verdict::pass;
  row.problem = "op=ce n=3 v=257 dtype=f32 dir=fwdbwd";
  row.cases = 182;
  row.checks = 48210;
  row.skipped = 12;
  row.skip_reasons = {{"stride is not supported", 8}, {"bf16 is not supported", 4}};
  row.excluded = {{"all-masked", 14}};
  row.rejected = {{"zeros", 1.0}, {"constant", 0.984}, {"untouched", 1.0}, {"previous", 0.9995}};
  row.power = 0.984;
  row.floor = 0.5;
  row.expected_to_fail = k.role == "example-of-failure";
  if (p.id.ends_with(".accurate") || p.id == "loss.permutation") row.worst = profile(scale);
  if (p.id == "run.repeatable" || p.id == "io.inputs-untouched") row.power.reset();
  return row;
}

Counterexample overflow(const std::string& kernel, const std::string& property) {
  return {"counterexamples/1.case",
          "xentcheck replay report/counterexamples/1.case --kernel " + kernel,
          "op=ce n=1 v=2 dtype=f32 dir=fwd",
          "logits [89, 0], target 1",
          "loss[0] is inf, exact 89.000000000000000000 ± 1e-30, bound 2.1e-05 (" + property + ")",
          17};
}

void break_row(VerdictRow& row) {
  row.verdict = Verdict::fail;
  row.worst.error_over_bound = std::numeric_limits<double>::infinity();
  row.worst.ulp = std::numeric_limits<double>::quiet_NaN();
  row.counterexample = overflow(row.kernel, row.property);
}

std::vector<VerdictRow> verdicts(const std::vector<KernelInfo>& all) {
  std::vector<VerdictRow> out;
  double scale = 1;
  for (const KernelInfo& k : all) {
    if (!k.unavailable.empty()) continue;
    scale *= 1.05;
    for (const PropertyInfo& p : kProperties) {
      VerdictRow row = verdict(k, p, scale);
      const bool information = p.id == "info.decomposition";
      if (information && k.name.starts_with("highway")) {
        row = VerdictRow{};
        row.kernel = k.name;
        row.property = p.id;
        row.reason = "op=kl is not supported";
        row.skipped = 24;
        row.skip_reasons = {{"op=kl is not supported", 24}};
      }
      if (k.name == "scalar/naive" && (p.id == "loss.extreme-logits" || p.id == "loss.accurate")) {
        break_row(row);
      }
      if (k.name == "scalar/half-sum" && p.id == "loss.accurate") break_row(row);
      out.push_back(std::move(row));
    }
  }
  return out;
}

Timing timing(const std::string& kernel, const std::string& problem, double gb, double limit,
              const std::string& limit_name) {
  Timing t;
  t.kernel = kernel;
  t.problem = problem;
  t.verdict = Verdict::pass;
  t.samples = 7;
  t.minimum_bytes = 3 * 50257 * 4.0;
  t.bytes_per_second = gb * 1e9;
  t.median = t.minimum_bytes / t.bytes_per_second;
  t.low = t.median * 0.97;
  t.high = t.median * 1.06;
  t.limit_bytes_per_second = limit * 1e9;
  t.limit = limit_name;
  t.logits_per_second = t.bytes_per_second / 4;
  return t;
}

void add_timings(Results& r) {
  const std::string forward = "op=ce n=3 v=50257 dtype=f32 dir=fwd";
  const std::string both = "op=ce n=3 v=50257 dtype=f32 dir=fwdbwd";
  double speed = 1.1;
  for (const KernelInfo& k : r.kernels) {
    if (!k.unavailable.empty()) continue;
    speed *= 1.22;
    r.timings.push_back(timing(k.name, forward, speed, 11.2, "read"));
    r.timings.push_back(timing(k.name, both, speed * 0.6, 7.9, "read-write in place"));
    if (k.role != "product") {
      r.timings.back().verdict = Verdict::fail;
      r.timings[r.timings.size() - 2].verdict = Verdict::fail;
    }
  }
  r.timings[2].verdict = Verdict::inconclusive;
  r.timings[4].limit_bytes_per_second = 0;
  r.limits = {{"read", 603084, 11.2e9, 7}, {"read-write in place", 603084, 7.9e9, 7}};
}

void add_third_party(Results& r) {
  r.findings = {{"torch/cross_entropy", "accuracy.confident-rows.loss",
                 "loss.accurate: digits are lost on rows whose target has most of the probability: "
                 "off by 5.2e+06 ulp where class relative allows 27.5 ulp, in the worst case by "
                 "1.6e+07 ulp",
                 "op=ce n=1 v=2 dtype=f32 dir=fwd\nlogits [17, 0], target 0\nloss[0] = 0, exactly "
                 "4.13993762e-08, bound 7.8e-14",
                 "findings/1.case",
                 "xentcheck replay report/findings/1.case --kernel torch/cross_entropy --python "
                 "examples/torch/cross_entropy.py:cross_entropy",
                 34},
                {"torch/cross_entropy", "dtype.changed", "loss came back as f32, asked for bf16",
                 "op=ce n=3 v=5 dtype=bf16 dir=fwd\ndomain gaussian, seed 0x5eed", "", "", 12},
                {"torch/cross_entropy", "process.threads-kept", "2 threads outlive a call", "", "",
                 "", 0}};
  for (const KernelInfo& k : r.kernels) {
    if (!k.unavailable.empty()) continue;
    for (const char* output : {"loss", "grad"}) {
      r.accuracy.push_back({k.name, output, "f32", "op=ce", 91, profile(1)});
    }
  }
}

}  // namespace

Results sample_results() {
  Results r;
  r.environment = {"0.1.0", "g++ 12.2.0", "Release", "AMD EPYC 9B14", "avx3_zen4 avx3 avx2 sse4",
                   "Linux 6.1, Debian 12", 2, "2025-11-21T02:45:00Z"};
  r.command = "xentcheck run --out build/release/report";
  r.seed = "0x9e3779b97f4a7c15";
  r.profile = "smoke";
  r.seconds = 48.127;
  r.kernels = kernels();
  r.properties = kProperties;
  r.verdicts = verdicts(r.kernels);
  add_third_party(r);
  add_timings(r);
  r.notes = {"64 of 512 rows judged, worst gap first"};
  return r;
}

Results sample_failure() {
  Results r = sample_results();
  const auto at = [&](const std::string& kernel, const std::string& property) -> VerdictRow& {
    for (VerdictRow& row : r.verdicts) {
      if (row.kernel == kernel && row.property == property) return row;
    }
    return r.verdicts.emplace_back();
  };
  break_row(at("highway/safe/avx2", "loss.extreme-logits"));
  VerdictRow& vacuous = at("highway/safe/avx3", "grad.sum-zero");
  vacuous.vacuous = true;
  vacuous.power = 0.0391;
  vacuous.reason = "zeros pass on 96 % of the cases";
  at("highway/safe/sse4", "grad.signs").verdict = Verdict::inconclusive;
  VerdictRow& error = at("scalar/online", "row.independence");
  error.verdict = Verdict::error;
  error.reason = "bind: cannot allocate 4096 bytes";
  VerdictRow& survivor = at("scalar/half-sum", "loss.accurate");
  survivor.verdict = Verdict::pass;
  survivor.counterexample.reset();
  survivor.worst = profile(1);
  return r;
}

Results sample_hostile() {
  const std::string evil =
      "a|b & <script>alert('1')</script> ]]> \"q\" `c` ```` \x01\x1b[31m \xff\xfe <!-- </style>";
  Results r = sample_failure();
  r.command = r.seed = r.profile = r.environment.cpu = r.environment.system = evil;
  r.notes.push_back(evil + "\nsecond line");
  for (KernelInfo& k : r.kernels) k.summary = k.budget = evil;
  for (PropertyInfo& p : r.properties) p.title = p.statement = evil;
  for (VerdictRow& row : r.verdicts) {
    row.reason = evil;
    row.skip_reasons[evil] = 1;
    if (row.counterexample) {
      row.counterexample->data = row.counterexample->message = evil + "\n" + evil;
      row.counterexample->replay = evil;
    }
  }
  r.kernels.front().name += evil;
  for (VerdictRow& row : r.verdicts) {
    if (row.kernel == "scalar/safe") row.kernel += evil;
  }
  for (Finding& f : r.findings) f.message = f.witness = f.replay = f.id = evil;
  r.kernels.back().origin = evil;
  r.kernels.back().kept = {evil};
  for (AccuracyRow& a : r.accuracy) a.output = a.dtype = a.problems = evil;
  r.timings.front().problem = r.timings.front().limit = evil;
  r.claims = sample_claims().claims;
  for (ClaimRow& c : r.claims) {
    c.document = c.formula = c.statement = c.evidence = c.reason = c.witness = evil;
    c.kernels = {evil};
    for (Figure& f : c.figures) f.label = f.unit = evil;
    for (Plot& p : c.plots) p.title = p.x_label = p.y_label = p.series[0].name = evil;
  }
  r.exponentials = {{evil, Verdict::fail, evil, 7, 1, 2, 0.5, {{evil, 1, 2, evil, evil, evil}},
                     {evil}}};
  r.claims.front().id += evil;
  r.claims.front().group = evil;
  return r;
}

}  // namespace xent
