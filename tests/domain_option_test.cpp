// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "properties/domain_rows.h"
#include "tests/domain_cases.h"

namespace xent {
namespace {

TestCase of(std::string_view domain, const std::string& text, std::uint64_t seed) {
  return make_case(parse_problem(text), domain, seed);
}

/// Calls check(row, case) on the rows of cases of one kind in several types and sizes.
template <class Check>
void for_rows_of(std::string_view domain, const std::string& kind, Check check) {
  for (const char* type : {"f32", "f64", "f16", "bf16"}) {
    for (const char* shape : {" n=24 v=5", " n=24 v=37", " n=24 v=130"}) {
      const Problem p = parse_problem(kind + shape + " dtype=" + type);
      if (!find_domain(domain).fits(p)) continue;
      for (const std::uint64_t seed : {0, 1, 2, 77}) {
        const TestCase c = make_case(p, domain, seed);
        for (std::int64_t row = 0; row < p.n; ++row) check(row, c);
      }
    }
  }
}

double mass(const TestCase& c, std::int64_t row) {
  double sum = 0;
  for (std::int64_t j = 0; j < c.problem.v; ++j) sum += c.target.at(row * c.problem.v + j);
  return sum;
}

double target_at(const TestCase& c, std::int64_t row, std::int64_t j) {
  return c.target.at(row * c.problem.v + j);
}

const std::string kSoft = "op=ce targets=prob";

TEST(VectorTargets, SumsAreWhatTheNamesSay) {
  for_rows_of("soft", kSoft, [](std::int64_t row, const TestCase& c) {
    EXPECT_LE(mass(c, row), 1 + 37 * c.problem.v * unit_roundoff(c.problem.dtype));
    EXPECT_GT(mass(c, row), 0);
  });
  for_rows_of("soft-dyadic", kSoft, [](std::int64_t row, const TestCase& c) {
    EXPECT_EQ(mass(c, row), 1);
  });
  for_rows_of("soft-one-hot", kSoft, [](std::int64_t row, const TestCase& c) {
    EXPECT_EQ(mass(c, row), 1);
    std::int64_t ones = 0;
    for (std::int64_t j = 0; j < c.problem.v; ++j) ones += target_at(c, row, j) == 1;
    EXPECT_EQ(ones, 1);
  });
  std::set<int> sizes;
  for_rows_of("soft-unnormalised", kSoft, [&](std::int64_t row, const TestCase& c) {
    const double sum = mass(c, row);
    sizes.insert(sum == 0 ? 0 : sum < 0.75 ? 1 : sum > 1.5 ? 3 : 2);
  });
  EXPECT_EQ(sizes.size(), 4U);
}

TEST(VectorTargets, MaskedClassesHoldMassOnlyWhereMeant) {
  for (const char* domain : {"soft-masked", "masked", "spikes", "index-bit", "integer-mass"}) {
    std::int64_t masked = 0;
    for_rows_of(domain, kSoft, [&](std::int64_t row, const TestCase& c) {
      for (std::int64_t j = 0; j < c.problem.v; ++j) {
        if (!std::isinf(c.logit(row, j))) continue;
        ++masked;
        EXPECT_EQ(target_at(c, row, j), 0) << domain;
      }
    });
    EXPECT_GT(masked, 0) << domain;
  }
  for_rows_of("masked-target", kSoft, [](std::int64_t row, const TestCase& c) {
    double on_masked = 0;
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      if (std::isinf(c.logit(row, j))) on_masked += target_at(c, row, j);
    }
    EXPECT_GT(on_masked, 0.9);
  });
}

TEST(VectorTargets, FollowTheAimOfTheLogits) {
  for (const bool leads : {true, false}) {
    for_rows_of(leads ? "confident" : "wrong", kSoft, [&](std::int64_t row, const TestCase& c) {
      for (std::int64_t j = 0; j < c.problem.v; ++j) {
        if (target_at(c, row, j) < 0.5) continue;
        EXPECT_EQ(c.logit(row, j) == greatest(c, row), leads);
      }
    });
  }
}

TEST(VectorTargets, MatchedLogitsAreLogsOfTheTargets) {
  for_rows_of("soft-matched", kSoft, [](std::int64_t row, const TestCase& c) {
    const double u = unit_roundoff(c.problem.dtype);
    const double offset = c.logit(row, 0) - std::log(target_at(c, row, 0));
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      const double log_y = std::log(target_at(c, row, j));
      // Logits below 64 in magnitude, two of them rounded, and two rounded targets.
      EXPECT_NEAR(c.logit(row, j) - log_y, offset, (2 * 64 + 2) * u * 1.01 + 1e-14);
    }
  });
}

TEST(Logs, LogOfIsTheLogarithm) {
  for (int i = 1; i < 2000; ++i) {
    const double x = i * 0x1p-10 * power_of_two(i % 140 - 120);
    const double log_x = std::log(x);
    EXPECT_NEAR(log_of(x), log_x, 4 * unit_roundoff(DType::f64) * (1 + std::fabs(log_x)));
  }
}

TEST(Logs, ProbabilitiesSumToOneAndTargetsVary) {
  for (const char* kind : {"op=nll", "op=nll targets=prob"}) {
    for_rows_of("log-probabilities", kind, [](std::int64_t row, const TestCase& c) {
      double sum = 0;
      for (std::int64_t j = 0; j < c.problem.v; ++j) {
        EXPECT_LE(c.logit(row, j), 0);
        sum += std::exp(c.logit(row, j));
      }
      // |x| < 64: each exponential is off by 64 u of itself; in f16 some are raised to 2^-14.
      EXPECT_NEAR(sum, 1, 130 * unit_roundoff(c.problem.dtype) + 0x1p-14 * c.problem.v);
    });
    for_rows_of("log-masked", kind, [](std::int64_t row, const TestCase& c) {
      EXPECT_LT(count_live(c, row), c.problem.v);
      for (std::int64_t j = 0; j < c.problem.v; ++j) {
        if (std::isfinite(c.logit(row, j))) continue;
        const bool soft = has_vector_targets(c.problem);
        EXPECT_TRUE(soft ? target_at(c, row, j) == 0 : c.label(row) != j);
      }
    });
  }
}

TEST(Binary, LabelsAreHardAndSoftAndNearTheEnds) {
  std::set<std::string> seen;
  for_rows_of("gaussian", "op=bce-logits targets=prob", [&](std::int64_t row, const TestCase& c) {
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      const double y = target_at(c, row, j);
      EXPECT_TRUE(y >= 0 && y <= 1);
      if (y == 0) seen.insert("0");
      if (y == 1) seen.insert("1");
      if (y > 0 && y < 0x1p-6) seen.insert("near 0");
      if (y < 1 && y > 1 - 0x1p-6) seen.insert("near 1");
      if (y > 0.25 && y < 0.75) seen.insert("inside");
    }
  });
  EXPECT_EQ(seen.size(), 5U);
}

TEST(Binary, SaturatedIsRightAndWrongToTheLimit) {
  for (const char* kind : {"op=bce-logits targets=prob", "op=mse-sigmoid targets=prob"}) {
    std::map<DType, std::set<std::string>> seen;
    for_rows_of("binary-saturated", kind, [&](std::int64_t row, const TestCase& c) {
      for (std::int64_t j = 0; j < c.problem.v; ++j) {
        const double x = c.logit(row, j), y = target_at(c, row, j);
        EXPECT_TRUE(y == 0 || y == 1);
        EXPECT_GE(std::fabs(x), 8);
        seen[c.problem.dtype].insert((x > 0) == (y == 1) ? "right" : "wrong");
        if (std::fabs(x) == largest(format(c.problem.dtype))) seen[c.problem.dtype].insert("limit");
      }
    });
    EXPECT_EQ(seen.size(), 4U);
    for (const auto& [dtype, kinds] : seen) EXPECT_EQ(kinds.size(), 3U) << name(dtype);
  }
}

TEST(Binary, InfiniteLogitsAreRightAndWrong) {
  std::int64_t right = 0, wrong = 0;
  for_rows_of("binary-infinite", "op=bce-logits targets=prob",
              [&](std::int64_t row, const TestCase& c) {
                EXPECT_LT(count_live(c, row), c.problem.v);
                bool any_wrong = false;
                for (std::int64_t j = 0; j < c.problem.v; ++j) {
                  const double x = c.logit(row, j);
                  if (std::isinf(x)) any_wrong |= (x > 0) != (target_at(c, row, j) == 1);
                }
                (any_wrong ? wrong : right) += 1;
              });
  EXPECT_GT(right, 0);
  EXPECT_GT(wrong, 0);
}

TEST(Binary, ChancesReachTheirEdges) {
  const std::string kind = "op=bce-prob targets=prob";
  for_rows_of("chances", kind, [](std::int64_t row, const TestCase& c) {
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      EXPECT_TRUE(c.logit(row, j) > 0 && c.logit(row, j) < 1);
    }
  });
  std::map<DType, std::set<std::string>> seen;
  for_rows_of("chances-edge", kind, [&](std::int64_t row, const TestCase& c) {
    const Format f = format(c.problem.dtype);
    std::set<std::string>& s = seen[c.problem.dtype];
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      const double x = c.logit(row, j), y = target_at(c, row, j);
      EXPECT_TRUE(x >= 0 && x <= 1);
      EXPECT_TRUE((x != 0 && x != 1) || x == y);
      if (x == 0) s.insert("0");
      if (x == 1) s.insert("1");
      if (x > 0 && x < power_of_two(f.emin)) s.insert("subnormal");
      if (x == 1 - power_of_two(-f.precision)) s.insert("last below 1");
    }
  });
  for (const auto& [dtype, kinds] : seen) EXPECT_EQ(kinds.size(), 4U) << name(dtype);
  for_rows_of("chances-zero", kind, [](std::int64_t row, const TestCase& c) {
    std::int64_t infinite = 0;
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      const double x = c.logit(row, j), y = target_at(c, row, j);
      infinite += (x == 0 && y > 0) || (x == 1 && y < 1);
    }
    EXPECT_EQ(infinite, 1);
  });
}

TEST(Information, LabelsOfSelfInformation) {
  for_rows_of("simplex", "op=cross-entropy", [](std::int64_t row, const TestCase& c) {
    EXPECT_GT(c.logit(row, c.label(row)), 0);
  });
  for_rows_of("disjoint-zero", "op=cross-entropy", [](std::int64_t row, const TestCase& c) {
    EXPECT_EQ(c.logit(row, c.label(row)), 0);
  });
}

TEST(Information, ProportionalIsExactAndUnnormalisedIsNot) {
  for_rows_of("proportional", "op=kl targets=prob", [](std::int64_t row, const TestCase& c) {
    const double ratio = c.logit(row, 0) / target_at(c, row, 0);
    EXPECT_TRUE(ratio >= 0.125 && ratio <= 8);
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      EXPECT_EQ(c.logit(row, j), ratio * target_at(c, row, j));
    }
  });
  std::set<bool> above;
  for_rows_of("unnormalised", "op=kl targets=prob", [&](std::int64_t row, const TestCase& c) {
    above.insert(mass(c, row) > 1);
  });
  EXPECT_EQ(above.size(), 2U);
}

TEST(Ignored, RowsHoldGarbageAndOthersNumbers) {
  const std::string kinds[] = {"op=ce ignore=-100", "op=ce ignore=2", "op=ce shift=on t=4",
                               "op=ce shift=on t=4 ignore=-1", "op=nll ignore=-100",
                               "op=cross-entropy ignore=7"};
  for (const std::string& kind : kinds) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const TestCase c = of("ignored-garbage", kind + " n=32 v=9", seed);
      for (std::int64_t row = 0; row < 32; ++row) {
        if (c.scored_class(row)) {
          EXPECT_EQ(count_live(c, row), 9) << kind;
          continue;
        }
        if (std::isnan(c.logit(row, 1))) seen.insert("NaN");
        else if (std::isnan(c.logit(row, 0))) seen.insert("mixed");
        else if (count_live(c, row) == 0) seen.insert("-inf");
      }
    }
    EXPECT_EQ(seen.size(), 3U) << kind;
  }
}

TEST(Ignored, NoneValidHasNoWeightLeft) {
  for (const char* kind : {"op=ce ignore=-100", "op=ce weights=on", "op=nll ignore=3 weights=on",
                           "op=ce shift=on ignore=-5 t=2"}) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const TestCase c = of("none-valid", std::string(kind) + " n=6 v=7", seed);
      double weight = 0;
      for (std::int64_t row = 0; row < 6; ++row) {
        if (const auto y = c.scored_class(row)) weight += c.weight_of(*y);
      }
      EXPECT_EQ(weight, 0) << kind;
    }
  }
}

TEST(Weights, ZerosAreAmongThemAndNotAll) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const TestCase c = of("zero-weights", "op=bce-logits targets=prob weights=on n=2 v=37", seed);
    std::int64_t zeros = 0;
    for (std::int64_t j = 0; j < 37; ++j) zeros += c.weight_of(j) == 0;
    EXPECT_TRUE(zeros > 0 && zeros < 37);
    const TestCase same = of("uniform-weights", "op=nll weights=on n=2 v=37", seed);
    for (std::int64_t j = 0; j < 37; ++j) EXPECT_EQ(same.weight_of(j), same.weight_of(0));
    EXPECT_GT(same.weight_of(0), 0);
  }
}

TEST(Weights, MaskedTargetsWeighNothing) {
  for (const char* kind : {"op=ce weights=on", "op=ce weights=on shift=on t=4"}) {
    std::int64_t masked = 0;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const TestCase c = of("zero-weight-masked", std::string(kind) + " n=12 v=5", seed);
      for (std::int64_t row = 0; row < 12; ++row) {
        const auto y = c.scored_class(row);
        if (!y || !std::isinf(c.logit(row, *y))) continue;
        ++masked;
        EXPECT_EQ(c.weight_of(*y), 0);
      }
    }
    EXPECT_GT(masked, 0);
  }
}

TEST(Options, CappedReachesBothSidesOfTheCap) {
  double least = 1, most = 0;
  for_rows_of("capped", "op=ce softcap=30 scale=-2", [&](std::int64_t row, const TestCase& c) {
    double farthest = 0;
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      farthest = std::max(farthest, std::fabs(2 * c.logit(row, j) / 30));
    }
    least = std::min(least, farthest);
    most = std::max(most, farthest);
  });
  EXPECT_LT(least, 0.5);
  EXPECT_GT(most, 32);
}

TEST(Options, SpecialRowsAreOneInTwo) {
  std::map<std::string, int> seen;
  for_rows_of("special-rows", "op=ce", [&](std::int64_t row, const TestCase& c) {
    bool nan = false;
    for (std::int64_t j = 0; j < c.problem.v; ++j) nan |= std::isnan(c.logit(row, j));
    const std::int64_t live = count_live(c, row);
    ++seen[nan ? "NaN" : live == 0 ? "-inf" : live < c.problem.v ? "+inf" : "ordinary"];
  });
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen["ordinary"], seen["NaN"] + seen["-inf"] + seen["+inf"]);
}

TEST(Options, DirectionsTakeTurns) {
  std::set<std::string> seen;
  const TestCase c = of("gaussian", "op=ce dir=hvp n=8 v=10", 3);
  for (std::int64_t row = 0; row < 8; ++row) {
    std::set<double> values;
    double sum = 0;
    for (std::int64_t j = 0; j < 10; ++j) {
      values.insert(c.direction.at(row * 10 + j));
      sum += c.direction.at(row * 10 + j);
    }
    if (values.size() == 1) seen.insert("constant");
    else if (values == std::set<double>{0, 1} && sum == 1) seen.insert("basis");
    else if (sum == 0) seen.insert("orthogonal to 1");
    else seen.insert("normal");
  }
  EXPECT_EQ(seen.size(), 4U);
}

TEST(Options, ShiftKeepsTheAimOfARow) {
  const TestCase c = of("confident", "op=ce shift=on t=5 n=20 v=9", 4);
  for (std::int64_t row = 0; row < 20; ++row) {
    const auto y = c.scored_class(row);
    EXPECT_EQ(y.has_value(), row % 5 != 4);
    EXPECT_TRUE(!y || c.logit(row, *y) == greatest(c, row));
  }
}

TEST(Options, EveryDomainTakesEveryOptionItFits) {
  const char* options[] = {
      "n=0 v=5",          "n=3 v=1",          "n=6 v=5 t=3 layout=bct",
      "n=6 v=5 dtype=f16", "n=6 v=5 dtype=bf16", "n=6 v=3 upstream=row dir=bwd",
      "n=4 v=4 weights=on", "n=4 v=4 ignore=1",   "n=4 v=4 ignore=-1 weights=on shift=on t=2",
      "n=4 v=4 dir=hvp",   "n=4 v=4 smoothing=0.1"};
  for (const Domain& domain : all_domains()) {
    std::int64_t made = 0;
    for (const std::string_view kind : kKinds) {
      for (const std::string option : options) {
        const std::string key = option.substr(option.rfind(' ') + 1);
        if (kind.find(key.substr(0, key.find('='))) != std::string_view::npos) continue;
        const Problem base = parse_problem(kind);
        const Problem p = parse_problems(option, base).front();
        if (meaningless(p) || !domain.fits(p)) continue;
        EXPECT_NO_THROW(validate(make_case(p, domain.name, 11))) << domain.name << to_text(p);
        ++made;
      }
    }
    EXPECT_TRUE(made > 0 || domain.name == "worked-example") << domain.name;
  }
}

}  // namespace
}  // namespace xent
