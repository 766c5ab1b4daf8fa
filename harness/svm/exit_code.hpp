// SPDX-License-Identifier: GPL-2.0-only
// Exit codes (APM vol. 2, Appendix C), and what the processor stores with each of them: EXITINFO1
// and EXITINFO2 (15.9 to 15.14), NEXT_RIP (15.7.1), and whether RIP is that of the instruction or
// of the one after it.
#pragma once

#include "harness/svm/gate.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmrunit::svm {

enum class ExitCode : std::uint64_t {
#define VMRUNIT_INTERCEPT(offset, bit, code, name, manual_name, gate, timing, next_rip, info_1,    \
                          info_2, manual)                                                          \
    name = (code),
#include "harness/svm/intercept_list.inc"
#undef VMRUNIT_INTERCEPT
#define VMRUNIT_EXIT_CODE(code, name, manual_name, gate, timing, info_1, info_2, manual)           \
    name = (code),
#include "harness/svm/exit_code_list.inc"
#undef VMRUNIT_EXIT_CODE
};

enum class ExitTiming : std::uint8_t {
    fault,         // before the instruction: RIP is its address and nothing has changed
    trap,          // after the instruction
    fault_or_trap, // depends on the cause
    software_trap, // #BP and #OF: a trap to the guest's own handler, reported here like a fault
    abort,         // RIP and state are not to be relied on
    event,         // between instructions
    entry,         // VMRUN did not enter the guest
};

// What an EXITINFO field holds for an exit code.
enum class ExitInfo : std::uint8_t {
    undefined, // anything; never judged
    defined,
    zero,
    with_assists, // defined if the CPU has decode assists, else undefined
    conditional,  // depends on the rest of what is reported, or on the kind of guest
    unsettled,    // sources disagree; never judged
    software,     // whoever writes the code says
};

struct ExitCodeInfo {
    ExitCode code;
    std::string_view name;        // "cpuid"
    std::string_view manual_name; // "VMEXIT_CPUID"
    Gate gate;
    ExitTiming timing;
    bool next_rip_saved; // on a CPU with NRIPS
    ExitInfo info_1;
    ExitInfo info_2;
    std::string_view manual;
};

namespace exit_code_list {

using gate::either;
using gate::enabled;
using gate::needs;
using gate::none;
using enum Feature;
using enum ExitTiming;
using enum ExitInfo;

// Ascending by code.
inline constexpr ExitCodeInfo table[] = {
#define VMRUNIT_INTERCEPT(offset, bit, code, name, manual_name, gate, timing, next_rip, info_1,    \
                          info_2, manual)                                                          \
    {ExitCode::name, #name,  "VMEXIT_" manual_name, gate, timing, next_rip,                        \
     info_1,         info_2, "APM2 " manual},
#include "harness/svm/intercept_list.inc"
#undef VMRUNIT_INTERCEPT
#define VMRUNIT_EXIT_CODE(code, name, manual_name, gate, timing, info_1, info_2, manual)           \
    {ExitCode::name, #name, manual_name, gate, timing, false, info_1, info_2, "APM2 " manual},
#include "harness/svm/exit_code_list.inc"
#undef VMRUNIT_EXIT_CODE
};

} // namespace exit_code_list

inline constexpr const auto& exit_code_table = exit_code_list::table;
inline constexpr std::size_t exit_code_count = sizeof(exit_code_table) / sizeof(exit_code_table[0]);

// Pointers into a table are not compared with null where the result is to be a constant: GCC
// refuses that with -fsanitize=undefined. Hence indexes.
constexpr std::size_t exit_code_index(ExitCode code) {
    std::size_t index = 0;
    while (index < exit_code_count && exit_code_table[index].code != code) {
        ++index;
    }
    return index;
}

// Null for a code that the manual does not list: hardware from the future, or a broken subject.
constexpr const ExitCodeInfo* exit_code_info(ExitCode code) {
    const std::size_t index = exit_code_index(code);
    return index < exit_code_count ? &exit_code_table[index] : nullptr;
}

constexpr std::string_view exit_code_name(ExitCode code) {
    const std::size_t index = exit_code_index(code);
    return index < exit_code_count ? exit_code_table[index].name : "unknown";
}

constexpr std::string_view exit_code_manual_name(ExitCode code) {
    const std::size_t index = exit_code_index(code);
    return index < exit_code_count ? exit_code_table[index].manual_name : "unknown exit code";
}

// Either spelling: "cpuid" or "VMEXIT_CPUID".
constexpr const ExitCodeInfo* exit_code_by_name(std::string_view name) {
    for (const ExitCodeInfo& info : exit_code_table) {
        if (info.name == name || info.manual_name == name) {
            return &info;
        }
    }
    return nullptr;
}

constexpr ExitCode exception_exit_code(std::uint8_t vector) {
    return static_cast<ExitCode>(static_cast<std::uint64_t>(ExitCode::exception_de) + vector % 32);
}

consteval bool exit_codes_ascend() {
    for (std::size_t i = 1; i < exit_code_count; ++i) {
        if (exit_code_table[i - 1].code >= exit_code_table[i].code) {
            return false;
        }
    }
    return true;
}
static_assert(exit_codes_ascend(), "an exit code is out of order or listed twice");

} // namespace vmrunit::svm
