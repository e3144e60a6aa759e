// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "tests/reports_sample.h"

namespace xent {
namespace {

ClaimRow claim(const std::string& id, const std::string& group, ClaimVerdict verdict) {
  ClaimRow c;
  c.id = id;
  c.group = group;
  c.verdict = verdict;
  c.document = "Cross-entropy is never less than entropy, and equal to it exactly when q = p.";
  c.formula = "H(p, q) ≥ H(p),  Σ_{t<T} log P(x_{t+1} | x_{≤t}), N^(−1/2), p_k";
  c.statement = "Within the sum of the bounds; strict wherever the exact gap exceeds them.";
  c.evidence = "64 cases, 3896 checks on 2 kernels";
  c.properties = {id};
  c.kernels = {"scalar/safe", "highway/safe/avx2"};
  c.cases = 64;
  c.checks = 3896;
  c.error_over_bound = 0.412;
  return c;
}

Plot lines() {
  Plot p{"Two gradients", "logit of the true class above the other", "∂L/∂z", false, false, {}};
  for (const double scale : {1.0, 0.5}) {
    Series s{scale == 1 ? "exact" : "2 (p − y) p (1 − p)", {}, {}, false};
    for (int k = -24; k <= 24; ++k) {
      s.x.push_back(k / 4.0);
      s.y.push_back(-scale * std::exp(-k * k / 128.0));
    }
    p.series.push_back(s);
  }
  return p;
}

Plot logarithmic() {
  const double inf = std::numeric_limits<double>::infinity();
  return {"Error of the estimate", "draws N", "root mean square", true, true,
          {{"measured", {256, 1024, 4096, 16384, 65536}, {3e-2, 1.6e-2, inf, 4e-3, 1.9e-3}, true},
           {"N^(−1/2)", {256, 1024, 0, 16384, 65536}, {3.1e-2, 1.5e-2, 1, 3.9e-3, 1.95e-3}, false},
           {"nothing to draw", {1}, {-1}, false}}};
}

}  // namespace

Results sample_claims() {
  Results r = sample_results();
  r.expectations = false;
  r.verdicts.resize(3);
  r.command = "xentcheck claims";
  r.timings.clear();
  r.claims = {claim("info.gibbs", "A", ClaimVerdict::tested),
              claim("loss.accurate", "B", ClaimVerdict::contradicted),
              claim("loss.reshape", "B", ClaimVerdict::no_evidence),
              claim("stat.consistency", "C", ClaimVerdict::agrees),
              claim("stat.mse-is-gaussian", "C", ClaimVerdict::proved),
              claim("train.faster-than-mse", "D", ClaimVerdict::disagrees),
              claim("lm.perplexity", "E", ClaimVerdict::skipped),
              claim("wrong.sign", "F", ClaimVerdict::refuted)};
  r.claims[1].document = "(ours)";
  r.claims[1].reason = "scalar/safe breaks loss.accurate";
  r.claims[1].witness = "op=ce n=1 v=2 dtype=f32 dir=fwd\nlogits [89, 0], target 1\nloss[0] = inf";
  r.claims[2].reason = "op=ce layout=bct is not supported";
  r.claims[3].figures = {{"slope of log error over log N", -0.4936, -0.5187, -0.4685, ""},
                         {"draws", 65536, 65536, 65536, ""}};
  r.claims[3].plots = {logarithmic()};
  r.claims[6].reason = "no text on this machine; give one by --text";
  r.claims[7].figures = {{"H(p, q) at the witness", 1, 1, 1, "bits"}};
  r.claims[7].plots = {lines()};
  r.claims[7].witness = "z = (0, 0), target 0: δ − p = 0.5";
  return r;
}

}  // namespace xent
