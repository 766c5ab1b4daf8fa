// SPDX-License-Identifier: GPL-2.0-only
// Baselines: what an entry covers and what it must not, stale entries, and complaints with line and
// column.
#include "host_runner/baseline/baseline.hpp"
#include "host_runner/baseline/glob.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using testing::HasSubstr;

Baseline baseline_of(const std::string& toml) {
    auto baseline = Baseline::parse(toml, "b.toml");
    EXPECT_TRUE(baseline) << baseline.error().line();
    return baseline ? *baseline : Baseline{};
}

const std::string why = "reason = 'known'\nevidence = 'D-1'\n";

std::string entry(const std::string& keys) {
    return "[[deviation]]\n" + keys + "\n" + why;
}

/// The sample that fails in next_rip and intercepts.
CaseResult applied(const std::string& toml, CaseResult result = samples::failing("a/b/c")) {
    Baseline baseline = baseline_of(toml);
    baseline.apply(result);
    return result;
}

TEST(Glob, MatchesAsGtestFiltersDo) {
    struct Row {
        std::string_view glob;
        std::string_view text;
        bool matches;
    };
    // clang-format off
    constexpr Row rows[] = {
        {"a/b/c",     "a/b/c",     true},
        {"a/b/c",     "a/b/cd",    false},
        {"a/b/c",     "a/b",       false},
        {"a/*",       "a/b/c",     true},
        {"*/c",       "a/b/c",     true},
        {"*b*",       "a/b/c",     true},
        {"a/?/c",     "a/b/c",     true},
        {"a/?/c",     "a//c",      false},
        {"a*c*e",     "abcde",     true},
        {"a*c*e",     "abcdef",    false},
        {"*",         "",          true},
        {"",          "",          true},
        {"",          "a",         false},
        {"**a",       "ba",        true},
        {"[ab]",      "a",         false},
        {"*ab",       "aab",       true},
        {"*aab*aab",  "aaabaaab",  true},
    };
    // clang-format on
    for (const Row& row : rows) {
        EXPECT_EQ(glob_matches(row.glob, row.text), row.matches) << row.glob << " " << row.text;
    }
}

TEST(Glob, ManyStarsTakeNoTime) {
    std::string glob;
    for (int star = 0; star < 200; ++star) {
        glob += "*a";
    }
    EXPECT_FALSE(glob_matches(glob + "b", std::string(5000, 'a')));
}

TEST(Version, OrdersByNumber) {
    const auto version = [](std::string_view text) { return Version::parse(text).value(); };
    EXPECT_LT(version("7.2.22"), version("10.0"));
    EXPECT_EQ(version("7.2"), version("7.2.0"));
    EXPECT_LT(version("6.1.0-30-amd64"), version("6.1.1"));
    EXPECT_EQ(version("7.2.22 (Debian 1:7.2)"), version("7.2.22"));
    EXPECT_FALSE(Version::parse("v7"));
    EXPECT_FALSE(Version::parse(""));
}

TEST(Baseline, TurnsFailAndPassOnly) {
    const std::string toml = entry("case = 'a/*'");
    const auto verdict = [&](Verdict before, const std::string& name = "a/b/c") {
        return applied(toml, samples::with(before, name, "")).verdict;
    };
    EXPECT_EQ(verdict(Verdict::fail), Verdict::expected_fail);
    EXPECT_EQ(verdict(Verdict::pass), Verdict::unexpected_pass);
    EXPECT_EQ(verdict(Verdict::skip), Verdict::skip);
    EXPECT_EQ(verdict(Verdict::error), Verdict::error);
    EXPECT_EQ(verdict(Verdict::fail, "b/b/c"), Verdict::fail);
    EXPECT_EQ(verdict(Verdict::pass, "b/b/c"), Verdict::pass);
}

TEST(Baseline, GivesItsReasonAndPlace) {
    const std::string toml = "# comment\n" + entry("case = 'a/b/c'");
    EXPECT_EQ(applied(toml).reason, "known");
    EXPECT_EQ(applied(toml, samples::passing("a/b/c")).reason,
              "passes although b.toml:3 expects: known");
    EXPECT_EQ(applied(toml, samples::with(Verdict::fail, "a/b/c", "triple fault")).reason,
              "known (seen: triple fault)")
        << "a death has nothing but its reason";
}

TEST(Baseline, ListsAndExceptions) {
    const std::string toml = entry("case = ['a/*', 'b/*']\nexcept = ['*/cpl3', '*/cpl2']");
    const auto fails = [](const std::string& name) {
        return samples::with(Verdict::fail, name, "");
    };
    EXPECT_EQ(applied(toml, fails("b/x")).verdict, Verdict::expected_fail);
    EXPECT_EQ(applied(toml, fails("a/x/cpl3")).verdict, Verdict::fail);
    EXPECT_EQ(applied(toml, fails("c/x")).verdict, Verdict::fail);
}

TEST(Baseline, APinnedDeviationIsThatOneOnly) {
    struct Row {
        const char* expect;
        const char* complaint; ///< Empty: covered.
    };
    // The sample differs in next_rip (0x0000000000000000) and intercepts (0x01000000).
    // clang-format off
    const Row rows[] = {
        {"[{field='next_rip', actual='0x0000000000000000'}, {field='intercepts', actual='0x01000000'}]", ""},
        {"[{field='next_rip'}, {field='intercepts'}]", ""},
        {"[{field='next_rip', actual='0x0*0'}, {field='inter*'}]", ""},
        {"{field='*'}", ""},
        {"[{field='next_rip'}, {field='intercepts'}, {field='rax', optional=true}]", ""},
        {"[{field='next_rip'}, {field='intercepts', optional=true}]", ""},
        {"[{field='next_rip', actual='0x1'}, {field='intercepts'}]", "it expects next_rip = 0x1"},
        {"[{field='next_rip'}]", "it does not know of intercepts = 0x01000000"},
        {"[{field='next_rip'}, {field='intercepts'}, {field='rax'}]", "it expects a difference in rax"},
        {"[{field='*'}, {field='exit_code'}]", "it expects a difference in exit_code"}, // it matches
        {"{reason='triple*'}", "it expects \"triple*\""},
    };
    // clang-format on
    for (const Row& row : rows) {
        const CaseResult result =
            applied(entry(std::string{"case = 'a/b/c'\nexpect = "} + row.expect));
        if (*row.complaint == '\0') {
            EXPECT_EQ(result.verdict, Verdict::expected_fail) << row.expect << result.reason;
        } else {
            EXPECT_EQ(result.verdict, Verdict::fail) << row.expect;
            EXPECT_EQ(result.reason,
                      std::string{"deviates differently than b.toml:2 says: "} + row.complaint);
        }
    }
}

TEST(Baseline, APinnedDeathIsThatDeath) {
    const std::string toml = entry("case = 'a/b/c'\nexpect = {reason = 'triple fault*'}");
    const auto death = [](const std::string& how) {
        return samples::with(Verdict::fail, "a/b/c", how);
    };
    EXPECT_EQ(applied(toml, death("triple fault in L2")).verdict, Verdict::expected_fail);
    const CaseResult hang = applied(toml, death("hang"));
    EXPECT_EQ(hang.verdict, Verdict::fail);
    EXPECT_EQ(hang.reason, "hang; deviates differently than b.toml:2 says: it expects "
                           "\"triple fault*\"");
}

TEST(Baseline, ASecondEntryMayKnowTheOtherDeviation) {
    const std::string toml = entry("case = 'a/*'\nexpect = {reason = 'hang*'}") +
                             entry("case = 'a/b/*'\nexpect = {field = '*'}");
    EXPECT_EQ(applied(toml).verdict, Verdict::expected_fail);
}

TEST(Baseline, WhatComesBesideNeedsNoOtherEntryToNameIt) {
    // The sample differs in next_rip (0x0000000000000000) and intercepts (0x01000000).
    const std::string other = entry("case = 'a/b/c'\nexpect = {field = 'intercepts'}");
    const auto beside = [](const std::string& field) {
        return entry("case = '*'\nbeside = true\nexpect = " + field);
    };
    EXPECT_EQ(applied(other + beside("{field='next_rip', actual='0x0*'}")).verdict,
              Verdict::expected_fail);
    EXPECT_EQ(applied(beside("{field='next_rip'}") + other).verdict, Verdict::expected_fail);
    EXPECT_EQ(applied(beside("{field='next_rip'}") + beside("{field='intercepts'}")).verdict,
              Verdict::expected_fail);
    // Not where its own pins are not seen, nor for what it does not name.
    EXPECT_EQ(applied(other + beside("{field='next_rip', actual='0x1'}")).verdict, Verdict::fail);
    EXPECT_EQ(applied(other + beside("[{field='next_rip'}, {field='rax'}]")).verdict,
              Verdict::fail);
    EXPECT_EQ(applied(beside("{field='next_rip'}")).verdict, Verdict::fail);
    // An entry without the key knows its own cases only.
    EXPECT_EQ(applied(other + entry("case = '*'\nexpect = {field='next_rip'}")).verdict,
              Verdict::fail);
}

TEST(Baseline, WhatComesBesideDoesNotKeepACuredEntryAlive) {
    CaseResult result = samples::failing("a/b/c");
    for (FieldDifference& field : result.fields) {
        field.matches = field.matches || field.field == "intercepts";
    }
    Baseline baseline = baseline_of(entry("case = 'a/b/c'\nexpect = {field = 'intercepts'}") +
                                    entry("case = '*'\nbeside = true\n"
                                          "expect = {field = 'next_rip'}"));
    baseline.apply(result);
    EXPECT_EQ(result.verdict, Verdict::expected_fail);
    const std::vector<std::string> names{"a/b/c"};
    const auto stale = baseline.stale(names, true);
    ASSERT_EQ(stale.size(), 1u);
    EXPECT_EQ(stale[0].cases, "a/b/c");
    EXPECT_EQ(stale[0].why, "every case it covers passes");
}

TEST(Baseline, VersionsBoundAnEntry) {
    struct Row {
        const char* version;
        Verdict verdict;
    };
    const std::string toml =
        "version_fact = 'qemu.version'\n" + entry("case = 'a/b/c'\nsince = '7.2'\nuntil = '10.1'");
    // clang-format off
    constexpr Row rows[] = {
        {"7.1.9",  Verdict::fail},
        {"7.2.0",  Verdict::expected_fail},
        {"10.0.9", Verdict::expected_fail},
        {"10.1",   Verdict::fail},
        {"?",      Verdict::fail},
    };
    // clang-format on
    for (const Row& row : rows) {
        Baseline baseline = baseline_of(toml);
        baseline.select_subject({{"qemu.version", row.version}});
        CaseResult result = samples::failing("a/b/c");
        baseline.apply(result);
        EXPECT_EQ(result.verdict, row.verdict) << row.version;
    }
}

TEST(Baseline, EntriesForSubjectsWithCertainFacts) {
    const auto verdict_with = [](const SubjectFacts& facts) {
        Baseline baseline = baseline_of(
            entry("case = 'a/b/c'\nfacts = { 'kvm_amd.npt' = '0', 'qemu.version' = '7.*' }"));
        baseline.select_subject(facts);
        CaseResult result = samples::failing("a/b/c");
        baseline.apply(result);
        return result.verdict;
    };
    EXPECT_EQ(verdict_with({{"qemu.version", "7.2"}, {"kvm_amd.npt", "0"}}),
              Verdict::expected_fail);
    EXPECT_EQ(verdict_with({{"qemu.version", "7.2"}, {"kvm_amd.npt", "1"}}), Verdict::fail);
    EXPECT_EQ(verdict_with({{"qemu.version", "10.0"}, {"kvm_amd.npt", "0"}}), Verdict::fail);
    EXPECT_EQ(verdict_with({{"qemu.version", "7.2"}}), Verdict::fail);
}

TEST(Baseline, AFactCanBeExcluded) {
    const auto verdict_with = [](const SubjectFacts& facts) {
        Baseline baseline = baseline_of(entry("case = 'a/b/c'\nfacts = { 'kvm_amd.vgif' = '!0' }"));
        baseline.select_subject(facts);
        CaseResult result = samples::failing("a/b/c");
        baseline.apply(result);
        return result.verdict;
    };
    EXPECT_EQ(verdict_with({}), Verdict::expected_fail);
    EXPECT_EQ(verdict_with({{"kvm_amd.vgif", "1"}}), Verdict::expected_fail);
    EXPECT_EQ(verdict_with({{"kvm_amd.vgif", "0"}}), Verdict::fail);
}

TEST(Baseline, IntermittentEntriesAllowAPass) {
    const std::string toml =
        entry("case = 'a/b/c'\nintermittent = true\nexpect = {field = 'control.next_rip'}") +
        entry("case = 'gone'\nintermittent = true");
    Baseline baseline = baseline_of(toml);
    CaseResult passes = samples::passing("a/b/c");
    baseline.apply(passes);
    EXPECT_EQ(passes.verdict, Verdict::pass);
    const auto stale = baseline.stale(std::vector<std::string>{"a/b/c"}, true);
    ASSERT_EQ(stale.size(), 1u) << "that it did not show this time says nothing";
    EXPECT_EQ(stale[0].why, "names no case");
    EXPECT_EQ(applied(toml).verdict, Verdict::fail) << "pins hold all the same";
    EXPECT_FALSE(applied(toml).intermittent);
    const CaseResult known = applied(entry("case = 'a/b/c'\nintermittent = true"));
    EXPECT_EQ(known.verdict, Verdict::expected_fail);
    EXPECT_TRUE(known.intermittent) << "for whoever compares runs";
    EXPECT_FALSE(applied(entry("case = 'a/b/c'")).intermittent);
}

TEST(Baseline, SomeCasesAreNotRun) {
    Baseline baseline = baseline_of(entry("case = 'a/*'\nexcept = 'a/witness'\nrun = false") +
                                    entry("case = 'b'\nrun = true") +
                                    "[[deviation]]\ncase = 'c'\nreason = 'r'\nevidence = 'e'\n"
                                    "facts = { cpu = 'x' }\nrun = false\n");
    EXPECT_THAT(baseline.why_not_run("a/b"), HasSubstr("not run, as b.toml:2 says: "));
    EXPECT_EQ(baseline.why_not_run("a/witness"), "");
    EXPECT_EQ(baseline.why_not_run("b"), "");
    baseline.select_subject({{"cpu", "y"}});
    EXPECT_EQ(baseline.why_not_run("c"), "") << "the entry is of another subject";
    EXPECT_NE(baseline.why_not_run("a/b"), "");
    baseline.select_subject({{"cpu", "x"}});
    EXPECT_NE(baseline.why_not_run("c"), "");
}

TEST(Baseline, WhatIsNotRunExcusesNothingWhereItIs) {
    const std::string not_run = "case = 'a/b/c'\nrun = false\n";
    EXPECT_EQ(applied(entry(not_run)).verdict, Verdict::fail);
    EXPECT_EQ(applied(entry(not_run + "expect = {field = 'control.next_rip'}")).verdict,
              applied(entry("case = 'a/b/c'\nexpect = {field = 'control.next_rip'}")).verdict);
    const std::string pinned =
        "case = 'a/b/c'\nexpect = [{field = '*'}, {reason = '*', optional = true}]\n";
    EXPECT_EQ(applied(entry(not_run) + entry(pinned)).verdict, applied(entry(pinned)).verdict)
        << "the next entry may cover it";
}

TEST(Baseline, KnowsWhichCasesHangOrDie) {
    Baseline baseline = baseline_of(
        entry("case = 'a/*'\nexcept = 'a/passes'\nexpect = { reason = 'hang*' }") +
        entry("case = 'dies'\nexpect = { reason = 'triple fault*' }") + entry("case = 'differs'") +
        "[[deviation]]\ncase = 'b'\nreason = 'r'\nevidence = 'e'\n"
        "facts = { cpu = 'x' }\nexpect = { reason = 'hang: no record*' }\n");
    EXPECT_TRUE(baseline.expects_hang("a/hangs"));
    EXPECT_FALSE(baseline.expects_hang("a/passes"));
    EXPECT_FALSE(baseline.expects_hang("dies"));
    EXPECT_FALSE(baseline.expects_hang("differs"));
    EXPECT_TRUE(baseline.expects_death("a/hangs"));
    EXPECT_TRUE(baseline.expects_death("dies"));
    EXPECT_FALSE(baseline.expects_death("differs"));
    baseline.select_subject({{"cpu", "y"}});
    EXPECT_FALSE(baseline.expects_hang("b")) << "the entry is of another subject";
    baseline.select_subject({{"cpu", "x"}});
    EXPECT_TRUE(baseline.expects_hang("b"));
}

TEST(Baseline, StaleEntries) {
    Baseline baseline =
        baseline_of(entry("case = 'a/passes'") + entry("case = 'a/fails'") +
                    entry("case = ['gone', 'gone/*']") + entry("case = 'a/skipped'") +
                    entry("case = 'a/other'\nexpect = {reason = 'x'}") + entry("case = 'a/f*'"));
    const std::vector<std::string> names{"a/passes", "a/fails", "a/skipped", "a/other"};
    for (CaseResult result :
         {samples::passing("a/passes"), samples::failing("a/fails"), samples::failing("a/other"),
          samples::with(Verdict::skip, "a/skipped", "needs rdpru")}) {
        baseline.apply(result);
    }
    const auto partly = baseline.stale(names, false);
    ASSERT_EQ(partly.size(), 1u);
    EXPECT_EQ(partly[0].cases, "gone, gone/*");
    EXPECT_EQ(partly[0].why, "names no case");
    EXPECT_EQ(partly[0].file, "b.toml");
    EXPECT_EQ(partly[0].line, 10u);
    const auto whole = baseline.stale(names, true);
    ASSERT_EQ(whole.size(), 3u);
    EXPECT_EQ(whole[0].cases, "a/passes");
    EXPECT_EQ(whole[0].why, "every case it covers passes");
    EXPECT_EQ(whole[2].cases, "a/f*");
    EXPECT_EQ(whole[2].why, "earlier entries cover all its cases");
}

TEST(Baseline, ComplainsWithLineAndColumn) {
    const std::vector<std::pair<std::string, std::string>> rows{
        {"[[deviation]\n", "b.toml:1:"},
        {"[[deviation]]\nreason = 'r'\nevidence = 'e'\n", "b.toml:1:1: \"case\" is missing"},
        {"[[deviation]]\ncase = 'c'\nevidence = 'e'\n", "b.toml:1:1: \"reason\" is missing"},
        {"[[deviation]]\ncase = 'c'\nreason = 'r'\n", "b.toml:1:1: \"evidence\" is missing"},
        {entry("case = 'c'\nexpct = {}"), "b.toml:3:1: unknown key \"expct\"; known are case"},
        {entry("case = 7"), "b.toml:2:8: \"case\" must be a text"},
        {entry("case = ['a', 7]"), "b.toml:2:14: \"case\" must be a text"},
        {entry("case = ''"), "b.toml:2:8: \"case\" must not be empty"},
        {entry("case = []"), "\"case\" is missing"},
        {entry("case = 'c'\nexpect = 'x'"), "b.toml:3:10: \"expect\" must be {"},
        {entry("case = 'c'\nexpect = []"), "at least one of \"expect\""},
        {entry("case = 'c'\nexpect = {field='f', optional=true}"), "at least one of \"expect\""},
        {entry("case = 'c'\nexpect = {field='f', optional='y'}"), "must be true or false"},
        {entry("case = 'c'\nintermittent = 'y'"), "must be true or false"},
        {entry("case = 'c'\nbeside = true"), "b.toml:3:10: \"beside\" needs an \"expect\""},
        {entry("case = 'c'\nbeside = true\nexpect = {reason='r'}"), "\"beside\" needs"},
        {entry("case = 'c'\nrun = 'no'"), "must be true or false"},
        {entry("case = 'c'\nfacts = 'x'"), "b.toml:3:9: \"facts\" must be {"},
        {entry("case = 'c'\nfacts = { a = 1 }"), "\"a\" must be a text"},
        {entry("case = 'c'\nexpect = {actual='1'}"), "give either \"field\" or \"reason\""},
        {entry("case = 'c'\nexpect = {field='f', reason='r'}"), "give either"},
        {entry("case = 'c'\nexpect = {reason='r', actual='1'}"), "\"actual\" needs a \"field\""},
        {entry("case = 'c'\nexpect = {feld='f'}"), "b.toml:3:11: unknown key \"feld\""},
        {entry("case = 'c'\nsince = '7'"), "need \"version_fact\""},
        {"version_fact='v'\n" + entry("case = 'c'\nsince = 'new'"), "must be a version"},
        {"[deviation]\ncase = 'c'\n", "write [[deviation]], with two brackets"},
        {"deviation = [1]\n", "must be a table"},
        {"deviations = []\n", "b.toml:1:1: unknown key \"deviations\""},
        {"a = 1\na = 2\n", "b.toml:2:5: "},
        {std::string{"\xff\xfe"}, "b.toml:1:1: "},
    };
    for (const auto& [toml, complaint] : rows) {
        const auto baseline = Baseline::parse(toml, "b.toml");
        ASSERT_FALSE(baseline) << toml;
        EXPECT_THAT(baseline.error().what, HasSubstr(complaint)) << toml;
    }
}

TEST(Baseline, Files) {
    const samples::ScratchFolder folder;
    const auto none = Baseline::load_for(folder.path, "qemu-tcg-9");
    ASSERT_TRUE(none);
    EXPECT_EQ(none->size(), 0u);

    samples::put_file(folder.path / "qemu.toml", entry("case = 'a'"));
    const auto one = Baseline::load_for(folder.path, "qemu");
    ASSERT_TRUE(one);
    EXPECT_EQ(one->size(), 1u);
    EXPECT_EQ(one->source(), (folder.path / "qemu.toml").string());

    samples::put_file(folder.path / "emulator.toml", "version_fact = 'emulator'\n" +
                                                         entry("case = 'a'\nsince = '2'") +
                                                         entry("case = 'names/none'"));
    samples::put_file(folder.path / "kernel.toml", "version_fact = 'kernel'\n"
                                                   "inherits = 'emulator'\n" +
                                                       entry("case = 'b'\nsince = '9'"));
    auto both = Baseline::load_for(folder.path, "kernel");
    ASSERT_TRUE(both) << both.error().line();
    EXPECT_EQ(both->size(), 3u);
    both->select_subject({{"kernel", "8"}, {"emulator", "2"}});
    const auto verdict_of = [&both](const std::string& name, Verdict verdict) {
        CaseResult result;
        result.name = name;
        result.verdict = verdict;
        both->apply(result);
        return result.verdict;
    };
    EXPECT_EQ(verdict_of("a", Verdict::fail), Verdict::expected_fail);
    EXPECT_EQ(verdict_of("a", Verdict::pass), Verdict::pass) << "what is inherited need not show";
    EXPECT_EQ(verdict_of("b", Verdict::fail), Verdict::fail) << "it begins with kernel 9";
    EXPECT_TRUE(both->stale(std::vector<std::string>{"a", "b"}, true).empty());

    samples::put_file(folder.path / "all_kernels.toml",
                      "version_fact = 'kernel'\n" + entry("case = ['a', 'b']\nsince = '8'"));
    samples::put_file(folder.path / "kernel.toml",
                      "includes = 'all_kernels'\n" + entry("case = 'a'"));
    both = Baseline::load_for(folder.path, "kernel");
    ASSERT_TRUE(both) << both.error().line();
    both->select_subject({{"kernel", "8"}});
    EXPECT_EQ(verdict_of("a", Verdict::fail), Verdict::expected_fail);
    EXPECT_EQ(verdict_of("b", Verdict::pass), Verdict::unexpected_pass) << "it is its own";
    const auto stale = both->stale(std::vector<std::string>{"a", "b"}, true);
    ASSERT_EQ(stale.size(), 1u);
    EXPECT_EQ(stale[0].why, "every case it covers passes");

    samples::put_file(folder.path / "orphan.toml", "inherits = ['nobody']\n");
    const auto orphan = Baseline::load_for(folder.path, "orphan");
    ASSERT_FALSE(orphan);
    EXPECT_THAT(orphan.error().what, HasSubstr("inherits \"nobody\""));

    samples::put_file(folder.path / "snake.toml", "includes = 'snake'\n");
    const auto snake = Baseline::load_for(folder.path, "snake");
    ASSERT_FALSE(snake);
    EXPECT_THAT(snake.error().what, HasSubstr("without end"));

    samples::put_file(folder.path / "empty.toml", "");
    EXPECT_TRUE(Baseline::load(folder.path / "empty.toml"));
    EXPECT_FALSE(Baseline::load(folder.path / "missing.toml"));
    const auto directory = Baseline::load(folder.path);
    ASSERT_FALSE(directory);
    EXPECT_THAT(directory.error().what, HasSubstr("Is a directory"));
}

} // namespace
} // namespace vmrunit::runner
