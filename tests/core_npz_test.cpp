// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/case_file.h"
#include "core/error.h"
#include "core/files.h"
#include "core/zip.h"

namespace xent {
namespace {

using Tensors = std::map<std::string, Tensor>;

std::string temporary(const std::string& name) { return testing::TempDir() + "xentcheck_" + name; }

Tensor ramp(DType dtype, std::vector<std::int64_t> shape) {
  Tensor t(dtype, std::move(shape));
  for (std::int64_t i = 0; i < t.size(); ++i) t.set(i, static_cast<double>(i % 7));
  return t;
}

Tensors captured() {
  return {{"logits", ramp(DType::f32, {3, 7})}, {"targets", ramp(DType::i64, {3})}};
}

std::string npy(const std::string& header, const std::string& data) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}

std::string header(const std::string& type, const std::string& order, const std::string& shape) {
  return "{'descr': " + type + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

std::string error_of(const std::string& archive) {
  try {
    read_npz(archive);
  } catch (const UsageError& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    return e.what();
  }
  return "accepted";
}

std::string error_of_array(const std::string& bytes) {
  return error_of(write_zip({{"logits.npy", bytes}}));
}

TEST(Zip, ChecksumOfThePublishedVector) {
  EXPECT_EQ(crc32("123456789"), 0xcbf43926u);
  EXPECT_EQ(crc32(""), 0u);
}

TEST(Npz, RoundTripsEveryType) {
  Tensors tensors;
  for (const DType d : {DType::f64, DType::f32, DType::f16, DType::i64, DType::i32, DType::u16}) {
    tensors[std::string(name(d))] = ramp(d, {2, 3, 5});
  }
  tensors["none"] = Tensor(DType::f32, {0, 4});
  const std::string path = temporary("types.npz");
  save_npz(path, tensors);
  EXPECT_EQ(load_npz(path), tensors);
  save_npz(path, {});
  EXPECT_TRUE(load_npz(path).empty());
}

TEST(Npz, BrainFloatsTravelAsTheirBits) {
  const std::string path = temporary("bf16.npz");
  Tensor logits = ramp(DType::bf16, {2, 4});
  save_npz(path, {{"logits", logits}, {"targets", ramp(DType::i32, {2})}});
  const Tensors loaded = load_npz(path);
  EXPECT_EQ(loaded.at("logits").dtype, DType::u16);
  const TestCase c = case_from_tensors(loaded, parse_problem("dtype=bf16"));
  EXPECT_EQ(c.input, logits);
  EXPECT_THROW(case_from_tensors(loaded, Problem{}), UsageError);
}

TEST(Npz, ArraysThatAreRefused) {
  EXPECT_EQ(error_of_array(npy(header("'<f4'", "False", "(2,)"), "12345678")), "accepted");
  EXPECT_EQ(error_of_array(npy(header("'<f4'", "False", "()"), "1234")), "accepted");
  EXPECT_EQ(error_of_array(npy(header("'>f4'", "False", "(2,)"), "12345678")),
            "array logits: type >f4 is big-endian; save little-endian");
  EXPECT_EQ(error_of_array(npy(header("'|O'", "False", "(2,)"), "12345678")),
            "array logits: Python objects (type |O); save numbers");
  EXPECT_EQ(error_of_array(npy(header("'|b1'", "False", "(8,)"), "12345678")),
            "array logits: type '|b1' is not one of <f8 <f4 <f2 <i8 <i4 <u2");
  EXPECT_EQ(error_of_array(npy(header("[('a', '<f4')]", "False", "(2,)"), "12345678")),
            "array logits: a structured type; save numbers");
  EXPECT_EQ(error_of_array(npy(header("'<f4'", "True", "(2, 1)"), "12345678")),
            "array logits: in Fortran order; save np.ascontiguousarray of it");
  EXPECT_EQ(error_of_array(npy(header("'<f4'", "False", "(1,)"), "12345678")),
            "array logits: shape (1) asks for 4 bytes, there are 8");
  EXPECT_EQ(error_of_array(npy(header("'<f4'", "False", "(3,)"), "12345678")),
            "array logits: shape (3) asks for 12 bytes, there are 8");
  EXPECT_EQ(error_of_array("\x93NUMPX\x01"), "array logits: not a .npy file, or a truncated one");
  EXPECT_EQ(error_of_array(npy("", "").replace(6, 1, "\x07")),
            "array logits: unknown .npy version 7");
  EXPECT_EQ(error_of_array(npy(header("'<f4'", "False", "(2,)"), "").substr(0, 30)),
            "array logits: truncated");
  EXPECT_EQ(error_of_array(npy("{'descr': '<f4'}", "")),
            "array logits: its .npy header is incomplete");
  for (const char* shape : {"(1152921504606846976,)", "(4294967296, 4294967296, 4294967296)",
                            "(4611686018427387904, 4)"}) {
    EXPECT_EQ(error_of_array(npy(header("'<f4'", "False", shape), "12345678")),
              "array logits: its shape asks for more data than there are");
  }
  for (const char* text : {"", "{", "{'descr'", "{'shape': (1, 2", "{'shape': (x,)}", "{1: 2}",
                           "{'fortran_order': Maybe}", "{'descr': 'a", "{'x': 1}", "{}x"}) {
    EXPECT_EQ(error_of_array(npy(text, "")).substr(0, 14), "array logits: ") << text;
  }
}

TEST(Npz, ArchivesThatAreRefused) {
  EXPECT_EQ(error_of(""), "not a zip archive, or a truncated one");
  EXPECT_EQ(error_of("some text that is no archive at all"),
            "not a zip archive, or a truncated one");
  EXPECT_EQ(error_of(write_zip({{"readme.txt", "x"}})), "array readme.txt: not a .npy file");
  const std::string array = npy(header("'<f4'", "False", "(2,)"), "12345678");
  EXPECT_EQ(error_of(write_zip({{"a.npy", array}, {"a.npy", array}})), "array a: given twice");
  std::string archive = write_zip({{"a.npy", array}});
  const std::size_t directory = archive.rfind("PK\x01\x02");
  std::string deflated = archive;
  deflated[directory + 10] = 8;
  EXPECT_EQ(error_of(deflated), "zip archive: member a.npy is compressed (method 8), as by "
                                "np.savez_compressed: save with np.savez");
  std::string encrypted = archive;
  encrypted[directory + 8] = 1;
  EXPECT_EQ(error_of(encrypted), "zip archive: member a.npy is encrypted");
  std::string corrupt = archive;
  corrupt[archive.find("12345678")] = '9';
  EXPECT_EQ(error_of(corrupt),
            "zip archive: member a.npy has a wrong checksum: truncated or damaged");
}

TEST(Npz, UnreadableAndUnwritablePaths) {
  const std::string text = temporary("text.npz");
  write_bytes(text, "no archive");
  for (const std::string& path : {text, temporary("absent.npz"), testing::TempDir()}) {
    try {
      load_npz(path);
      ADD_FAILURE() << path;
    } catch (const UsageError& e) {
      EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    }
  }
  EXPECT_THROW(save_npz(temporary("no/such.npz"), captured()), UsageError);
  EXPECT_THROW(save_npz(temporary("absent.npz"), {{"logits", Tensor()}}), UsageError);
}

void expect_same_or_refused(const std::string& archive, const Tensors& original) {
  try {
    EXPECT_EQ(read_npz(archive), original);
  } catch (const UsageError& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
  }
}

TEST(NpzFuzz, TruncationAndEveryFlippedBit) {
  const std::string path = temporary("whole.npz");
  save_npz(path, captured());
  const std::string archive = read_bytes(path);
  for (std::size_t size = 0; size < archive.size(); ++size) {
    expect_same_or_refused(archive.substr(0, size), captured());
  }
  for (std::size_t at = 0; at < archive.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = archive;
      damaged[at] ^= static_cast<char>(1 << bit);
      expect_same_or_refused(damaged, captured());
    }
  }
}

// Damage inside an array under a right checksum: the parser itself meets it.
TEST(NpzFuzz, DamagedHeadersNeverEscapeTheReader) {
  std::mt19937_64 random(13);
  const std::string array = npy(header("'<f4'", "False", "(2, 1)"), "12345678");
  int refused = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string damaged = array;
    for (std::uint64_t k = 0; k <= random() % 3; ++k) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    if (error_of_array(damaged) != "accepted") ++refused;
  }
  EXPECT_GT(refused, 25000);
}

std::string case_error(const Tensors& tensors, const Problem& base = {}) {
  try {
    case_from_tensors(tensors, base);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(CapturedTensors, ShapesAndTypesComeFromTheTensors) {
  Tensors t = captured();
  const TestCase c = case_from_tensors(t, parse_problem("n=9 v=9 dtype=f64 reduction=mean"));
  EXPECT_EQ(to_text(c.problem), "op=ce n=3 v=7 dtype=f32 dir=fwd reduction=mean");
  EXPECT_EQ(c.recipe.domain, "file");
  t["weight"] = ramp(DType::f32, {7});
  t["upstream"] = ramp(DType::f32, {3});
  EXPECT_EQ(to_text(case_from_tensors(t, {}).problem),
            "op=ce n=3 v=7 dtype=f32 dir=fwd weights=on upstream=row");
  t["upstream"] = ramp(DType::f32, {1});
  EXPECT_EQ(case_from_tensors(t, {}).problem.upstream, Upstream::scalar);
  t["targets"] = ramp(DType::f32, {3, 7});
  EXPECT_EQ(case_from_tensors(t, {}).problem.targets, TargetKind::prob);
}

TEST(CapturedTensors, SequencesAreFlattened) {
  Tensors t{{"logits", ramp(DType::f16, {2, 3, 5})}, {"targets", Tensor(DType::i32, {2, 3})}};
  const TestCase c = case_from_tensors(t, {});
  EXPECT_EQ(c.problem.n, 6);
  EXPECT_EQ(c.input.bytes, t["logits"].bytes);
  EXPECT_EQ(c.target.shape, std::vector<std::int64_t>{6});
  t["targets"] = Tensor(DType::i64, {6});
  EXPECT_EQ(case_error(t), "accepted");
  t["targets"] = ramp(DType::f16, {2, 3, 5});
  EXPECT_EQ(case_from_tensors(t, {}).target.shape, (std::vector<std::int64_t>{6, 5}));
  EXPECT_EQ(case_from_tensors(t, parse_problem("denominator=sequence")).problem.t, 3);
}

TEST(CapturedTensors, ShiftTakesItsSequencesFromTheShape) {
  const Tensors t{{"logits", ramp(DType::f32, {2, 3, 5})}, {"targets", Tensor(DType::i64, {2, 3})}};
  const TestCase c = case_from_tensors(t, parse_problem("shift=on"));
  EXPECT_EQ(to_text(c.problem), "op=ce n=6 v=5 dtype=f32 dir=fwd t=3 shift=on");
  EXPECT_FALSE(c.scored_class(2));
  EXPECT_EQ(c.scored_class(3), 0);
  EXPECT_EQ(case_from_tensors(t, {}).problem.t, 1);
}

TEST(CapturedTensors, DirectionsBelongToHvp) {
  Tensors t{{"logits", ramp(DType::f32, {2, 3, 5})}, {"targets", Tensor(DType::i64, {2, 3})}};
  const Problem hvp = parse_problem("dir=hvp");
  EXPECT_EQ(case_error(t, hvp),
            "tensors: direction missing; dir=hvp multiplies the Hessian with it");
  t["direction"] = ramp(DType::f32, {2, 3, 5});
  const TestCase c = case_from_tensors(t, hvp);
  EXPECT_EQ(c.direction.shape, (std::vector<std::int64_t>{6, 5}));
  EXPECT_EQ(c.direction.bytes, t["direction"].bytes);
  EXPECT_EQ(case_error(t), "tensors: direction given; say dir=hvp, or leave it out");
  t["direction"] = ramp(DType::f32, {5, 6});
  EXPECT_EQ(case_error(t, hvp), "tensors: direction of shape [5, 6]; wanted that of the logits");
  // What a case saves, a case reads.
  const std::string path = temporary("hvp.npz");
  save_npz(path, tensors_of(c));
  EXPECT_EQ(case_from_tensors(load_npz(path), hvp), c);
}

TEST(CapturedTensors, VectorTargetsChooseTheirKind) {
  for (const char* op : {"op=kl", "op=bce-logits", "op=mse-softmax", "op=cross-entropy"}) {
    const Tensors t{{"logits", ramp(DType::f32, {2, 3})}, {"targets", ramp(DType::f32, {2, 3})}};
    EXPECT_EQ(case_from_tensors(t, parse_problem(op)).problem.targets, TargetKind::prob) << op;
  }
}

TEST(CapturedTensors, OperationsTakeWhatTheyNeed) {
  EXPECT_TRUE(case_from_tensors(captured(), parse_problem("op=lse")).target.empty());
  EXPECT_EQ(case_error(captured(), parse_problem("op=kl")),
            "tensors: targets i64 [3]; wanted floats [3, 7]");
  Tensors mixed = captured();
  mixed["weight"] = ramp(DType::f64, {7});
  EXPECT_EQ(case_from_tensors(mixed, {}).weight.dtype, DType::f32);
  mixed["weight"].set(2, 0.1);
  EXPECT_EQ(case_error(mixed), "tensors: weight element 2 = 0.1 is no f32 number; save it in the "
                               "type of the logits");
}

TEST(CapturedTensors, ErrorsSayWhatIsWrong) {
  Tensors t = captured();
  t.erase("logits");
  EXPECT_EQ(case_error(t), "tensors: logits missing");
  t = captured();
  t.erase("targets");
  EXPECT_EQ(case_error(t), "tensors: targets missing");
  t["labels"] = Tensor(DType::i64, {3});
  EXPECT_EQ(case_error(t),
            "tensors: unknown array 'labels'; known: logits targets weight upstream "
            "direction");
  t = captured();
  t["targets"].set_integer(1, 7);
  EXPECT_EQ(case_error(t), "test case: targets[1] = 7 is outside [0, 7)");
  t["targets"] = Tensor(DType::i64, {4});
  EXPECT_EQ(case_error(t), "tensors: targets i64 [4]; wanted integers [3] or floats [3, 7]");
  t["targets"] = Tensor(DType::f32, {3});
  EXPECT_EQ(case_error(t), "tensors: targets f32 [3]; wanted integers [3] or floats [3, 7]");
  t = captured();
  t["logits"] = Tensor(DType::f32, {21});
  EXPECT_EQ(case_error(t), "tensors: logits of shape [21]; wanted [N, V] or [B, T, V]");
  t["logits"] = Tensor(DType::i64, {3, 7});
  EXPECT_EQ(case_error(t), "tensors: logits of type i64; wanted floats");
  t["logits"] = Tensor(DType::u16, {3, 7});
  EXPECT_EQ(case_error(t),
            "tensors: logits of type u16; say dtype=bf16 if they are the bits of bfloat16");
  t["logits"] = Tensor(DType::f32, {3, 0});
  EXPECT_EQ(case_error(t), "tensors: logits of shape [3, 0]: no class");
  t = captured();
  t["upstream"] = Tensor(DType::f32, {2});
  EXPECT_EQ(case_error(t), "tensors: upstream of shape [2]; wanted [3] or [1]");
  t.erase("upstream");
  t["weight"] = Tensor(DType::f32, {3});
  EXPECT_EQ(case_error(t), "test case: weight f32 [3], the problem asks for f32 [7]");
}

}  // namespace
}  // namespace xent
