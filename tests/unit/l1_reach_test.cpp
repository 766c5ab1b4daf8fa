// SPDX-License-Identifier: GPL-2.0-only
// What of a case is out of a 32-bit L1's hands.
#include "cases/model/l1_reach.hpp"

#include "cases/model/instruction_table.hpp"

#include <gtest/gtest.h>

namespace vmrunit::cases {
namespace {

Case case_under(L1Mode l1, L2Mode mode, std::vector<Step> steps) {
    Case one;
    one.start = {mode, 0, true, l1};
    one.steps = std::move(steps);
    one.steps.emplace_back(cases::Run{});
    one.expectations = {ExitExpectation{}};
    return one;
}

/// Under an L1 of each mode: 64-bit, PAE, 2-level.
std::string reach(L2Mode mode, const std::vector<Step>& steps) {
    std::string text;
    for (const L1Mode l1 : {L1Mode::long64, L1Mode::pae, L1Mode::legacy}) {
        text += in_reach_of_l1(case_under(l1, mode, steps)) ? '+' : '-';
    }
    return text;
}

TEST(L1Reach, RegistersThatOnlyA64BitL1Has) {
    EXPECT_EQ(reach(L2Mode::long64, {l2_register(Register::rbx, 0xffff'ffff)}), "+++");
    EXPECT_EQ(reach(L2Mode::long64, {l2_register(Register::rbx, 0x1'0000'0000)}), "+--");
    EXPECT_EQ(reach(L2Mode::long64, {l2_register(Register::r8, 0)}), "+--");
    EXPECT_EQ(reach(L2Mode::compat, {l2_register(Register::r15, 0)}), "+--");
    // The VMCB has all of these.
    EXPECT_EQ(reach(L2Mode::long64, {l2_register(Register::rax, ~0ull)}), "+++");
    EXPECT_EQ(reach(L2Mode::long64, {l2_register(Register::rsp, ~0ull)}), "+++");
}

TEST(L1Reach, RegistersThatOnlyA64BitL1Sees) {
    const auto seen = [](Register reg, std::uint64_t mask) {
        Case one = case_under(L1Mode::pae, L2Mode::long64, {});
        ExitExpectation exit;
        exit.registers = {{reg, 0, mask}};
        one.expectations = {exit};
        return in_reach_of_l1(one);
    };
    EXPECT_TRUE(seen(Register::rbx, ~0ull)) << "its lower half is";
    EXPECT_FALSE(seen(Register::rbx, 0xffff'ffff'0000'0000));
    EXPECT_FALSE(seen(Register::r8, ~0ull));
}

TEST(L1Reach, NestedTablesAreOfL1sForm) {
    const auto write = [](Region table) { return Write{wire::Op::Code::write, table, 0, 8, 0}; };
    EXPECT_EQ(reach(L2Mode::prot32, {write(Region::nested_pml4)}), "+--");
    EXPECT_EQ(reach(L2Mode::prot32, {write(Region::nested_pdpt)}), "+--");
    EXPECT_EQ(reach(L2Mode::prot32, {write(Region::nested_pae_pdpt)}), "-+-");
    EXPECT_EQ(reach(L2Mode::prot32, {write(Region::nested_pd)}), "++-") << "shared by both";
    EXPECT_EQ(reach(L2Mode::prot32, {write(Region::nested_legacy_pd)}), "--+");
    EXPECT_EQ(reach(L2Mode::prot32, {write(Region::l2_memory)}), "+++");
}

TEST(L1Reach, AddressesThatL1ItselfUses) {
    EXPECT_EQ(reach(L2Mode::prot32, {cases::Run{0x1'0000'0000}}), "+--");
    EXPECT_EQ(reach(L2Mode::prot32, {L1Write{wire::L1Register::dr0, 0, 0x1'0000'0000}}), "+--");
    EXPECT_EQ(reach(L2Mode::prot32, {L1Write{wire::L1Register::msr, 0x10, ~0ull}}), "+++")
        << "WRMSR takes two registers";
}

TEST(L1Reach, A64BitL2WithRegistersOfA32BitL1BeginsWithClearingThem) {
    const std::vector<Step> loads{l2_register(Register::rcx, 1)};
    const auto entry = [](const Case& one) { return entry_of(one, at_start); };
    EXPECT_EQ(entry(case_under(L1Mode::pae, L2Mode::long64, loads)).number,
              0 - clear_upper_halves_size);
    EXPECT_EQ(entry(case_under(L1Mode::long64, L2Mode::long64, loads)), at_start);
    EXPECT_EQ(entry(case_under(L1Mode::pae, L2Mode::compat, loads)), at_start);
    EXPECT_EQ(entry(case_under(L1Mode::pae, L2Mode::long64, {})), at_start) << "it loads none";
    // Begun anywhere else it could not clear them.
    std::vector<Step> elsewhere = loads;
    elsewhere.emplace_back(vmcb_field(svm::field::rip, at_insn));
    EXPECT_EQ(reach(L2Mode::long64, elsewhere), "+--");
}

} // namespace
} // namespace vmrunit::cases
