// SPDX-License-Identifier: Apache-2.0
#include "core/case_file.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files.h"

namespace xent {
namespace {

CaseFile small_case() {
  CaseFile file;
  file.test_case.problem = parse_problem("n=1 v=2");
  file.test_case.recipe = {"shrunk", 1};
  file.test_case.input = Tensor(DType::f32, {1, 2});
  file.test_case.input.set(0, 100);
  file.test_case.target = Tensor(DType::i64, {1});
  file.kernel = "scalar/naive";
  file.property = "loss.extreme-logits";
  return file;
}

const char* const kGolden =
    "xentcase 1\n"
    "problem op=ce n=1 v=2 dtype=f32 dir=fwd\n"
    "domain shrunk\n"
    "seed 0x1\n"
    "kernel scalar/naive\n"
    "property loss.extreme-logits\n"
    "tensor logits f32 1 2 text\n"
    "0x1.9p+6 0x0p+0\n"
    "tensor targets i64 1 text\n"
    "0\n"
    "end fnv1a=0781c184c5c41971\n";

bool same(const CaseFile& a, const CaseFile& b) {
  return a.test_case == b.test_case && a.kernel == b.kernel && a.property == b.property;
}

TEST(CaseFileText, Golden) {
  EXPECT_EQ(write_case(small_case()), kGolden);
  EXPECT_TRUE(same(read_case(kGolden), small_case()));
}

CaseFile random_case(std::mt19937_64& random) {
  const DType dtype = static_cast<DType>(random() % 4);
  Problem p;
  p.dtype = dtype;
  p.n = static_cast<std::int64_t>(random() % 4);
  p.v = 1 + static_cast<std::int64_t>(random() % (random() % 16 == 0 ? 2000 : 6));
  p.weights = random() % 2 == 0;
  p.upstream = static_cast<Upstream>(random() % 3);
  p.targets = static_cast<TargetKind>(random() % 2);
  if (random() % 4 == 0) p.dir = Dir::hvp;
  CaseFile file;
  TestCase& c = file.test_case;
  c.problem = p;
  c.recipe = {"file", random()};
  if (random() % 2 == 0) file.kernel = "a/b c";
  if (random() % 2 == 0) file.property = "loss.accurate";
  const auto noise = [&](std::vector<std::int64_t> shape) {
    Tensor t(dtype, std::move(shape));
    for (std::byte& byte : t.bytes) byte = static_cast<std::byte>(random());
    return t;
  };
  c.input = noise({p.n, p.v});
  c.target = has_vector_targets(p) ? noise({p.n, p.v}) : Tensor(DType::i64, {p.n});
  if (p.weights) c.weight = noise({p.v});
  if (p.dir == Dir::hvp) c.direction = noise({p.n, p.v});
  if (p.upstream != Upstream::one) c.upstream = noise({p.upstream == Upstream::row ? p.n : 1});
  return file;
}

// Random bits: every NaN payload, subnormal and sign comes back.
TEST(CaseFileText, RoundTripsEveryBit) {
  std::mt19937_64 random(5);
  bool raw = false;
  for (int i = 0; i < 2000; ++i) {
    const CaseFile file = random_case(random);
    const std::string text = write_case(file);
    raw = raw || text.find(" raw\n") != std::string::npos;
    ASSERT_TRUE(same(read_case(text), file)) << text;
    ASSERT_EQ(write_case(read_case(text)), text);
  }
  EXPECT_TRUE(raw);
}

TEST(CaseFileText, LargeTensorsAreRaw) {
  CaseFile file = small_case();
  file.test_case.problem.v = 4097;
  file.test_case.input = Tensor(DType::f32, {1, 4097});
  file.test_case.input.set(4096, std::numeric_limits<double>::infinity());
  const std::string text = write_case(file);
  EXPECT_NE(text.find("tensor logits f32 1 4097 raw\n"), std::string::npos);
  EXPECT_TRUE(same(read_case(text), file));
}

std::string error_of(std::string text) {
  try {
    read_case(text);
  } catch (const UsageError& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    return e.what();
  }
  return "accepted";
}

// The golden case by hand, with one piece replaced and without a checksum.
std::string error_with(const std::string& piece, const std::string& instead) {
  std::string text(kGolden);
  text = text.substr(0, text.rfind("end ")) + "end unchecked\n";
  text.replace(text.find(piece), piece.size(), instead);
  return error_of(text);
}

TEST(CaseFileText, HandWrittenCases) {
  EXPECT_EQ(error_with("0x1.9p+6", "100"), "accepted");
  EXPECT_EQ(error_with("0x1.9p+6", "0.1"), "accepted");
  EXPECT_EQ(error_with("0x1.9p+6", "-inf"), "accepted");
  EXPECT_EQ(error_with("0x1.9p+6", "nan:ffc00001"), "accepted");
  EXPECT_EQ(error_with("kernel scalar/naive\n", ""), "accepted");
  EXPECT_EQ(error_with("0x1.9p+6 0x0p+0", "0x1.9p+6\n0x0p+0"), "accepted");
}

TEST(CaseFileText, ErrorsSayWhatIsWrong) {
  EXPECT_EQ(error_of(""), "not a case file: it does not start with 'xentcase'");
  EXPECT_EQ(error_of("PK\x03\x04"), "not a case file: it does not start with 'xentcase'");
  EXPECT_EQ(error_of("xentcase 2\nend unchecked\n"),
            "case file: version '2' is not known, only 1");
  const std::string golden(kGolden);
  EXPECT_EQ(error_of(golden.substr(0, golden.size() / 2)),
            "case file: the last line is not 'end ...': truncated, or something follows");
  EXPECT_EQ(error_of(golden + "x"),
            "case file: the last line is not 'end ...': truncated, or something follows");
  std::string flipped = golden;
  flipped[flipped.find("1.9p")] = '2';
  EXPECT_NE(error_of(flipped).find("case file: damaged: its checksum is"), std::string::npos);
  EXPECT_EQ(error_with("f32 1 2 text", "f32 1 3 text"),
            "case file, line 9: tensor logits has 2 elements, not 3");
  EXPECT_EQ(error_with("f32 1 2 text", "f32 1 1 text"),
            "case file, line 8: tensor logits has more than 1 elements");
  EXPECT_EQ(error_with("logits f32", "logits f64"),
            "test case: logits f64 [1, 2], the problem asks for f32 [1, 2]");
  EXPECT_EQ(error_with("logits f32", "logits f8"),
            "case file, line 7: unknown element type 'f8'");
  EXPECT_EQ(error_with("\n0\n", "\n2\n"), "test case: targets[0] = 2 is outside [0, 2)");
  EXPECT_EQ(error_with("\n0\n", "\n0.5\n"), "case file, line 10: '0.5' is not of type i64");
  EXPECT_EQ(error_with("seed 0x1", "seed 1"),
            "case file, line 4: seed '1' is not of the form 0x1f");
  EXPECT_EQ(error_with("domain", "dominion"), "case file, line 3: expected 'domain ...'");
  EXPECT_EQ(error_with("tensor targets", "tensor logits"),
            "case file, line 9: tensor logits is given twice");
  EXPECT_EQ(error_with("tensor targets", "tensor labels"),
            "case file, line 9: unknown tensor 'labels'; known: logits targets weight upstream "
            "direction");
  EXPECT_EQ(error_with("tensor targets i64 1 text\n0\n", ""),
            "test case: targets missing; the problem asks for i64 [1]");
  EXPECT_EQ(error_with("op=ce", "op=cd"), "problem: op=cd is not one of: ce bce-logits bce-prob "
                                          "entropy cross-entropy kl lse nll mse-softmax "
                                          "mse-sigmoid");
  for (const char* bad : {"nan", "nan:7f800000", "nan:7fc0000", "0x1.000001p+0", "1e39", "--1",
                          "0x-1p+0", "infinity", "0x", "+1", "1..2"}) {
    EXPECT_EQ(error_with("0x1.9p+6", bad),
              "case file, line 8: '" + std::string(bad) + "' is not of type f32");
  }
}

TEST(CaseFileText, HugeExtentsAreRefusedBeforeAllocation) {
  for (const char* extents :
       {"1152921504606846976 1", "4294967296 4294967296 4294967296", "1000000 0 1000000000000",
        "9223372036854775807 2"}) {
    const std::string error = error_with("f32 1 2 text", std::string("f32 ") + extents + " raw");
    EXPECT_NE(error.find("does not fit into the rest of the file"), std::string::npos) << error;
  }
}

// Every reader error is a UsageError; what is accepted is the identical case.
void expect_same_or_refused(const std::string& text, const CaseFile& original) {
  try {
    EXPECT_TRUE(same(read_case(text), original)) << text;
  } catch (const UsageError& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
  }
}

TEST(CaseFileFuzz, TruncationAndFlippedBits) {
  std::mt19937_64 random(9);
  for (int i = 0; i < 60; ++i) {
    const CaseFile file = random_case(random);
    const std::string text = write_case(file);
    if (text.size() > 20000) continue;
    for (std::size_t size = 0; size < text.size(); size += 1 + random() % 3) {
      expect_same_or_refused(text.substr(0, size), file);
    }
    for (int flip = 0; flip < 300; ++flip) {
      std::string damaged = text;
      damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
      expect_same_or_refused(damaged, file);
    }
  }
}

// Without the checksum the parser itself meets the damage.
TEST(CaseFileFuzz, UncheckedDamageNeverEscapesTheReader) {
  std::mt19937_64 random(10);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text(kGolden);
    text = text.substr(0, text.rfind("end ")) + "end unchecked\n";
    for (std::uint64_t k = 0; k <= random() % 4; ++k) {
      const std::size_t at = random() % (text.size() - 15);
      if (random() % 2 == 0) {
        text[at] = static_cast<char>(random());
      } else {
        text.erase(at, 1 + random() % 5);
      }
    }
    try {
      validate(read_case(text).test_case);
    } catch (const UsageError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10000);
}

TEST(CaseFileDisk, SavesAndNamesThePathInErrors) {
  const std::string path = testing::TempDir() + "xentcheck_core.case";
  save_case(path, small_case());
  EXPECT_TRUE(same(load_case(path), small_case()));
  write_bytes(path, "nonsense");
  for (const std::string& bad : {path, testing::TempDir() + "no/such.case", testing::TempDir()}) {
    try {
      load_case(bad);
      ADD_FAILURE() << bad;
    } catch (const UsageError& e) {
      EXPECT_NE(std::string(e.what()).find(bad), std::string::npos) << e.what();
    }
  }
  EXPECT_THROW(save_case(testing::TempDir() + "no/such.case", small_case()), UsageError);
  CaseFile two_lines = small_case();
  two_lines.kernel = "a\nb";
  EXPECT_THROW(write_case(two_lines), UsageError);
}

}  // namespace
}  // namespace xent
