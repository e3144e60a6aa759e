// SPDX-License-Identifier: Apache-2.0
// oracle_attack CHECKS SEED: the enclosures of the two fast tiers against 257 bits, until as many
// have been compared; exit 1 with the first that misses the exact value.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "oracle/reference.h"
#include "oracle/simd/rows.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_random_case.h"

namespace xent {
namespace {

using namespace oracle_tests;

constexpr int kPrecise = 2;  // 257 bits

struct Tally {
  std::int64_t checks = 0;
  std::int64_t in_doubles = 0;  ///< enclosures as wide as only that tier's are
  std::int64_t misses = 0;
};

void print(const char* what, const Enclosure& e) {
  std::printf("%s kind %d: %a + %a +- %a\n", what, static_cast<int>(e.kind), e.hi, e.lo, e.rad);
}

/// Both contain the exact value, so they meet; the precise one is next to a point.
template <class Ask>
void check(Tally& t, const TestCase& c, const std::string& what, const Ask& ask) {
  const Enclosure precise = ask(kPrecise);
  for (const int level : {Reference::kQuick, 0}) {
    const Enclosure fast = ask(level);
    ++t.checks;
    if (level == Reference::kQuick && fast.rad > std::fabs(fast.hi) * 0x1p-60) ++t.in_doubles;
    if (intersects(fast, precise)) continue;
    if (t.misses++ > 0) continue;
    std::printf("%s of %s, level %d\n", what.c_str(), to_text(c.problem).c_str(), level);
    print("fast   ", fast);
    print("precise", precise);
  }
}

bool has_softmax(Op op) { return op == Op::ce || op == Op::lse || op == Op::mse_softmax; }

void check_case(Tally& t, const TestCase& c) {
  const Problem& p = c.problem;
  Reference ref(c);
  const auto at = [](const char* what, std::int64_t r, std::int64_t j) {
    return what + std::to_string(r) + "," + std::to_string(j);
  };
  for (std::int64_t i = 0; i < p.loss_size(); ++i) {
    check(t, c, at("loss ", i, 0), [&](int level) { return ref.loss(i, level); });
  }
  for (std::int64_t r = 0; r < p.n; ++r) {
    check(t, c, at("row loss ", r, 0), [&](int level) { return ref.row_loss(r, level); });
    if (has_softmax(p.op)) {
      check(t, c, at("lse ", r, 0), [&](int level) { return ref.lse(r, level); });
    }
    for (std::int64_t j = 0; j < p.v; ++j) {
      if (has_softmax(p.op)) {
        check(t, c, at("p ", r, j), [&](int level) { return ref.probability(r, j, level); });
      }
      if (p.wants_grad()) {
        check(t, c, at("grad ", r, j), [&](int level) { return ref.grad(r, j, level); });
      }
    }
  }
}

/// Next to where the reductions of the exponentials change their integer.
TestCase at_reduction_seams(Draw& draw) {
  const DType dtype = draw.one_of({DType::f32, DType::f64});
  Row z = {0};
  for (std::int64_t j = 1; j < 40; ++j) {
    const double step = draw.one_of({M_LN2 / 128, M_LN2});
    const double seam = (static_cast<double>(draw.below(draw.one_of({300, 90000}))) + 0.5) * step;
    z.push_back(rounded_to(-seam * (1 + (draw.uniform() - 0.5) * 0x1p-22), dtype));
  }
  return one_row(z, draw.below(40), "dir=fwdbwd dtype=" + std::string(name(dtype)));
}

TestCase next_case(Draw& draw) {
  if (draw.below(12) == 0) return at_reduction_seams(draw);
  const Op op = draw.one_of({Op::ce, Op::ce, Op::ce, Op::nll, Op::bce_logits, Op::bce_prob,
                             Op::entropy, Op::cross_entropy, Op::kl, Op::lse, Op::mse_softmax,
                             Op::mse_sigmoid});
  // One vector, several, around a block of elements, several blocks of a sum.
  const std::int64_t most = draw.below(400) == 0 ? 9000 : draw.one_of({7, 7, 7, 40, 40, 600});
  return random_case(draw, op, most);
}

int attack(std::int64_t checks, std::uint64_t seed) {
  if (const std::string why = simd_tiers_unusable(); !why.empty()) {
    std::printf("no fast tiers here: %s\n", why.c_str());
    return 77;
  }
  Draw draw(seed);
  Tally t;
  while (t.checks < checks && t.misses == 0) check_case(t, next_case(draw));
  std::printf("%lld enclosures, %lld of them in doubles, %lld miss the exact value\n",
              static_cast<long long>(t.checks), static_cast<long long>(t.in_doubles),
              static_cast<long long>(t.misses));
  // Half of the enclosures are asked of the doubles, and few rows may decline.
  const bool tried = t.in_doubles * 5 > t.checks;
  if (t.misses == 0 && !tried) std::printf("too few: the fast tiers were not tried\n");
  return t.misses == 0 && tried ? 0 : 1;
}

}  // namespace
}  // namespace xent

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return xent::attack(std::atoll(argv[1]), std::strtoull(argv[2], nullptr, 16));
}
