// SPDX-License-Identifier: GPL-2.0-only
// Events on the way to L2's handler, and what keeps them from getting there: for cases about
// deliveries that are cut short, and about what L1 makes of them. APM2 15.7.2, 15.20.
#pragma once

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <string_view>
#include <vector>

namespace vmrunit::cases {

struct UnderWay {
    std::string_view name;
    svm::EventInformation event;
    bool is_virtual = false;        ///< By V_IRQ, else by EVENTINJ.
    std::string_view instruction{}; ///< By this program, which is one instruction, instead.
};

inline constexpr UnderWay under_way[] = {
    {"interrupt", svm::EventInformation::event(svm::EventType::interrupt, 0x40)},
    {"interrupt_13", svm::EventInformation::event(svm::EventType::interrupt, 13)},
    {"nmi", svm::EventInformation::event(svm::EventType::nmi, 2)},
    {"int_n", svm::EventInformation::event(svm::EventType::software_interrupt, 0x40)},
    {"ud", svm::EventInformation::event(svm::EventType::exception, 6)},
    {"db", svm::EventInformation::event(svm::EventType::exception, 1)},
    {"gp", svm::EventInformation::event(svm::EventType::exception, 13, 0x18)},
    {"pf", svm::EventInformation::event(svm::EventType::exception, 14, 7)},
    {"virtual_interrupt", svm::EventInformation::event(svm::EventType::interrupt, 0x40), true},
    // INT3, INTO and INT1 are exceptions here, and only INT n is a software interrupt (spec:
    // XI-INT3).
    {"executed_int_n", svm::EventInformation::event(svm::EventType::software_interrupt, 0x40),
     false, "int_40"},
    {"executed_int3", svm::EventInformation::event(svm::EventType::exception, 3), false,
     "raise_bp"},
    {"executed_into", svm::EventInformation::event(svm::EventType::exception, 4), false,
     "raise_of"},
    {"executed_int1", svm::EventInformation::event(svm::EventType::exception, 1), false, "icebp"},
};

/// Real mode has no error code, and what EV means there no source says; 64-bit mode has no INTO.
[[nodiscard]] inline bool may_come(const UnderWay& event, L2Mode mode) {
    if (event.instruction == "raise_of" && mode == L2Mode::long64) {
        return false;
    }
    return !is_real_mode(mode) || !event.event.test(svm::EventInformation::error_code_valid);
}

/// V_IRQ, EVENTINJ, or what the instruction asks for. INT n asks the IDT at any IOPL but in
/// virtual-8086 mode, where it is 3 here; INTO does nothing without OF.
[[nodiscard]] inline std::vector<Step> brings(const UnderWay& event, L2Mode mode) {
    if (event.is_virtual) {
        const auto pending = offered_interrupt(event.event.get(svm::EventInformation::vector));
        return {vmcb_field(svm::field::virtual_interrupt, pending.value),
                vmcb_set(svm::field::rflags, svm::rflags::if_)};
    }
    std::vector<Step> steps;
    if (event.instruction.empty()) {
        steps = {vmcb_field(svm::field::event_injection, event.event.value),
                 vmcb_field(svm::field::next_rip, at_start)};
    } else if (event.instruction == "raise_of") {
        steps = {vmcb_set(svm::field::rflags, svm::rflags::of)};
    }
    const auto software = static_cast<std::uint64_t>(svm::EventType::software_interrupt);
    if (mode == L2Mode::v86 && event.event.get(svm::EventInformation::type) == software) {
        steps.emplace_back(vmcb_set(svm::field::rflags, svm::rflags::iopl));
    }
    return steps;
}

[[nodiscard]] inline std::uint8_t vector_of(svm::EventInformation event) {
    return static_cast<std::uint8_t>(event.get(svm::EventInformation::vector));
}

/// Bytes of a gate.
[[nodiscard]] inline std::uint64_t gate_size(L2Mode mode) {
    return is_long_mode(mode) ? 16 : is_real_mode(mode) ? 4 : 8;
}

/// What the routine pend_own_event sends; both come from outside, which error codes say.
struct OfTheMachine {
    std::string_view name;
    svm::EventInformation event;
    std::uint32_t argument;
    std::string_view what;
};
inline constexpr OfTheMachine machine_events[] = {
    {"physical_interrupt", svm::EventInformation::event(svm::EventType::interrupt, 0x51), 0,
     "interrupts that L1 got"},
    {"physical_nmi", svm::EventInformation::event(svm::EventType::nmi, 2), 1, "NMIs that L1 got"},
};

/// In the nested tables: the 2 MiB of spare_page.
inline const Step spare_page_unmapped =
    Write{wire::Op::Code::write, Region::nested_pd, spare_page / 0x4000'0000 * page_size, 8, 0};

/// Instead: L2's own table for spare_page would lie there, in the nested page that is not mapped.
[[nodiscard]] inline std::vector<Step> spare_page_walks() {
    constexpr std::uint32_t large = 0x20'0000;
    constexpr std::uint32_t legacy_large = 0x40'0000;
    constexpr std::uint64_t leads_to_table = spare_page | world::table_bits;
    return {spare_page_unmapped,
            Write{wire::Op::Code::write, Region::pd, spare_page / large * 8, 8, leads_to_table},
            Write{wire::Op::Code::write, Region::legacy_pd, spare_page / legacy_large * 4, 4,
                  leads_to_table}};
}
/// EXITINFO1 then: L2's walk, which counts as a user's write. EXITINFO2 is the first entry.
inline constexpr std::uint64_t table_of_spare_page = 0x2'0000'0006;

/// In real mode the frame may be pushed before the vector is looked up.
inline void any_real_frame(ExitExpectation& exit) {
    for (std::uint32_t slot = 1; slot <= 3; ++slot) {
        exit.memory.push_back(
            {Region::l2_memory, l2_stack_end - slot * 2, 2, {}, ~std::uint64_t{0}, Match::free});
    }
}

} // namespace vmrunit::cases
