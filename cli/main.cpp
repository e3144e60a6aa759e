// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <system_error>

#include "cli/commands.h"
#include "core/error.h"

namespace {

void require_written() {
  if (std::fflush(stdout) != 0) throw std::system_error(errno, std::generic_category());
}

int run(int argc, char** argv) {
  xent::Options options;
  if (const auto done = xent::parse(argc, argv, options)) {
    require_written();
    return *done;
  }
  const std::map<std::string, std::function<xent::Exit(const xent::Options&)>> commands = {
      {"list", xent::list_command},     {"verify", xent::judge_command},
      {"bench", xent::judge_command},   {"run", xent::judge_command},
      {"claims", xent::claims_command}, {"selftest", xent::selftest_command},
      {"certify-exp", xent::certify_command}, {"report", xent::report_command},
      {"replay", xent::replay_command}, {"doctor", xent::doctor_command}};
  const xent::Exit code = commands.at(options.command)(options);
  require_written();
  return static_cast<int>(code);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const xent::UsageError& e) {
    std::cerr << "xentcheck: " << e.what() << "\n";
    return static_cast<int>(xent::Exit::usage);
  } catch (const std::system_error& e) {
    const bool output = std::ferror(stdout) != 0;
    std::cerr << "xentcheck: "
              << (output ? "cannot write to standard output: " + e.code().message()
                         : std::string("internal error: ") + e.what())
              << "\n";
    return static_cast<int>(output ? xent::Exit::usage : xent::Exit::internal);
  } catch (const std::exception& e) {
    std::cerr << "xentcheck: internal error: " << e.what() << "\n";
    return static_cast<int>(xent::Exit::internal);
  }
}
