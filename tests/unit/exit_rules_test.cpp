// SPDX-License-Identifier: GPL-2.0-only
// The table of what each exit defines: values that follow, and bits that are open.
#include "harness/fresh_vmcb.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb_fields.hpp"
#include "host_runner/judge/exit_rules.hpp"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Feature;
using svm::FieldRef;

constexpr std::uint64_t all = ~std::uint64_t{0};
constexpr std::uint64_t rip = 0x1002, next_rip = 0x1004;

class ExitRules : public testing::Test {
protected:
    ExitRules() { fresh_vmcb(before_, {.arena = 0x20'0000}, {}); }

    ExpectedVmcb after(ExitCode code) const {
        return expected_after_exit({before_, code, rip, next_rip, features_});
    }
    static std::uint64_t value(const ExpectedVmcb& expected, FieldRef ref) {
        return expected.value_at(ref.offset, std::min<unsigned>(ref.size_bytes, 8));
    }
    static std::uint64_t judged(const ExpectedVmcb& expected, FieldRef ref) {
        return expected.judged_at(ref.offset, std::min<unsigned>(ref.size_bytes, 8));
    }

    svm::Vmcb before_{};
    svm::Features features_{Feature::nrips, Feature::decode_assists, Feature::np, Feature::lbrv};
};

TEST_F(ExitRules, TheExitCodeIsHard) {
    for (const ExitCode code : {ExitCode::cpuid, ExitCode::npf, ExitCode::invalid,
                                ExitCode::shutdown, ExitCode::vmmcall}) {
        const ExpectedVmcb expected = after(code);
        EXPECT_EQ(value(expected, field::exit_code), static_cast<std::uint64_t>(code));
        EXPECT_EQ(judged(expected, field::exit_code), all);
    }
}

TEST_F(ExitRules, AnOrdinaryExitChangesNothingElse) {
    const ExpectedVmcb expected = after(ExitCode::cpuid);
    EXPECT_EQ(value(expected, field::rip), rip);
    EXPECT_EQ(judged(expected, field::rip), all);
    for (const FieldRef ref :
         {field::intercept_cr, field::intercept_dr, field::intercept_exceptions, field::guest_asid,
          field::n_cr3, field::tsc_offset, field::cs_base, field::cs_limit, field::cr0, field::cr3,
          field::cr4, field::rsp, field::rax, field::cpl, field::g_pat, field::dr6,
          field::gdtr_base, field::idtr_limit}) {
        const svm::Vmcb& was = before_;
        std::uint64_t old = 0;
        std::memcpy(&old, reinterpret_cast<const char*>(&was) + ref.offset,
                    std::min<unsigned>(ref.size_bytes, 8));
        EXPECT_EQ(value(expected, ref), old) << svm::field_info(ref).name;
        EXPECT_EQ(judged(expected, ref), svm::low_bits(ref.size_bytes * 8))
            << svm::field_info(ref).name;
    }
}

TEST_F(ExitRules, RflagsRfIsOpen) {
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::rflags), all & ~svm::rflags::rf);
}

TEST_F(ExitRules, NextRipNeedsNripsAndAnInstruction) {
    EXPECT_EQ(value(after(ExitCode::cpuid), field::next_rip), next_rip);
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::next_rip), all);
    EXPECT_EQ(value(after(ExitCode::intr), field::next_rip), 0u) << "no instruction exit";
    EXPECT_EQ(judged(after(ExitCode::intr), field::next_rip), all);
    EXPECT_EQ(judged(after(ExitCode::invalid), field::next_rip), 0u);
    EXPECT_EQ(judged(after(static_cast<ExitCode>(0x7777)), field::next_rip), 0u)
        << "of a code that no manual lists nothing is known";
    features_.clear(Feature::nrips);
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::next_rip), 0u);
    EXPECT_EQ(judged(after(ExitCode::intr), field::next_rip), 0u);
}

TEST_F(ExitRules, ExitInfoIsJudgedByRowsOrNotAtAll) {
    for (const svm::ExitCodeInfo& info : svm::exit_code_table) {
        const ExpectedVmcb expected = after(info.code);
        const auto check = [&](FieldRef ref, svm::ExitInfo kind) {
            EXPECT_EQ(judged(expected, ref), kind == svm::ExitInfo::zero ? all : 0) << info.name;
            if (kind == svm::ExitInfo::zero) {
                EXPECT_EQ(value(expected, ref), 0u) << info.name;
            }
        };
        check(field::exit_info_1, info.info_1);
        check(field::exit_info_2, info.info_2);
    }
}

TEST_F(ExitRules, ExitIntInfoIsItsValidBit) {
    before_.control.exit_int_info.value = 0x8000'030e;
    const ExpectedVmcb expected = after(ExitCode::cpuid);
    const std::uint64_t valid = svm::EventInformation::valid.mask();
    EXPECT_EQ(value(expected, field::exit_int_info) & valid, 0u) << "left over from before";
    EXPECT_EQ(judged(expected, field::exit_int_info), valid);
    EXPECT_EQ(judged(after(ExitCode::invalid), field::exit_int_info), 0u);
}

TEST_F(ExitRules, EventInjectionLosesItsValidBit) {
    before_.control.event_injection.value = 0x8000'030e;
    const ExpectedVmcb expected = after(ExitCode::cpuid);
    const std::uint64_t valid = svm::EventInformation::valid.mask();
    EXPECT_EQ(value(expected, field::event_injection) & valid, 0u);
    EXPECT_EQ(judged(expected, field::event_injection), valid);
}

TEST_F(ExitRules, InstructionBytesBelongToDataFaults) {
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::insn_byte_count), 0xffu);
    EXPECT_EQ(value(after(ExitCode::cpuid), field::insn_byte_count), 0u);
    EXPECT_EQ(judged(after(ExitCode::npf), field::insn_byte_count), 0u);
    EXPECT_EQ(judged(after(ExitCode::exception_pf), field::insn_byte_count), 0u);
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::insn_bytes), 0u);
    EXPECT_EQ(after(ExitCode::cpuid).judged_at(field::insn_bytes.offset + 8, 7), 0u);
    features_.clear(Feature::decode_assists);
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::insn_byte_count), 0u);
}

TEST_F(ExitRules, AfterInvalidOnlyTheControlAreaCounts) {
    const ExpectedVmcb expected = after(ExitCode::invalid);
    EXPECT_TRUE(std::all_of(expected.judged.begin() + svm::save_area_offset, expected.judged.end(),
                            [](std::uint8_t mask) { return mask == 0; }));
    EXPECT_EQ(judged(expected, field::guest_asid), 0xffff'ffffu);
    EXPECT_EQ(judged(expected, field::virtual_interrupt), all);
}

TEST_F(ExitRules, AfterShutdownTheSaveAreaIsNotJudged) {
    const ExpectedVmcb expected = after(ExitCode::shutdown);
    EXPECT_TRUE(std::all_of(expected.judged.begin() + svm::save_area_offset, expected.judged.end(),
                            [](std::uint8_t mask) { return mask == 0; }));
    EXPECT_EQ(judged(expected, field::virtual_interrupt), all & ~0xffffull) << "060h and 061h";
    EXPECT_EQ(judged(expected, field::interrupt_shadow) & 0xff, 0u) << "068h";
    EXPECT_EQ(judged(expected, field::guest_asid), 0xffff'ffffu);
}

TEST_F(ExitRules, LoadedStateComesBackInCanonicalForm) {
    before_.save.cr0 &= ~svm::cr0::et;
    before_.save.dr6 = 0;
    before_.save.dr7 = 0xd800;
    before_.save.rflags = 0x8000;
    before_.save.efer &= ~svm::efer::lma;
    const ExpectedVmcb expected = after(ExitCode::cpuid);
    EXPECT_EQ(value(expected, field::cr0), before_.save.cr0 | svm::cr0::et);
    EXPECT_EQ(value(expected, field::dr6), 0xffff'0ff0u);
    EXPECT_EQ(value(expected, field::dr7), 0x400u);
    EXPECT_EQ(value(expected, field::rflags), 2u);
    EXPECT_EQ(value(expected, field::efer), before_.save.efer | svm::efer::lma)
        << "LMA follows LME and PG";
    before_.save.cr0 &= ~svm::cr0::pg;
    EXPECT_EQ(value(after(ExitCode::cpuid), field::efer) & svm::efer::lma, 0u);
}

TEST_F(ExitRules, CplFollowsTheMode) {
    before_.save.cpl = 3;
    EXPECT_EQ(value(after(ExitCode::cpuid), field::cpl), 3u);
    before_.save.cr0 &= ~svm::cr0::pe;
    EXPECT_EQ(value(after(ExitCode::cpuid), field::cpl), 0u) << "real mode";
    before_.save.cr0 |= svm::cr0::pe;
    before_.save.cpl = 0;
    before_.save.rflags |= svm::rflags::vm;
    EXPECT_EQ(value(after(ExitCode::cpuid), field::cpl), 3u) << "virtual-8086 mode";
}

TEST_F(ExitRules, BusLockDetectionHasABitOfDr6) {
    before_.save.dr6 = 0;
    EXPECT_EQ(value(after(ExitCode::cpuid), field::dr6), 0xffff'0ff0u);
    features_.set(Feature::bus_lock_detect);
    EXPECT_EQ(value(after(ExitCode::cpuid), field::dr6), 0xffff'07f0u);
}

TEST_F(ExitRules, ASegmentThatIsNotPresentHasOnlyASelector) {
    before_.save.ds.attributes.clear(svm::SegmentAttributes::present);
    const ExpectedVmcb expected = after(ExitCode::cpuid);
    EXPECT_EQ(judged(expected, field::ds_selector), 0xffffu);
    EXPECT_EQ(judged(expected, field::ds_attributes), 0u);
    EXPECT_EQ(judged(expected, field::ds_limit), 0u);
    EXPECT_EQ(judged(expected, field::ds_base), 0u);
    EXPECT_EQ(judged(expected, field::ss_attributes), 0xffffu);
}

// APM2 15.5.1: CS has D, L, P and R, a stack no DPL, and G and AVL no register.
TEST_F(ExitRules, OfAttributesOnlyWhatTheCpuObservesIsJudged) {
    ExpectedVmcb expected = after(ExitCode::cpuid);
    free_unobserved_attributes(expected);
    EXPECT_EQ(judged(expected, field::cs_attributes), 0x682u);
    EXPECT_EQ(judged(expected, field::ss_attributes), 0x48eu);
    EXPECT_EQ(judged(expected, field::ds_attributes), 0x4eeu);
    EXPECT_EQ(judged(expected, field::es_attributes), 0x4eeu);
    for (const FieldRef place : {field::fs_attributes, field::gs_attributes, field::ldtr_attributes,
                                 field::tr_attributes}) {
        EXPECT_EQ(judged(expected, place), 0xffffu) << "no exit stores it";
    }
}

TEST_F(ExitRules, BranchRecordsAreSavedOnlyWhenVirtualized) {
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::br_from), all);
    before_.control.lbr_control.set(svm::LbrControl::lbr_virtualization_enable);
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::br_from), all) << "nothing is recorded";
    before_.save.dbgctl = svm::debug_ctl::lbr;
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::br_from), 0u);
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::dbgctl), all);
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::last_excp_to), 0u);
    features_.clear(Feature::lbrv);
    EXPECT_EQ(judged(after(ExitCode::cpuid), field::br_from), all) << "the bit means nothing";
}

TEST(ExpectedVmcb, SetsAndFreesBitByBit) {
    ExpectedVmcb expected;
    expected.set(0x10, 4, 0xaabb'ccdd, 0x00ff'ff00);
    EXPECT_EQ(expected.value_at(0x10, 4), 0x00bb'cc00u);
    EXPECT_EQ(expected.judged_at(0x10, 4), 0x00ff'ff00u);
    expected.set(0x10, 4, 0, 0x000f'0000);
    EXPECT_EQ(expected.value_at(0x10, 4), 0x00b0'cc00u);
    expected.free(0x10, 4, 0x0000'0f00);
    EXPECT_EQ(expected.judged_at(0x10, 4), 0x00ff'f000u);
    EXPECT_EQ(expected.judged_at(0x14, 4), 0u);
}

} // namespace
} // namespace vmrunit::runner
