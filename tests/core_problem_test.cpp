// SPDX-License-Identifier: Apache-2.0
#include "core/problem.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <set>
#include <string>

#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_problems(text);
  } catch (const UsageError& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    return e.what();
  }
  ADD_FAILURE() << "accepted: " << text;
  return {};
}

TEST(ProblemText, Golden) {
  EXPECT_EQ(to_text(Problem{}), "op=ce n=1 v=2 dtype=f32 dir=fwd");
  const std::string text =
      "op=ce n=4 v=50257 dtype=bf16 dir=fwdbwd reduction=mean ignore=-100 smoothing=0.1 weights=on "
      "upstream=scalar t=2 acc=f32 out=f32";
  const Problem p = parse_problem(text);
  EXPECT_EQ(to_text(p), text);
  EXPECT_EQ(p.smoothing, 0.1);
  EXPECT_EQ(p.ignore_index, -100);
  EXPECT_TRUE(p.weights);
  EXPECT_EQ(p.output_dtype(), DType::f32);
  EXPECT_EQ(parse_problem(" dir=fwd\top=ce \n"), Problem{});
  EXPECT_EQ(parse_problem("denominator=2.5").denominator_value, 2.5);
  EXPECT_EQ(to_text(parse_problem("op=bce-logits denominator=2.5")),
            "op=bce-logits n=1 v=2 dtype=f32 dir=fwd denominator=2.5");
}

class RandomProblems {
 public:
  Problem next() {
    Problem p;
    p.op = static_cast<Op>(below(10));
    p.dir = static_cast<Dir>(below(4));
    p.t = 1 + below(5);
    p.n = p.t * below(1000);
    p.v = 1 + below(300000);
    p.layout = static_cast<Layout>(below(3));
    if (below(3) == 0) p.stride = p.v + below(64);
    p.targets = static_cast<TargetKind>(below(2));
    p.reduction = static_cast<Reduction>(below(3));
    p.denominator = static_cast<Denominator>(below(4));
    if (p.denominator == Denominator::number) p.denominator_value = positive();
    if (below(2) == 0) p.ignore_index = below(200) - 100;
    if (below(2) == 0) p.smoothing = static_cast<double>(random_() >> 11) * 0x1p-53;
    p.weights = below(2) == 0;
    if (below(2) == 0) p.z_loss = positive();
    if (below(2) == 0) p.softcap = positive();
    if (below(2) == 0) p.scale = below(2) == 0 ? positive() : -positive();
    p.upstream = static_cast<Upstream>(below(3));
    p.dtype = static_cast<DType>(below(4));
    if (below(2) == 0) p.accumulate = static_cast<DType>(below(4));
    if (below(2) == 0) p.output = static_cast<DType>(below(4));
    p.unit = static_cast<Unit>(below(3));
    p.shift = below(2) == 0;
    constexpr const char* kDialects[] = {"math", "pytorch", "onnx", "optax"};
    p.dialect = kDialects[below(4)];
    return p;
  }

 private:
  std::int64_t below(std::uint64_t n) { return static_cast<std::int64_t>(random_() % n); }
  // Any positive finite double, subnormal ones included.
  double positive() {
    for (;;) {
      const double x = std::bit_cast<double>(random_() & 0x7fffffffffffffffu);
      if (x > 0 && x < HUGE_VAL) return x;
    }
  }
  std::mt19937_64 random_{7};
};

TEST(ProblemText, RoundTripsOverRandomProblems) {
  RandomProblems random;
  std::set<std::string> texts;
  for (int i = 0; i < 20000; ++i) {
    const Problem p = random.next();
    const std::string text = to_text(p);
    ASSERT_EQ(parse_problem(text), p) << text;
    ASSERT_EQ(to_text(parse_problem(text)), text);
    const std::string file = slug(p);
    ASSERT_EQ(file.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_"),
              std::string::npos)
        << file;
    texts.insert(text);
  }
  EXPECT_GT(texts.size(), 19000u);
}

TEST(ProblemText, TheNewerWords) {
  for (const char* text :
       {"op=mse-softmax n=1 v=2 dtype=f32 dir=fwdbwd targets=prob",
        "op=mse-sigmoid n=1 v=2 dtype=f32 dir=fwd targets=prob",
        "op=ce n=6 v=4 dtype=f32 dir=hvp reduction=mean t=3 shift=on dialect=pytorch",
        "op=nll n=1 v=2 dtype=f64 dir=fwd reduction=mean unit=perplexity"}) {
    EXPECT_EQ(to_text(parse_problem(text)), text);
    EXPECT_EQ(meaningless(parse_problem(text)), std::nullopt) << text;
  }
  EXPECT_TRUE(parse_problem("shift=on").shift);
  EXPECT_EQ(parse_problem("unit=perplexity").unit, Unit::perplexity);
  EXPECT_EQ(parse_problem("op=mse-sigmoid").op, Op::mse_sigmoid);
}

TEST(ProblemText, ListsAndRangesMakeTheCrossProduct) {
  const auto v = parse_problems("v=10,100:130:10,50257");
  std::vector<std::int64_t> values;
  for (const Problem& p : v) values.push_back(p.v);
  EXPECT_EQ(values, (std::vector<std::int64_t>{10, 100, 110, 120, 130, 50257}));

  const auto product = parse_problems("n=1:3 dtype=f32,bf16");
  ASSERT_EQ(product.size(), 6u);
  EXPECT_EQ(product[0].dtype, DType::f32);
  EXPECT_EQ(product[1].dtype, DType::bf16);  // the last key is the fastest
  EXPECT_EQ(product[1].n, 1);
  EXPECT_EQ(product[2].n, 2);
  EXPECT_EQ(parse_problems("ignore=-2:1,none").size(), 5u);
}

TEST(ProblemText, BaseFillsWhatIsNotNamed) {
  Problem base;
  base.smoothing = 0.25;
  base.output = DType::f64;
  EXPECT_EQ(parse_problems("", base), std::vector<Problem>{base});
  const auto problems = parse_problems("v=3,4 out=auto", base);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[1].smoothing, 0.25);
  EXPECT_FALSE(problems[1].output);
}

TEST(ProblemText, ErrorsSayWhatToDo) {
  EXPECT_EQ(error_of("reducton=mean"),
            "problem: unknown key 'reducton'; nearest: reduction");
  EXPECT_EQ(error_of("reduction=avg"), "problem: reduction=avg is not one of: none sum mean");
  EXPECT_EQ(error_of("op=CE"), "problem: op=CE is not one of: ce bce-logits bce-prob entropy "
                               "cross-entropy kl lse nll mse-softmax mse-sigmoid");
  EXPECT_EQ(error_of("unit=ppl"), "problem: unit=ppl is not one of: nats bits perplexity");
  EXPECT_EQ(error_of("shift=1"), "problem: shift=1 is not one of: on off");
  EXPECT_EQ(error_of("n"), "problem: 'n' is not of the form key=value");
  EXPECT_EQ(error_of("n=3 v=2 n=4"), "problem: n is given twice");
  EXPECT_EQ(error_of("n=-1"), "problem: n=-1 is negative");
  EXPECT_EQ(error_of("v=0"), "problem: v=0 must be at least 1");
  EXPECT_EQ(error_of("n=4611686018427387904 v=4"),
            "problem: n=4611686018427387904 rows of 4 elements overflow the address range");
  EXPECT_EQ(error_of("n=99999999999999999999"),
            "problem: n=99999999999999999999 is not a whole number of 64 bits");
  EXPECT_EQ(error_of("n=3 t=2"), "problem: t=2 must divide n=3");
  EXPECT_EQ(error_of("v=5 stride=4"), "problem: stride=4 is less than v=5");
  EXPECT_EQ(error_of("smoothing=1.5"), "problem: smoothing=1.5 must be in [0, 1]");
  EXPECT_EQ(error_of("smoothing=nan"), "problem: smoothing=nan must be in [0, 1]");
  EXPECT_EQ(error_of("scale=inf"), "problem: scale must be finite");
  EXPECT_EQ(error_of("dtype=i64"), "problem: dtype=i64 is not one of: f64 f32 f16 bf16");
  EXPECT_EQ(error_of("weights=yes"), "problem: weights=yes is not one of: on off");
  EXPECT_EQ(error_of("dialect=maths"), "problem: dialect=maths is not one of: math pytorch onnx "
                                     "optax");
  EXPECT_EQ(error_of("denominator=-1"), "problem: denominator=-1 must be above 0");
  EXPECT_EQ(error_of("v="), "problem: v= is not a whole number of 64 bits");
  EXPECT_EQ(error_of("v=2,"), "problem: v= is not a whole number of 64 bits");
}

TEST(ProblemText, RangesAreGuarded) {
  for (const char* text : {"v=5:1", "v=1:5:0", "v=1:5:-1"}) {
    EXPECT_NE(error_of(text).find("is empty"), std::string::npos) << text;
  }
  for (const char* text : {"smoothing=0:1", "v=1:2:3:4", "op=ce:kl"}) {
    EXPECT_NE(error_of(text).find("first:last:step"), std::string::npos) << text;
  }
  for (const char* text :
       {"n=1:1000000000000", "ignore=-9223372036854775807:9223372036854775807",
        "n=1:1000 v=1:1000"}) {
    EXPECT_NE(error_of(text).find("more than 100000 problems"), std::string::npos) << text;
  }
}

TEST(ProblemText, EveryKeyIsListedOnceAndAccepted) {
  std::set<std::string_view> keys;
  for (const ProblemKey& key : problem_keys()) {
    EXPECT_TRUE(keys.insert(key.key).second);
    EXPECT_FALSE(key.help.empty());
    EXPECT_EQ(error_of(std::string(key.key) + "=?").find("unknown key"), std::string::npos);
  }
  EXPECT_EQ(keys.size(), 23u);
}

TEST(Text, NearestNamesByEditDistance) {
  const std::vector<std::string> names{"gaussian", "masked", "masked-target", "ties"};
  EXPECT_EQ(nearest("maskd", names).front(), "masked");
  EXPECT_TRUE(nearest("zzzzzz", names).empty());
  EXPECT_EQ(nearest_hint("tie", names), "; nearest: ties");
  EXPECT_EQ(nearest_hint("zzzzzz", names), "");
}

TEST(Text, ShortestParsesBack) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 100000; ++i) {
    const double x = std::bit_cast<double>(random());
    if (!(x - x == 0)) continue;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(*parse_double(shortest(x))),
              std::bit_cast<std::uint64_t>(x));
  }
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_FALSE(parse_double("0.1 "));
  EXPECT_FALSE(parse_hex("1F"));
  EXPECT_EQ(parse_hex("1f"), 31u);
}

// Offset basis and the published value of "a".
TEST(Text, Fnv1aPublishedVectors) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325u);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8u);
  EXPECT_EQ(fnv1a("bar", fnv1a("foo")), fnv1a("foobar"));
}

}  // namespace
}  // namespace xent
