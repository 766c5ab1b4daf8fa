// SPDX-License-Identifier: GPL-2.0-only
// Intercept bits against facts written here a second time, and the set that the VMCB begins with.
#include "harness/svm/intercept.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string_view>

namespace vmrunit::svm {
namespace {

TEST(Intercept, SitsInItsWord) {
    const auto words_with = [](Intercept intercept, unsigned word) {
        return InterceptSet{intercept}.words[word];
    };
    EXPECT_EQ(words_with(Intercept::cr0_read, 0), 1u << 0);
    EXPECT_EQ(words_with(Intercept::cr0_write, 0), 1u << 16);
    EXPECT_EQ(words_with(Intercept::dr7_write, 1), 1u << 23);
    EXPECT_EQ(words_with(Intercept::exception_gp, 2), 1u << 13);
    EXPECT_EQ(words_with(Intercept::cpuid, 3), 1u << 18);
    EXPECT_EQ(words_with(Intercept::shutdown, 3), 1u << 31);
    EXPECT_EQ(words_with(Intercept::vmrun, 4), 1u << 0);
    EXPECT_EQ(words_with(Intercept::xsetbv, 4), 1u << 13);
    EXPECT_EQ(words_with(Intercept::invpcid, 5), 1u << 2);
}

TEST(Intercept, SetHoldsExactlyWhatWasPutIn) {
    InterceptSet set{Intercept::vmrun, Intercept::cpuid, Intercept::idle_hlt};
    for (const InterceptInfo& info : intercept_table) {
        const bool wanted = info.intercept == Intercept::vmrun ||
                            info.intercept == Intercept::cpuid ||
                            info.intercept == Intercept::idle_hlt;
        EXPECT_EQ(set.test(info.intercept), wanted) << info.name;
    }
    set.clear(Intercept::cpuid);
    EXPECT_EQ(set, (InterceptSet{Intercept::idle_hlt, Intercept::vmrun}));
    EXPECT_EQ(set | InterceptSet{Intercept::cpuid},
              (InterceptSet{Intercept::vmrun, Intercept::cpuid, Intercept::idle_hlt}));
    EXPECT_EQ(InterceptSet{}, (InterceptSet{Intercept::hlt}.clear(Intercept::hlt)));
}

TEST(Intercept, SetIsTheFirst24BytesOfTheVmcb) {
    const InterceptSet set{Intercept::cpuid, Intercept::vmrun};
    unsigned char bytes[sizeof(set)];
    std::memcpy(bytes, &set, sizeof(set));
    EXPECT_EQ(bytes[0x0e], 0x04);
    EXPECT_EQ(bytes[0x10], 0x01);
}

TEST(Intercept, NamesAreUniqueAndShared) {
    std::set<std::string_view> names;
    for (const InterceptInfo& info : intercept_table) {
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_EQ(intercept_by_name(info.name), &info);
        EXPECT_EQ(exit_code_name(info.exit_code), info.name);
        EXPECT_EQ(intercept_of_exit_code(info.exit_code), &info);
        EXPECT_EQ(exit_code_info(info.exit_code)->next_rip_saved, info.next_rip_saved);
    }
    EXPECT_EQ(names.size(), 167u);
    EXPECT_EQ(intercept_by_name("npf"), nullptr);
    EXPECT_EQ(intercept_of_exit_code(ExitCode::npf), nullptr);
    EXPECT_EQ(intercept_of_exit_code(ExitCode::invalid), nullptr);
    EXPECT_EQ(intercept_name(static_cast<Intercept>(167)), "reserved");
}

TEST(Intercept, KnowsItsFacts) {
    EXPECT_EQ(exception_intercept(14), Intercept::exception_pf);
    EXPECT_EQ(exit_code_of(Intercept::hlt), ExitCode::hlt);

    const InterceptInfo& rdtscp = intercept_info(Intercept::rdtscp);
    EXPECT_EQ(rdtscp.gate, gate::needs(Feature::rdtscp));
    EXPECT_TRUE(rdtscp.next_rip_saved);
    EXPECT_EQ(rdtscp.manual, "APM2 15.9");

    const InterceptInfo& cr8_read = intercept_info(Intercept::cr8_read);
    EXPECT_TRUE(cr8_read.gate.met_by({Feature::long_mode}));
    EXPECT_TRUE(cr8_read.gate.met_by({Feature::alt_mov_cr8}));
    EXPECT_FALSE(cr8_read.gate.met_by({Feature::svm}));

    const InterceptInfo& tlbsync = intercept_info(Intercept::tlbsync);
    EXPECT_FALSE(tlbsync.gate.met_by({Feature::invlpgb}));
    EXPECT_TRUE(tlbsync.gate.met_by({Feature::invlpgb, Feature::tlbi_ctl}));

    EXPECT_TRUE(intercept_info(Intercept::cpuid).gate.met_by({}));
    EXPECT_EQ(intercept_info(Intercept::exception_db).timing, ExitTiming::fault_or_trap);
    EXPECT_FALSE(intercept_info(Intercept::task_switch).next_rip_saved);
}

} // namespace
} // namespace vmrunit::svm
