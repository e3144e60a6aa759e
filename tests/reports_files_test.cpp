// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "core/error.h"
#include "reports/reports.h"
#include "tests/reports_sample.h"

namespace xent {
namespace {

namespace fs = std::filesystem;

class ReportsFiles : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    place_ = fs::path(testing::TempDir()) /
             ("xent_reports_" + std::to_string(getpid()) + "_" + test->name());
    fs::remove_all(place_);
    fs::create_directories(place_);
  }
  void TearDown() override { fs::remove_all(place_); }

  static std::string content(const fs::path& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }

  static std::ptrdiff_t entries(const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  }

  template <class F>
  static std::string fault(F&& f) {
    try {
      f();
    } catch (const UsageError& e) {
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
      return e.what();
    }
    return "no error";
  }

  static void expect_parts(const std::string& text, const std::string& a, const std::string& b) {
    EXPECT_NE(text.find(a), std::string::npos) << text;
    EXPECT_NE(text.find(b), std::string::npos) << text;
  }

  fs::path place_;
};

TEST_F(ReportsFiles, WriteCreatesFoldersAndReplacesWholeFiles) {
  const fs::path path = place_ / "a" / "b" / "report.md";
  write_file(path, "first, and longer");
  write_file(path, "second");
  EXPECT_EQ(content(path), "second");
  EXPECT_EQ(entries(path.parent_path()), 1) << "a temporary file was left";
}

TEST_F(ReportsFiles, WriteKeepsLinks) {
  write_file(place_ / "real", "old");
  fs::create_symlink("real", place_ / "link");
  write_file(place_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(place_ / "link"));
  EXPECT_EQ(content(place_ / "real"), "new");
}

TEST_F(ReportsFiles, WriteSaysWhereAndWhyItCannot) {
  write_file(place_ / "file", "x");
  const fs::path below = place_ / "file" / "report.md";
  expect_parts(fault([&] { write_file(below, "y"); }), below.string(), "Not a directory");
  expect_parts(fault([&] { write_file(place_, "y"); }), place_.string(), "Is a directory");
  EXPECT_EQ(content(place_ / "file"), "x");
}

TEST_F(ReportsFiles, WriteReportsAFullDevice) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  expect_parts(fault([] { write_file("/dev/full", "y"); }), "/dev/full", "No space left");
}

TEST_F(ReportsFiles, LoadReadsWhatWasWritten) {
  const fs::path path = place_ / "results.json";
  write_file(path, to_json(sample_results()));
  EXPECT_EQ(to_json(load_results(path)), to_json(sample_results()));
}

TEST_F(ReportsFiles, LoadNamesTheFile) {
  const fs::path path = place_ / "results.json";
  const auto load = [&](const fs::path& p) { return fault([&] { load_results(p); }); };
  expect_parts(load(path), path.string(), "No such file");
  expect_parts(load(place_), place_.string(), "folder");
  write_file(path, "{\"schema\": 2}");
  expect_parts(load(path), path.string(), "schema 2");
  write_file(path, "");
  expect_parts(load(path), path.string(), "malformed JSON");
}

}  // namespace
}  // namespace xent
