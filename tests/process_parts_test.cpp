// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "impl/process/death.h"
#include "impl/process/layout.h"
#include "impl/process/memory.h"
#include "impl/process/poison.h"
#include "impl/process/pool.h"
#include "impl/process/private_folder.h"

namespace xent::process {
namespace {

namespace fs = std::filesystem;

ArenaLayout layout_of(const std::string& problem, Placement placement, std::size_t workspace = 0) {
  return {shapes_of(parse_problem(problem), false, workspace), {placement}};
}

const ArenaLayout::Piece& input_of(const ArenaLayout& layout) {
  return *layout.piece(0, Slot::input);
}

/// The name of the byte so many bytes from the input's first element.
std::string name_at(const ArenaLayout& layout, std::int64_t byte) {
  const ArenaLayout::Piece& p = input_of(layout);
  return layout.place(static_cast<std::uint64_t>(static_cast<std::int64_t>(p.at + p.front) + byte))
      .text;
}

TEST(ProcessLayout, PlacesEndOnAPageOrStartOnOne) {
  const std::string problem = "op=ce n=3 v=5 dtype=f32 dir=fwdbwd";
  const ArenaLayout start = layout_of(problem, {}), end = layout_of(problem, {true, 0});
  EXPECT_EQ(input_of(start).front, 0u);
  EXPECT_EQ(input_of(end).back(), input_of(end).bytes);
  EXPECT_EQ(input_of(end).front, kPage - 60);
  const ArenaLayout offset = layout_of(problem, {false, 3});
  EXPECT_EQ(input_of(offset).front, 12u);
  EXPECT_EQ(offset.piece(0, Slot::target)->front, 2 * 3 * 8u);
  EXPECT_EQ(offset.piece(0, Slot::grad)->front, 5 * 3 * 4u);
}

TEST(ProcessLayout, WorkspaceIsAligned) {
  for (const std::size_t bytes : {1u, 63u, 64u, 100u, 5000u}) {
    const ArenaLayout end = layout_of("op=ce n=1 v=2 dtype=f32 dir=fwd", {true, 0}, bytes);
    const ArenaLayout::Piece& w = *end.piece(0, Slot::workspace);
    EXPECT_EQ(w.front % 64, 0u);
    EXPECT_GE(w.shape.extent(), bytes);
    EXPECT_LT(w.bytes - w.back(), 64u);
  }
}

TEST(ProcessLayout, TensorsNeverTouch) {
  const ArenaLayout layout(
      shapes_of(parse_problem("op=ce n=3 v=5 dtype=f32 dir=hvp upstream=row weights=on"), false, 9),
      {{false, 0}, {true, 0}});
  std::size_t behind = 0, in_memory = 0;
  for (const ArenaLayout::Piece& p : layout.pieces()) {
    EXPECT_GE(p.at, behind + kPage);
    EXPECT_EQ(p.at % kPage, 0u);
    EXPECT_EQ(p.memory_at, in_memory);
    behind = p.at + p.bytes;
    in_memory += p.bytes;
  }
  EXPECT_GE(layout.bytes(), behind + kPage);
  EXPECT_EQ(layout.memories(), std::vector<std::size_t>{in_memory});
  EXPECT_EQ(layout.pieces().size(), 2u * 7);
}

TEST(ProcessLayout, NamesElementsAndWhatIsAround) {
  const ArenaLayout rows = layout_of("op=ce n=3 v=5 stride=7 dtype=f32 dir=fwd", {});
  EXPECT_EQ(name_at(rows, 0), "logits[0,0]");
  EXPECT_EQ(name_at(rows, 7 * 4 + 3), "logits[1,0]");
  EXPECT_EQ(name_at(rows, (2 * 7 + 4) * 4), "logits[2,4]");
  EXPECT_EQ(name_at(rows, 5 * 4), "row padding of logits after row 0");
  EXPECT_EQ(name_at(rows, 20 * 4), "row padding of logits after row 2");
  EXPECT_EQ(name_at(rows, 21 * 4), "4 bytes past the end of logits");
  EXPECT_EQ(name_at(rows, 21 * 4 + 4), "8 bytes past the end of logits");
  EXPECT_EQ(name_at(rows, -1), "4 bytes before the start of logits");
  EXPECT_EQ(name_at(rows, -5), "8 bytes before the start of logits");
  EXPECT_EQ(rows.place(rows.pieces()[1].at).text, "targets[0]");
  EXPECT_TRUE(rows.place(rows.pieces()[2].at).output);
}

TEST(ProcessLayout, NamesElementsOfSequencesByRowAndClass) {
  const ArenaLayout bct = layout_of("op=ce n=6 v=5 t=3 layout=bct dtype=f16 dir=fwd", {});
  std::set<std::string> names;
  for (std::int64_t i = 0; i < 30; ++i) names.insert(name_at(bct, 2 * i));
  EXPECT_EQ(names.size(), 30u);
  // [B, V, T]: sequence 1, class 4, position 2 is the last; class 1 of row 0 is T elements on.
  EXPECT_EQ(name_at(bct, 2 * 29), "logits[5,4]");
  EXPECT_EQ(name_at(bct, 2 * 3), "logits[0,1]");
  EXPECT_EQ(name_at(bct, 2 * 30), "2 bytes past the end of logits");
}

class Named final : public Namer {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  Place place(std::uint64_t offset) const override {
    return {name_ + "+" + std::to_string(offset), true, true};
  }

 private:
  std::string name_;
};

TEST(ProcessAddresses, AreFreshAndSkipWhatIsInUse) {
  Addresses all;
  all.use(1000, 120);  // a quarter is for calls at the same place
  const auto a = all.take(30, std::make_shared<Named>("a"));
  const auto b = all.take(30, std::make_shared<Named>("b"));
  EXPECT_EQ(a, 1000u);
  EXPECT_EQ(b, 1030u);
  all.give_back(a);
  EXPECT_EQ(all.take(30, std::make_shared<Named>("c")), 1060u);
  EXPECT_EQ(all.place(1035)->text, "b+5");
  EXPECT_EQ(all.place(1005)->text, "a+5 of an earlier call");
  EXPECT_TRUE(all.place(1005)->earlier);
  EXPECT_EQ(all.place(1095)->text, "memory of an earlier call");
  EXPECT_FALSE(all.place(999));
  // Round again: where a was there is room for 30, not for 31.
  EXPECT_EQ(all.take(30, std::make_shared<Named>("d")), 1000u);
  EXPECT_THROW(all.take(31, std::make_shared<Named>("e")), std::runtime_error);
  EXPECT_EQ(all.place(1005)->text, "d+5");
}

TEST(ProcessAddresses, AreTheSameAgainForWhoAsksForThat) {
  Addresses all;
  all.use(1000, 120);
  const auto a = all.take_again(20, std::make_shared<Named>("a"));
  EXPECT_NE(all.take_again(20, std::make_shared<Named>("b")), a);  // a is in use
  all.give_back(a);
  EXPECT_EQ(all.take_again(25, std::make_shared<Named>("c")), a);
  EXPECT_EQ(all.place(a + 1)->text, "c+1");
  EXPECT_LT(all.take_again(31, std::make_shared<Named>("d")), a);
}

TEST(ProcessPoison, FindsEveryByteThatWasWritten) {
  const Poison poison(DType::f64);
  for (const std::size_t phase : {0u, 3u}) {
    std::vector<std::byte> bytes(61);
    poison.fill(bytes, phase);
    EXPECT_EQ(poison.written(bytes, phase).first, bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] ^= std::byte{1};
      EXPECT_EQ(poison.written(bytes, phase), std::pair(i, i + 1));
      bytes[i] ^= std::byte{1};
    }
    bytes[2] = bytes[40] = std::byte{0x55};
    EXPECT_EQ(poison.written(bytes, phase), (std::pair<std::size_t, std::size_t>(2, 41)));
  }
}

TEST(ProcessMemory, HandsOutWhatStaysWhenTheMemoryIsGone) {
  Bytes bytes;
  {
    Memory large(3 * kWindow);
    EXPECT_FALSE(large.mapped());
    const std::vector<std::byte> some(100, std::byte{7});
    large.write(2 * kWindow + 5, some);
    bytes = large.hand_out(2 * kWindow + 5, 100);
  }
  const Bytes copy = bytes;
  EXPECT_EQ(std::as_const(bytes)[99], std::byte{7});
  bytes[0] = std::byte{1};
  EXPECT_EQ(std::as_const(copy)[0], std::byte{7});
}

/// A crash by this signal at this address, as a host notes it.
Death crash(int signal, std::uint64_t address, bool writing, Phase phase = Phase::calling,
            int code = SEGV_MAPERR) {
  Addresses all;
  all.use(1 << 20, 1 << 20);
  all.take(4096, std::make_shared<Named>("grad"));
  Control control{};
  control.signal = static_cast<std::uint32_t>(signal);
  control.code = code;
  control.address = address;
  control.writing = writing ? 1 : 0;
  control.stack_pointer = std::uint64_t{1} << 40;
  control.phase = static_cast<std::uint32_t>(phase);
  return death_of({signal, Ending::own, {}, {}}, control, all);
}

TEST(ProcessDeath, SaysWhatHappened) {
  constexpr std::uint64_t kGrad = 1 << 20, kStack = std::uint64_t{1} << 40;
  EXPECT_STREQ(crash(SIGSEGV, kGrad + 3, true).what(), "crash: wrote grad+3 (SIGSEGV)");
  EXPECT_STREQ(crash(SIGBUS, kGrad, false).what(), "crash: read grad+0 (SIGBUS)");
  EXPECT_STREQ(crash(SIGSEGV, 16, false).what(),
               "crash: read through a null pointer (address 0x10) (SIGSEGV)");
  EXPECT_STREQ(crash(SIGSEGV, 0xabcdef0, true, Phase::preparing).what(),
               "crash: wrote where it has no memory (address 0xabcdef0) (SIGSEGV) in prepare");
  EXPECT_STREQ(crash(SIGSEGV, kStack - 8, true).what(), "stack overflow");
  EXPECT_STREQ(crash(SIGFPE, 0, false).what(),
               "crash: trap in arithmetic, a division by zero (SIGFPE)");
  EXPECT_STREQ(crash(SIGTERM, 0, false).what(), "crash: SIGTERM");
  EXPECT_STREQ(crash(SIGSEGV, 0, false, Phase::calling, SI_TKILL).what(), "crash: raised SIGSEGV");
  EXPECT_STREQ(crash(SIGSEGV, 0, false, Phase::calling, SI_KERNEL).what(),
               "crash: aligned load or store of memory that is not so aligned, or an impossible "
               "address (SIGSEGV)");
}

TEST(ProcessDeath, TellsWritesThatComeTooLate) {
  constexpr std::uint64_t kGrad = 1 << 20;
  EXPECT_EQ(crash(SIGSEGV, kGrad + 3, true, Phase::after_wait).late, "grad+3");
  EXPECT_EQ(crash(SIGSEGV, kGrad + 3, true, Phase::idle).late, "grad+3");
  EXPECT_EQ(crash(SIGSEGV, kGrad + 3, true, Phase::calling).late, "");
  EXPECT_EQ(crash(SIGSEGV, kGrad + 3, false, Phase::after_wait).late, "");
  EXPECT_EQ(crash(SIGSEGV, 16, true, Phase::after_wait).late, "");
}

/// The line with which a host that is this shell script is refused.
std::string refusal(const std::string& script) {
  try {
    host_kernels({{"sh", "-c", script}, {}, "it"}, {}, "");
  } catch (const UsageError& e) {
    return e.what();
  }
  return "taken";
}

/// What a judge leaves that is killed: its folder, with a file in it.
fs::path abandoned_folder() {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const PrivateFolder folder;
    write_bytes(folder.path() / "file", "left");
    const std::string name = folder.path().string();
    _exit(write(ends[1], name.data(), name.size()) > 0 ? 0 : 1);
  }
  std::array<char, 4096> name{};
  if (read(ends[0], name.data(), name.size() - 1) <= 0) std::abort();
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
  return name.data();
}

TEST(ProcessFolder, WhatAKilledJudgeLeavesIsRemoved) {
  const fs::path temporary = fs::temp_directory_path();
  std::string of_a_stranger = (temporary / "xentcheck-XXXXXX").string();
  ASSERT_NE(mkdtemp(of_a_stranger.data()), nullptr);
  const PrivateFolder living;
  const fs::path abandoned = abandoned_folder();
  EXPECT_TRUE(fs::exists(abandoned / "file"));
  remove_abandoned(temporary);
  EXPECT_FALSE(fs::exists(abandoned));
  EXPECT_TRUE(fs::exists(living.path()));
  EXPECT_TRUE(fs::remove(of_a_stranger));
}

TEST(ProcessHost, OneThatDoesNotStartIsOneLine) {
  EXPECT_EQ(refusal("echo no way >&2; exit 4"),
            "it: ended its process by exit(4) while it was loaded; it printed: no way");
  EXPECT_EQ(refusal("exec 3>&-; exec sleep 100"),
            "it: closed its connection to the judge while it was loaded");
  EXPECT_EQ(refusal("kill -TERM $$"), "it: crash: SIGTERM while it was loaded");
  try {
    host_kernels({{"no-such-program"}, {}, "it"}, {}, "");
    ADD_FAILURE() << "started";
  } catch (const UsageError& e) {
    EXPECT_TRUE(std::string(e.what()).starts_with("it: no-such-program cannot be started: "))
        << e.what();
  }
}

TEST(ProcessHost, HasAFolderAndAnEnvironmentOfItsOwn) {
  const std::string line = refusal("echo $XENT_WORD $(test -w \"$TMPDIR\" && echo ours); exit 1");
  EXPECT_NE(line.find("it printed: ours"), std::string::npos) << line;
  try {
    host_kernels({{"sh", "-c", "echo $XENT_WORD; exit 1"}, {"XENT_WORD=word"}, "it"}, {}, "");
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("it printed: word"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace xent::process
