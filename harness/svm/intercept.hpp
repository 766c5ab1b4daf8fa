// SPDX-License-Identifier: GPL-2.0-only
// Intercept bits: words 000h to 014h of the VMCB (APM vol. 2, Appendix B). A bit counted from the
// first word is the exit code of what it intercepts.
#pragma once

#include "harness/svm/exit_code.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace vmrunit::svm {

enum class Intercept : std::uint16_t {
#define VMRUNIT_INTERCEPT(offset, bit, code, name, manual_name, gate, timing, next_rip, info_1,    \
                          info_2, manual)                                                          \
    name = (offset)*8 + (bit),
#include "harness/svm/intercept_list.inc"
#undef VMRUNIT_INTERCEPT
};

constexpr ExitCode exit_code_of(Intercept intercept) {
    return static_cast<ExitCode>(static_cast<std::uint16_t>(intercept));
}
constexpr Intercept exception_intercept(std::uint8_t vector) {
    return static_cast<Intercept>(static_cast<unsigned>(Intercept::exception_de) + vector % 32);
}

class InterceptSet {
public:
    static constexpr std::size_t word_count = 6;

    constexpr InterceptSet() = default;
    // Implicit, so that a row says `.intercepts = {cpuid, vmmcall}`.
    // NOLINTNEXTLINE(google-explicit-constructor)
    constexpr InterceptSet(std::same_as<Intercept> auto... intercepts) { (set(intercepts), ...); }

    constexpr InterceptSet& set(Intercept intercept) {
        words[word(intercept)] |= mask(intercept);
        return *this;
    }
    constexpr InterceptSet& clear(Intercept intercept) {
        words[word(intercept)] &= ~mask(intercept);
        return *this;
    }
    constexpr bool test(Intercept intercept) const {
        return (words[word(intercept)] & mask(intercept)) != 0;
    }
    friend constexpr InterceptSet operator|(InterceptSet left, const InterceptSet& right) {
        for (std::size_t i = 0; i < word_count; ++i) {
            left.words[i] |= right.words[i];
        }
        return left;
    }
    constexpr bool operator==(const InterceptSet&) const = default;

    // Public because the words are fields of the VMCB with an offset each.
    std::uint32_t words[word_count]{};

private:
    static constexpr std::size_t word(Intercept intercept) {
        return static_cast<std::size_t>(intercept) / 32;
    }
    static constexpr std::uint32_t mask(Intercept intercept) {
        return std::uint32_t{1} << (static_cast<unsigned>(intercept) % 32);
    }
};
static_assert(sizeof(InterceptSet) == 0x18 && std::is_trivially_copyable_v<InterceptSet> &&
              std::is_standard_layout_v<InterceptSet>);

struct InterceptInfo {
    std::string_view name; // "cpuid"
    std::string_view manual;
    ExitCode exit_code;
    Gate gate;
    Intercept intercept;
    ExitTiming timing;
    bool next_rip_saved; // on a CPU with NRIPS
};

namespace intercept_list {

using gate::either;
using gate::needs;
using gate::none;
using enum Feature;
using enum ExitTiming;

inline constexpr InterceptInfo table[] = {
#define VMRUNIT_INTERCEPT(offset, bit, code, name, manual_name, gate, timing, next_rip, info_1,    \
                          info_2, manual)                                                          \
    {#name, "APM2 " manual, ExitCode::name, gate, Intercept::name, timing, next_rip},
#include "harness/svm/intercept_list.inc"
#undef VMRUNIT_INTERCEPT
};

} // namespace intercept_list

inline constexpr const auto& intercept_table = intercept_list::table;
inline constexpr std::size_t intercept_count = sizeof(intercept_table) / sizeof(intercept_table[0]);

// The table has no gap, so the bit number is the index.
constexpr const InterceptInfo& intercept_info(Intercept intercept) {
    return intercept_table[static_cast<std::size_t>(intercept)];
}
constexpr std::string_view intercept_name(Intercept intercept) {
    return static_cast<std::size_t>(intercept) < intercept_count ? intercept_info(intercept).name
                                                                 : "reserved";
}

constexpr const InterceptInfo* intercept_by_name(std::string_view name) {
    for (const InterceptInfo& info : intercept_table) {
        if (info.name == name) {
            return &info;
        }
    }
    return nullptr;
}

// The bit whose exit has this code; null for codes without one, such as npf and invalid.
constexpr const InterceptInfo* intercept_of_exit_code(ExitCode code) {
    return static_cast<std::uint64_t>(code) < intercept_count
               ? &intercept_table[static_cast<std::size_t>(code)]
               : nullptr;
}

consteval bool intercept_bits_are_exit_codes() {
    for (std::size_t i = 0; i < intercept_count; ++i) {
        const InterceptInfo& info = intercept_table[i];
        if (static_cast<std::size_t>(info.intercept) != i ||
            exit_code_of(info.intercept) != info.exit_code) {
            return false;
        }
    }
    return true;
}
static_assert(intercept_bits_are_exit_codes(), "an intercept bit is not its exit code, or a gap");
static_assert(intercept_count == 167);

} // namespace vmrunit::svm
