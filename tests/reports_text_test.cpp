// SPDX-License-Identifier: Apache-2.0
#include "reports/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace xent::report {
namespace {

constexpr const char* kBad = "\xEF\xBF\xBD";

TEST(ReportsText, CleanTextKeepsGoodUtf8) {
  const std::string good = "a\t\n\x7e \xC2\xA0 \xC3\xA9 \xE2\x9C\x93 \xF0\x9F\x98\x80";
  EXPECT_EQ(clean_text(good), good);
  EXPECT_EQ(clean_text("a\r\nb\rc"), "a\nb\nc");
}

TEST(ReportsText, CleanTextReplacesWhatXmlForbids) {
  const std::string bad = kBad;
  EXPECT_EQ(clean_text(std::string("\0\x1b\x7f", 3)), bad + bad + bad);
  EXPECT_EQ(clean_text("\xff"), bad);
  EXPECT_EQ(clean_text("\xC2"), bad) << "truncated";
  EXPECT_EQ(clean_text("\xC0\xAF"), bad + bad) << "overlong";
  EXPECT_EQ(clean_text("\xE0\x80\xAF"), bad + bad + bad) << "overlong";
  EXPECT_EQ(clean_text("\xED\xA0\x80"), bad) << "surrogate";
  EXPECT_EQ(clean_text("\xEF\xBF\xBF"), bad) << "noncharacter";
  EXPECT_EQ(clean_text("\xC2\x9B"), bad) << "C1 control: a terminal takes it for ESC [";
  EXPECT_EQ(clean_text("\xF4\x90\x80\x80"), bad + bad + bad + bad) << "above U+10FFFF";
}

TEST(ReportsText, EscapesForMarkup) {
  EXPECT_EQ(escape_markup("<a & b> ]]>"), "&lt;a &amp; b&gt; ]]&gt;");
  EXPECT_EQ(escape_attribute("\"\n\t<"), "&quot;&#10;&#9;&lt;");
}

TEST(ReportsText, EscapesForMarkdown) {
  EXPECT_EQ(escape_markdown("a|b *c* <d> [e] `f` g_h _i_ \\"),
            "a\\|b \\*c\\* \\<d> \\[e\\] \\`f\\` g_h \\_i\\_ \\\\");
  EXPECT_EQ(escape_markdown("# one\ntwo"), "\\# one two");
  EXPECT_EQ(code_span("a|b"), "`a\\|b`");
  EXPECT_EQ(code_span("a`b"), "`` a`b ``");
  EXPECT_EQ(code_span("a\\|b"), "a\\\\\\|b") << "a span cannot hold it";
  EXPECT_EQ(code_span(""), "");
  EXPECT_EQ(code_block("a\n```\nb"), "````text\na\n```\nb\n````\n");
}

TEST(ReportsText, Numbers) {
  EXPECT_EQ(number(0.41237), "0.412");
  EXPECT_EQ(number(-12.34), "-12.3");
  EXPECT_EQ(number(2.0611536e-9), "2.06e-09");
  EXPECT_EQ(number(12345), "12345");
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(number(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(signed_number(1.5), "+1.50");
  EXPECT_EQ(signed_number(-1.5), "-1.50");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123), "-123");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(ReportsText, AShareIsNeverRoundedUp) {
  EXPECT_EQ(share(1), "100 %");
  EXPECT_EQ(share(0.99999), "99.9 %");
  EXPECT_EQ(share(0.5), "50 %");
  EXPECT_EQ(share(0), "0 %");
}

TEST(ReportsText, Quantities) {
  EXPECT_EQ(percent(1.304), "130 %");
  EXPECT_EQ(duration(48.127), "48.1 s");
  EXPECT_EQ(duration(0.0123), "12.3 ms");
  EXPECT_EQ(duration(6.15e-5), "61.5 µs");
  EXPECT_EQ(duration(4e-8), "40.0 ns");
  EXPECT_EQ(duration_range(5.97e-5, 6.52e-5), "59.7–65.2 µs");
  EXPECT_EQ(duration_range(9e-4, 1.2e-3), "900 µs–1.20 ms");
  EXPECT_EQ(byte_count(603084), "589 KiB");
  EXPECT_EQ(byte_count(17), "17 B");
}

}  // namespace
}  // namespace xent::report
