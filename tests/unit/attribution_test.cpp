// SPDX-License-Identifier: GPL-2.0-only
// Whose a deviation is: one row of a matrix at a time.
#include "host_runner/matrix/attribution.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

namespace vmrunit::runner {
namespace {

using testing::HasSubstr;

// clang-format off
const std::vector<Witness> witnesses{
    {"qemu",           {"qemu",  ""}},
    {"bochs",          {"bochs", ""}},
    {"lab:6.1",        {"qemu",  "6.1.192"}},
    {"lab:6.12",       {"qemu",  "6.12.95"}},
    {"lab:6.12@bochs", {"bochs", "6.12.95"}},
};
// clang-format on

/// A row by its marks, one for each witness: `.` holds, `F` and `x` deviate in the same way, `G`
/// in another, `-` was skipped, ` ` did not run.
std::vector<Cell> row(std::string_view marks) {
    std::vector<Cell> cells;
    for (const char mark : marks) {
        Cell& cell = cells.emplace_back();
        const std::map<char, Verdict> verdicts{
            {'.', Verdict::pass},           {'F', Verdict::fail},          {'G', Verdict::fail},
            {'-', Verdict::skip},           {'x', Verdict::expected_fail}, {'E', Verdict::error},
            {'+', Verdict::unexpected_pass}};
        if (const auto found = verdicts.find(mark); found != verdicts.end()) {
            cell.verdict = found->second;
        }
        if (cell.deviates()) {
            cell.manner = mark == 'G' ? "save.rip=0x1" : "control.exit_code=0x72";
        }
    }
    return cells;
}

/// "kvm 6.1.192: evidence" for each deviation of the row, by its column.
std::map<std::size_t, std::string> judged(std::string_view marks) {
    std::map<std::size_t, std::string> said;
    const auto cells = row(marks);
    for (const Attribution& one : attribute(witnesses, cells)) {
        said[one.column] = std::string{to_string(one.culprit)} +
                           (one.layer.empty() ? "" : " " + one.layer) + ": " + one.evidence;
    }
    return said;
}

using Said = std::map<std::size_t, std::string>;

TEST(Attribution, OfARowThatHoldsThereIsNone) {
    EXPECT_EQ(judged("....."), Said{});
    EXPECT_EQ(judged(".-+ ."), Said{});
    EXPECT_EQ(judged("E----"), Said{});
}

TEST(Attribution, ABareCpuIsWrongWhereAnotherIsRight) {
    EXPECT_EQ(judged("F...."), (Said{{0, "cpu qemu: holds on bochs"}}));
    EXPECT_EQ(judged(".x..."), (Said{{1, "cpu bochs: holds on qemu"}}));
}

TEST(Attribution, ABareCpuThatOnlyKvmHidesIsWrongAllTheSame) {
    EXPECT_EQ(judged("F-..-"), (Said{{0, "cpu qemu: holds on lab:6.1, where KVM is in between"}}));
}

TEST(Attribution, WhatTheBareCpuShowsIsTheCpusUnderKvmToo) {
    EXPECT_EQ(judged("F.FF."), (Said{{0, "cpu qemu: holds on bochs"},
                                     {2, "cpu qemu: the same on qemu"},
                                     {3, "cpu qemu: the same on qemu"}}));
}

TEST(Attribution, WhatOnlyOneCpuShowsUnderTheSameKernelIsThatCpus) {
    EXPECT_EQ(judged("...F."), (Said{{3, "kvm 6.12.95: holds on lab:6.1"}}));
    EXPECT_EQ(judged("..FF.")[3], "cpu qemu: holds on lab:6.12@bochs");
    EXPECT_EQ(judged("....F"), (Said{{4, "cpu bochs: holds on lab:6.12"}}));
}

TEST(Attribution, WhatBothCpusShowIsKvms) {
    EXPECT_EQ(judged("..FFF"),
              (Said{{2, "undecided: holds on qemu: KVM, or that CPU below it; the same kernel on "
                        "another CPU can tell"},
                    {3, "kvm 6.12.95: the same on lab:6.12@bochs"},
                    {4, "kvm 6.12.95: the same on lab:6.12"}}));
    EXPECT_EQ(judged("   FF"), (Said{{3, "kvm 6.12.95: the same on lab:6.12@bochs"},
                                     {4, "kvm 6.12.95: the same on lab:6.12"}}));
}

TEST(Attribution, AnotherKernelThatIsRightConvictsThisOne) {
    EXPECT_EQ(judged("..F.."), (Said{{2, "kvm 6.1.192: holds on lab:6.12"}}));
    // Even where the bare CPU is wrong: the other kernel shows that KVM can be right on it.
    EXPECT_EQ(judged("F.F..")[2], "kvm 6.1.192: holds on lab:6.12");
}

TEST(Attribution, KernelsToldDifferentThingsAreNotCompared) {
    const std::vector<Witness> told{{"qemu", {"qemu", ""}},
                                    {"lab:6.1,npt=0", {"qemu", "6.1.192"}},
                                    {"lab:6.12", {"qemu", "6.12.95"}},
                                    {"lab,kernel=/boot/vmlinuz,npt=0", {"qemu", "6.13.0"}}};
    const auto first = attribute(told, row(".F.F"));
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ(first[0].culprit, Culprit::undecided);
    const auto second = attribute(told, row(".F.."));
    ASSERT_EQ(second.size(), 1u);
    EXPECT_EQ(second[0].culprit, Culprit::kvm);
    EXPECT_THAT(second[0].evidence, HasSubstr("/boot/vmlinuz"));
}

TEST(Attribution, AVersionThatIsRightConvictsTheOther) {
    const std::vector<Witness> versions{{"bochs", {"bochs", "", "2.7"}},
                                        {"bochs:3.0", {"bochs", "", "3.0"}}};
    const auto said = attribute(versions, row("F."));
    ASSERT_EQ(said.size(), 1u);
    EXPECT_EQ(said[0], (Attribution{0, Culprit::cpu, "bochs 2.7", "holds on bochs:3.0"}));
    // What both do is no second witness.
    EXPECT_EQ(attribute(versions, row("FF"))[0].culprit, Culprit::undecided);
}

TEST(Attribution, TheBareCpuBelowAKernelIsOfItsVersion) {
    const std::vector<Witness> stacks{{"qemu", {"qemu", "", "7.2"}},
                                      {"bochs", {"bochs", "", "2.7"}},
                                      {"lab:6.12@bochs", {"bochs", "6.12.95", "3.0"}},
                                      {"lab:6.12@bochs:3.1", {"bochs", "6.12.95", "3.1"}}};
    EXPECT_EQ(attribute(stacks, row(".FF "))[1].culprit, Culprit::undecided)
        << "2.7 says nothing of 3.0";
    EXPECT_EQ(attribute(stacks, row(".FF."))[1],
              (Attribution{2, Culprit::cpu, "bochs 3.0", "holds on lab:6.12@bochs:3.1"}));
}

TEST(Attribution, KvmThatDoesWhatAWrongCpuDoesOnARightOneIsWrong) {
    EXPECT_EQ(judged("F. FF"), (Said{{0, "cpu qemu: holds on bochs"},
                                     {3, "kvm 6.12.95: the same on lab:6.12@bochs"},
                                     {4, "kvm 6.12.95: the same on lab:6.12"}}));
}

TEST(Attribution, MannersMatter) {
    EXPECT_EQ(judged("...FG")[3], "kvm 6.12.95: holds on lab:6.1");
    EXPECT_EQ(judged(".. FG")[3], "kvm 6.12.95: in another way on lab:6.12@bochs");
    EXPECT_EQ(judged("F. G ")[3], "cpu qemu: in another way on qemu");
}

TEST(Attribution, WhatNobodyDoesIsSuspiciousOfOurTable) {
    for (const auto& [column, said] : judged("FFFFF")) {
        EXPECT_EQ(said, "table: no target holds, and two CPUs do the same");
    }
    EXPECT_THAT(judged("xF-- ")[0], HasSubstr("table"));
    EXPECT_THAT(judged("F--F ")[0], HasSubstr("undecided")) << "that is one CPU only";
    EXPECT_EQ(judged("FG   ")[1], "undecided: no target holds, each CPU in its own way");
}

TEST(Attribution, WithoutASecondCpuNobodyKnows) {
    EXPECT_EQ(judged("F-   "),
              (Said{{0, "undecided: no other CPU has run it: the CPU or our table"}}));
    EXPECT_EQ(judged("x-xx ")[2], "undecided: the same on qemu, and no other CPU has run it: the "
                                  "CPU or our table");
    EXPECT_THAT(judged("   F ")[3], HasSubstr("no target that ran it can tell"));
}

TEST(Cells, KnowADeviationByWhatWasSeen) {
    CaseResult result;
    result.verdict = Verdict::fail;
    result.fields = {{"save.rip", "0x1", "0x2", "", false},
                     {"control.exit_code", "0x72", "0x72", "", true},
                     {"control.exit_info_1", "0", "7", "", false}};
    const Cell cell = cell_of(result);
    EXPECT_EQ(cell.manner, "control.exit_info_1=7 save.rip=0x2");
    EXPECT_EQ(cell.reason, "save.rip, control.exit_info_1");
    result.verdict = Verdict::expected_fail;
    result.reason = "known for years";
    EXPECT_EQ(cell_of(result).manner, cell.manner);
    EXPECT_EQ(cell_of(result).reason, "known for years");
}

TEST(Cells, KnowADeathWithAndWithoutABaseline) {
    CaseResult result;
    result.verdict = Verdict::fail;
    result.reason = "triple fault: rip 0x1000; cr0 0x11";
    const Cell fresh = cell_of(result);
    EXPECT_EQ(fresh.manner, "triple fault: rip 0x1000");
    result.verdict = Verdict::expected_fail;
    result.reason = "it cannot do that (seen: triple fault: rip 0x1000; cr0 0x11)";
    EXPECT_EQ(cell_of(result).manner, fresh.manner);
    EXPECT_EQ(cell_of(result).reason, "it cannot do that");
}

TEST(Cells, OfOtherVerdictsDoNotDeviate) {
    CaseResult result;
    result.verdict = Verdict::skip;
    result.reason = "needs nrips";
    EXPECT_FALSE(cell_of(result).deviates());
    EXPECT_FALSE(cell_of(result).holds());
    EXPECT_EQ(cell_of(result).reason, "needs nrips");
    result.verdict = Verdict::unexpected_pass;
    EXPECT_TRUE(cell_of(result).holds());
}

} // namespace
} // namespace vmrunit::runner
