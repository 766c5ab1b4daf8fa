// SPDX-License-Identifier: GPL-2.0-only
// CPUID bits against facts written here a second time, the set, and reading a set from CPUIDs that
// no test machine has.
#include "harness/svm/features.hpp"

#include "harness/svm/inert_ports.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::svm {
namespace {

using Leaves = std::map<std::pair<std::uint32_t, std::uint32_t>, CpuidResult>;

// A CPU that answers every leaf it does not know with ones, as a warning to callers.
struct FakeCpu {
    Leaves leaves;
    std::vector<std::uint32_t> asked{};

    CpuidResult operator()(std::uint32_t leaf, std::uint32_t subleaf) {
        asked.push_back(leaf);
        const auto found = leaves.find({leaf, subleaf});
        return found != leaves.end() ? found->second : CpuidResult{~0u, ~0u, ~0u, ~0u};
    }
};

void expect_at(Feature feature, std::uint32_t leaf, CpuidRegister reg, unsigned bit) {
    const FeatureInfo& info = feature_info(feature);
    EXPECT_EQ(info.leaf, leaf) << info.name;
    EXPECT_EQ(info.reg, reg) << info.name;
    EXPECT_EQ(info.bit, bit) << info.name;
}

TEST(Features, BitsAreWhereTheManualPutsThem) {
    // clang-format off
    expect_at(Feature::xsave,              0x00000001, CpuidRegister::ecx, 26);
    expect_at(Feature::invpcid,            0x00000007, CpuidRegister::ebx, 10);
    expect_at(Feature::pks,                0x00000007, CpuidRegister::ecx, 31);
    expect_at(Feature::fred,               0x00000007, CpuidRegister::eax, 17);
    expect_at(Feature::svm,                0x80000001, CpuidRegister::ecx,  2);
    expect_at(Feature::rdtscp,             0x80000001, CpuidRegister::edx, 27);
    expect_at(Feature::long_mode,          0x80000001, CpuidRegister::edx, 29);
    expect_at(Feature::rdpru,              0x80000008, CpuidRegister::ebx,  4);
    expect_at(Feature::np,                 0x8000000a, CpuidRegister::edx,  0);
    expect_at(Feature::nrips,              0x8000000a, CpuidRegister::edx,  3);
    expect_at(Feature::vmcb_clean,         0x8000000a, CpuidRegister::edx,  5);
    expect_at(Feature::decode_assists,     0x8000000a, CpuidRegister::edx,  7);
    expect_at(Feature::pause_filter,       0x8000000a, CpuidRegister::edx, 10);
    expect_at(Feature::avic,               0x8000000a, CpuidRegister::edx, 13);
    expect_at(Feature::vgif,               0x8000000a, CpuidRegister::edx, 16);
    expect_at(Feature::vnmi,               0x8000000a, CpuidRegister::edx, 25);
    expect_at(Feature::pml,                0x8000000a, CpuidRegister::ecx,  4);
    expect_at(Feature::sev_es,             0x8000001f, CpuidRegister::eax,  3);
    expect_at(Feature::automatic_ibrs,     0x80000021, CpuidRegister::eax,  8);
    // clang-format on
}

TEST(Features, NamesAreUniqueAndFound) {
    std::set<std::string_view> names;
    for (const FeatureInfo& info : feature_table) {
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_EQ(feature_by_name(info.name), is_leaf_of_cpuid(info.leaf) ? &info : nullptr);
        EXPECT_FALSE(info.meaning.empty()) << info.name;
    }
    EXPECT_EQ(feature_name(Feature::decode_assists), "decode_assists");
    EXPECT_EQ(feature_by_name("nrip"), nullptr);
}

TEST(Features, SetArithmetic) {
    const Features have{Feature::svm, Feature::np, Feature::nrips, Feature::lbr_stack};
    EXPECT_TRUE(have.test(Feature::lbr_stack));
    EXPECT_FALSE(have.test(Feature::vgif));
    EXPECT_TRUE(have.contains_all({Feature::np, Feature::lbr_stack}));
    EXPECT_TRUE(have.contains_all({}));
    EXPECT_FALSE(have.contains_all({Feature::np, Feature::vgif}));
    EXPECT_EQ(have.missing({Feature::np, Feature::vgif, Feature::eraps}),
              (Features{Feature::vgif, Feature::eraps}));
    EXPECT_TRUE(have.contains_any({Feature::vgif, Feature::np}));
    EXPECT_FALSE(have.contains_any({}));
    EXPECT_TRUE(Features{}.empty());
    EXPECT_TRUE(Features{Feature::np}.clear(Feature::np).empty());
    EXPECT_EQ((Features{Feature::np} | Features{Feature::vgif}),
              (Features{Feature::vgif, Feature::np}));
}

TEST(Features, SurviveTheWireAndLoseUnknownBits) {
    Features all;
    for (const FeatureInfo& info : feature_table) {
        const Features one{info.feature};
        EXPECT_EQ(Features::from_words(one.words()[0], one.words()[1]), one) << info.name;
        all.set(info.feature);
    }
    EXPECT_EQ(Features::from_words(~std::uint64_t{0}, ~std::uint64_t{0}), all);
}

TEST(Features, AreReadFromCpuid) {
    FakeCpu cpu{{{{0, 0}, {7, 0, 0, 0}},
                 {{1, 0}, {0, 0, 1u << 26, 1u << 4}},
                 {{6, 0}, {0, 0, 1u << 0, 0}},
                 {{7, 0}, {1, 1u << 10, 0, 0}},
                 {{7, 1}, {1u << 6, 0, 0, 0}},
                 {{0x80000000, 0}, {0x8000000a, 0, 0, 0}},
                 {{0x80000001, 0}, {0, 0, 1u << 2, 1u << 29}},
                 {{0x80000007, 0}, {0, 0, 0, 0}},
                 {{0x80000008, 0}, {0, 0, 0, 0}},
                 {{0x8000000a, 0}, {1, 16, 0, (1u << 0) | (1u << 3)}}}};
    EXPECT_EQ(
        features_from_cpuid(cpu),
        (Features{Feature::xsave, Feature::tsc, Feature::effective_frequency, Feature::invpcid,
                  Feature::lass, Feature::svm, Feature::long_mode, Feature::np, Feature::nrips}));
    for (const std::uint32_t leaf : cpu.asked) {
        EXPECT_TRUE(leaf <= 7 || (leaf >= 0x80000000 && leaf <= 0x8000000a)) << leaf;
    }
}

TEST(Features, LeavesBeyondTheMaximumCountAsZero) {
    FakeCpu cpu{{{{0, 0}, {1, 0, 0, 0}},
                 {{1, 0}, {0, 0, 0, 0}},
                 {{0x80000000, 0}, {0x80000001, 0, 0, 0}},
                 {{0x80000001, 0}, {0, 0, 1u << 2, 0}}}};
    EXPECT_EQ(features_from_cpuid(cpu), Features{Feature::svm});

    // A CPU without extended leaves answers 80000000h with something small.
    FakeCpu old_cpu{
        {{{0, 0}, {1, 0, 0, 0}}, {{1, 0}, {0, 0, 0, 1u << 6}}, {{0x80000000, 0}, {1, 0, 0, 0}}}};
    EXPECT_EQ(features_from_cpuid(old_cpu), Features{Feature::pae});
}

TEST(Features, SvmLeafOfACpuWithoutSvmIsNotBelieved) {
    FakeCpu cpu{{{{0, 0}, {0, 0, 0, 0}},
                 {{0x80000000, 0}, {0x8000000a, 0, 0, 0}},
                 {{0x80000001, 0}, {0, 0, 0, 0}},
                 {{0x80000007, 0}, {0, 0, 0, 0}},
                 {{0x80000008, 0}, {0, 0, 0, 0}},
                 {{0x8000000a, 0}, {~0u, ~0u, ~0u, ~0u}}}};
    EXPECT_TRUE(features_from_cpuid(cpu).empty());
}

TEST(Features, OfTheMachineAreNoCpus) {
    FakeCpu generous{{{{0, 0}, {~0u, 0, 0, 0}}, {{0x80000000, 0}, {~0u, 0, 0, 0}}}};
    const Features machine =
        Features{Feature::second_cpu, Feature::smm_in_memory, Feature::machine_check_service} |
        all_inert_ports;
    const Features found{Feature::vm_cr_locked, Feature::unused_address_bits};
    EXPECT_FALSE(features_from_cpuid(generous).contains_any(machine | found));
    EXPECT_EQ(machine_bits(found), 0u);
    EXPECT_EQ(feature_by_name("second_cpu"), nullptr);
    EXPECT_EQ(machine_bits(machine), 0x3f);
    EXPECT_EQ(machine_bits(Features{Feature::np, Feature::second_cpu}), 1);
    for (unsigned bits = 0; bits <= 0x3f; ++bits) {
        EXPECT_EQ(machine_bits(features_from_machine(static_cast<std::uint8_t>(bits))), bits);
    }
    EXPECT_TRUE(features_from_machine(0xc0).empty());
}

// The guest has no library: reading must also work where everything is a constant expression.
static_assert(features_from_cpuid([](std::uint32_t leaf, std::uint32_t) {
                  return leaf == 0 ? CpuidResult{1, 0, 0, 0} : CpuidResult{0, 0, 1u << 31, 0};
              }) == Features{Feature::hypervisor});

} // namespace
} // namespace vmrunit::svm
