// SPDX-License-Identifier: GPL-2.0-only
// The CPUID bits that decide whether a field, an intercept or a rule exists on a CPU, and a set of
// them. The payload reads the set once and sends it; the host compares it with what a row needs.
#pragma once

#include "harness/svm/bits.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmrunit::svm {

/// Not a leaf: what is listed under it is of the machine and not of its CPU, and CPUID does not say
/// it. The runner that made the machine does, by the plan.
inline constexpr std::uint32_t machine_leaf = 0xffff'ffff;
/// Nor is this one: what is listed under it the payload finds out for itself.
inline constexpr std::uint32_t payload_leaf = 0xffff'fffe;

enum class CpuidRegister : std::uint8_t { eax, ebx, ecx, edx };

enum class Feature : std::uint8_t {
#define VMRUNIT_FEATURE(name, leaf, subleaf, reg, bit, meaning) name,
#include "harness/svm/feature_list.inc"
#undef VMRUNIT_FEATURE
};

struct FeatureInfo {
    std::string_view name;
    std::string_view meaning;
    std::uint32_t leaf;
    std::uint32_t subleaf;
    Feature feature;
    CpuidRegister reg;
    std::uint8_t bit;
};

inline constexpr FeatureInfo feature_table[] = {
#define VMRUNIT_FEATURE(name, leaf, subleaf, reg, bit, meaning)                                    \
    {#name, meaning, leaf, subleaf, Feature::name, CpuidRegister::reg, bit},
#include "harness/svm/feature_list.inc"
#undef VMRUNIT_FEATURE
};

inline constexpr std::size_t feature_count = sizeof(feature_table) / sizeof(feature_table[0]);
static_assert(feature_count <= 128, "Features holds two 64-bit words");

constexpr const FeatureInfo& feature_info(Feature feature) {
    return feature_table[static_cast<std::size_t>(feature)];
}
constexpr std::string_view feature_name(Feature feature) {
    return feature_info(feature).name;
}

constexpr bool is_leaf_of_cpuid(std::uint32_t leaf) {
    return leaf != machine_leaf && leaf != payload_leaf;
}

/// A feature that CPUID tells, and could hide: the others are not its own.
constexpr const FeatureInfo* feature_by_name(std::string_view name) {
    for (const FeatureInfo& info : feature_table) {
        if (info.name == name && is_leaf_of_cpuid(info.leaf)) {
            return &info;
        }
    }
    return nullptr;
}

class Features {
public:
    constexpr Features() = default;
    // Implicit, so that a row says `.needs = {np, nrips}`.
    // NOLINTNEXTLINE(google-explicit-constructor)
    constexpr Features(std::same_as<Feature> auto... features) { (set(features), ...); }

    constexpr Features& set(Feature feature) {
        words_[word(feature)] |= mask(feature);
        return *this;
    }
    constexpr Features& clear(Feature feature) {
        words_[word(feature)] &= ~mask(feature);
        return *this;
    }
    constexpr bool test(Feature feature) const {
        return (words_[word(feature)] & mask(feature)) != 0;
    }

    constexpr bool empty() const { return (words_[0] | words_[1]) == 0; }
    constexpr bool contains_all(const Features& needed) const { return missing(needed).empty(); }
    constexpr bool contains_any(const Features& wanted) const {
        return ((words_[0] & wanted.words_[0]) | (words_[1] & wanted.words_[1])) != 0;
    }
    // What `needed` asks for and this set does not have.
    constexpr Features missing(const Features& needed) const {
        Features result;
        result.words_[0] = needed.words_[0] & ~words_[0];
        result.words_[1] = needed.words_[1] & ~words_[1];
        return result;
    }
    friend constexpr Features operator|(Features left, const Features& right) {
        left.words_[0] |= right.words_[0];
        left.words_[1] |= right.words_[1];
        return left;
    }

    friend constexpr Features operator&(Features left, const Features& right) {
        left.words_[0] &= right.words_[0];
        left.words_[1] &= right.words_[1];
        return left;
    }

    // The form in which a set travels; a bit that this build does not know is dropped.
    constexpr std::array<std::uint64_t, 2> words() const { return {words_[0], words_[1]}; }
    static constexpr Features from_words(std::uint64_t low, std::uint64_t high) {
        Features result;
        result.words_[0] = low & low_bits(static_cast<unsigned>(feature_count));
        result.words_[1] =
            feature_count > 64 ? high & low_bits(static_cast<unsigned>(feature_count) - 64) : 0;
        return result;
    }

    constexpr bool operator==(const Features&) const = default;

private:
    static constexpr std::size_t word(Feature feature) {
        return static_cast<std::size_t>(feature) / 64;
    }
    static constexpr std::uint64_t mask(Feature feature) {
        return std::uint64_t{1} << (static_cast<unsigned>(feature) % 64);
    }

    std::uint64_t words_[2]{};
};

struct CpuidResult {
    std::uint32_t eax;
    std::uint32_t ebx;
    std::uint32_t ecx;
    std::uint32_t edx;

    constexpr std::uint32_t get(CpuidRegister reg) const {
        switch (reg) {
        case CpuidRegister::eax:
            return eax;
        case CpuidRegister::ebx:
            return ebx;
        case CpuidRegister::ecx:
            return ecx;
        case CpuidRegister::edx:
            break;
        }
        return edx;
    }
};

inline constexpr std::uint32_t extended_cpuid_leaf = 0x80000000;
inline constexpr std::uint32_t svm_cpuid_leaf = 0x8000000a;

// `cpuid(leaf, subleaf)` gives a CpuidResult or anything with the same four members. A leaf above
// the reported maximum is not asked: some CPUs answer with another leaf's data. The SVM leaf is
// reserved on a CPU without SVM.
template<class Cpuid>
constexpr Features features_from_cpuid(Cpuid&& cpuid) {
    const std::uint32_t basic_maximum = cpuid(0, 0).eax;
    const std::uint32_t extended_maximum = cpuid(extended_cpuid_leaf, 0).eax;
    const auto answers = [&](std::uint32_t leaf) {
        if (!is_leaf_of_cpuid(leaf)) {
            return false;
        }
        return leaf >= extended_cpuid_leaf
                   ? extended_maximum >= extended_cpuid_leaf && leaf <= extended_maximum
                   : leaf <= basic_maximum;
    };

    Features features;
    CpuidResult result{};
    for (std::size_t i = 0; i < feature_count; ++i) {
        const FeatureInfo& info = feature_table[i];
        if (i == 0 || feature_table[i - 1].leaf != info.leaf ||
            feature_table[i - 1].subleaf != info.subleaf) {
            result = {};
            if (answers(info.leaf) &&
                (info.leaf != svm_cpuid_leaf || features.test(Feature::svm))) {
                const auto raw = cpuid(info.leaf, info.subleaf);
                result = {raw.eax, raw.ebx, raw.ecx, raw.edx};
            }
        }
        if ((result.get(info.reg) >> info.bit) & 1) {
            features.set(info.feature);
        }
    }
    return features;
}

/// Features of the machine as a plan has them, and back: bit n of the byte is bit n of
/// machine_leaf.
constexpr Features features_from_machine(std::uint8_t bits) {
    Features features;
    for (const FeatureInfo& info : feature_table) {
        if (info.leaf == machine_leaf && ((bits >> info.bit) & 1) != 0) {
            features.set(info.feature);
        }
    }
    return features;
}
constexpr std::uint8_t machine_bits(const Features& features) {
    std::uint8_t bits = 0;
    for (const FeatureInfo& info : feature_table) {
        if (info.leaf == machine_leaf && features.test(info.feature)) {
            bits |= static_cast<std::uint8_t>(1u << info.bit);
        }
    }
    return bits;
}

consteval bool feature_table_is_sound() {
    for (std::size_t i = 0; i < feature_count; ++i) {
        const FeatureInfo& info = feature_table[i];
        if (static_cast<std::size_t>(info.feature) != i || info.bit > 31) {
            return false;
        }
        for (std::size_t j = 0; j < i; ++j) {
            const FeatureInfo& other = feature_table[j];
            if (other.leaf == info.leaf && other.subleaf == info.subleaf && other.reg == info.reg &&
                other.bit == info.bit) {
                return false;
            }
        }
    }
    return true;
}
static_assert(feature_table_is_sound(), "a feature is out of order or listed twice");

} // namespace vmrunit::svm
