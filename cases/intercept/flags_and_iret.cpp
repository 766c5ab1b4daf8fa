// SPDX-License-Identifier: GPL-2.0-only
// PUSHF, POPF and IRET: their intercepts come before every exception, so also before the look at
// stack and descriptors. APM2 15.9, table 15-7.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.9";

/// What POPF and IRET load: nothing that needs a privilege, and nothing that stops the program.
constexpr std::uint64_t loaded_flags = rflags::cf | rflags::pf | rflags::af | rflags::zf |
                                       rflags::sf | rflags::df | rflags::of | rflags::id |
                                       rflags::always_one;

/// 64-bit code moves 8 bytes, all other code here 4.
struct Width {
    Modes modes;
    std::uint8_t slot;
};
constexpr Width widths[] = {{only_long64, 8}, {only_32bit, 4}};

Write on_stack(std::uint32_t offset, std::uint8_t size, Value value) {
    return {wire::Op::Code::write, Region::l2_memory, offset, size, value};
}

// clang-format off

void flags(InstructionTable& table) {
    for (const Width& width : widths) {
        const std::uint32_t slot = l2_stack_end - width.slot;
        table.row({.subject = "pushf", .program = "pushf", .intercept = Intercept::pushf,
                   .manual = manual, .modes = width.modes, .cpl3 = AtCpl3::same,
                   .setup = {vmcb_field(field::rflags, loaded_flags)},
                   .executed = {.fields = {{field::rsp, in_memory(slot)}},
                                .memory = {{Region::l2_memory, slot, width.slot, loaded_flags}}}});
        table.row({.subject = "popf", .program = "popf", .intercept = Intercept::popf,
                   .manual = manual, .modes = width.modes, .cpl3 = AtCpl3::same,
                   .setup = {l2_register(Register::rsp, in_memory(slot)),
                             on_stack(slot, width.slot, loaded_flags)},
                   .executed = {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                           {field::rflags, loaded_flags}}}});
    }
}

struct ReturnFrame {
    Modes modes;
    AtCpl3 cpl3;
    std::uint16_t code, data;
};

/// A return to the same privilege level: in 64-bit mode it pops SS:RSP too.
std::vector<Step> return_frame(const ReturnFrame& frame, const Width& width, std::uint16_t code) {
    const bool pops_stack = width.slot == 8;
    const std::uint32_t bottom = l2_stack_end - (pops_stack ? 5u : 3u) * width.slot;
    const auto slot = [&](unsigned number, Value value) {
        return on_stack(bottom + number * width.slot, width.slot, value);
    };
    std::vector<Step> steps{l2_register(Register::rsp, in_memory(bottom)), slot(0, at_after),
                            slot(1, code), slot(2, loaded_flags)};
    if (pops_stack) {
        steps.emplace_back(slot(3, in_memory(l2_stack_end)));
        steps.emplace_back(slot(4, frame.data));
    }
    return steps;
}

void returns(InstructionTable& table) {
    using namespace l2_selector;
    const Width& wide = widths[0];
    const Width& narrow = widths[1];
    const ReturnFrame frames[] = {
        {only_long64, AtCpl3::not_run, code64,      data},
        {only_long64, AtCpl3::only,    user_code64, user_data},
        {only_32bit,  AtCpl3::not_run, code32,      data},
        {only_32bit,  AtCpl3::only,    user_code32, user_data},
    };
    for (const ReturnFrame& frame : frames) {
        const Width& width = frame.modes.long64 ? wide : narrow;
        table.row({.subject = "iret", .program = "iret", .intercept = Intercept::iret,
                   .manual = manual, .modes = frame.modes, .cpl3 = frame.cpl3,
                   .setup = return_frame(frame, width, frame.code),
                   .executed = {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                           {field::rflags, loaded_flags}}}});
    }
    // CS names a segment that is not present.
    for (const ReturnFrame& frame : {frames[0], frames[2]}) {
        const Width& width = frame.modes.long64 ? wide : narrow;
        const std::uint64_t size = width.slot == 8 ? 40 : 12;
        table.row({.subject = "iret", .variant = "absent_code", .program = "iret",
                   .intercept = Intercept::iret, .manual = manual, .modes = frame.modes,
                   .setup = return_frame(frame, width, absent_code),
                   .raises = Delivery{.vector = 11, .error_code = absent_code,
                                      .rsp_adjust = 0 - size},
                   .also_meets = {svm::exception_intercept(11)}});
    }
}

/// The exit comes before the stack is looked at, which here is a page that is not there. At CPL 3 the
/// page fault has another stack to arrive on.
void bad_stacks(InstructionTable& table) {
    struct Row { std::string_view name; Intercept intercept; std::uint32_t error_code; };
    constexpr std::uint32_t user = 4;
    constexpr std::uint32_t write = 2;
    constexpr std::uint64_t stack = spare_page + 0x800;
    for (const Row& row : {Row{"pushf", Intercept::pushf, user | write},
                           Row{"popf",  Intercept::popf,  user},
                           Row{"iret",  Intercept::iret,  user}}) {
        for (const Width& width : widths) {
            const std::uint64_t fault = row.error_code == user ? stack : stack - width.slot;
            table.row({.subject = row.name, .variant = "bad_stack", .program = row.name,
                       .intercept = row.intercept, .manual = manual, .modes = width.modes,
                       .cpl3 = AtCpl3::only,
                       .setup = join({l2_register(Register::rsp, stack)}, spare_page_absent()),
                       .executed = {.fields = {{field::cr2, fault, ~0xfull},
                                               {field::cr2, {}, 0xf, Match::free}}},
                       .raises = Delivery{.vector = 14, .error_code = row.error_code,
                                          .outer_rsp = stack},
                       .also_meets = {Intercept::exception_pf}});
        }
    }
}

// clang-format on

void flags_and_iret(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    flags(table);
    returns(table);
    bad_stacks(table);
}

const Registration registration{flags_and_iret};

} // namespace
} // namespace vmrunit::cases
