// SPDX-License-Identifier: GPL-2.0-only
// PUSHF, POPF and IRET: their intercepts come before every exception, so also before the look at
// stack and descriptors. APM2 15.9, table 15-7.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

#include <string>

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

/// 64-bit code moves 8 bytes, 32-bit code 4, 16-bit code 2. The flags beyond stay.
struct Width {
    Modes modes;
    std::uint8_t slot;
    std::uint64_t flags;
    bool prefixed = false; ///< By 66h: the other width.
};
constexpr std::uint64_t low_flags = loaded_flags & 0xffff;
constexpr Width widths[] = {
    {only_long64, 8, loaded_flags},
    {only_32bit, 4, loaded_flags},
    {real_modes | only_prot16, 2, low_flags},
};
constexpr Width other_widths[] = {
    {flat_modes, 2, low_flags, true},
    {real_modes | only_prot16, 4, loaded_flags, true},
};
constexpr std::string_view variant_of(const Width& width) {
    return width.prefixed ? "operand_size" : "";
}
std::string program_of(std::string_view name, const Width& width) {
    return std::string{name} + (width.prefixed ? "_operand_size" : "");
}

Write on_stack(std::uint32_t offset, std::uint8_t size, Value value) {
    return {wire::Op::Code::write, Region::l2_memory, offset, size, value};
}

/// A return to the same privilege level: in 64-bit mode it pops SS:RSP too.
std::vector<Step> return_frame(const Width& width, const Value& code) {
    const bool pops_stack = width.slot == 8;
    const std::uint32_t bottom = l2_stack_end - (pops_stack ? 5u : 3u) * width.slot;
    const auto slot = [&](unsigned number, Value value) {
        return on_stack(bottom + number * width.slot, width.slot, value);
    };
    std::vector<Step> steps{l2_register(Register::rsp, in_memory(bottom)), slot(0, at_after),
                            slot(1, code), slot(2, width.flags)};
    if (pops_stack) {
        steps.emplace_back(slot(3, in_memory(l2_stack_end)));
        steps.emplace_back(slot(4, fresh(field::ss_selector)));
    }
    return steps;
}

// clang-format off

void flags(InstructionTable& table, const Width& width) {
    const std::uint32_t slot = l2_stack_end - width.slot;
    const PageEnd page_end = width.prefixed ? PageEnd::no : PageEnd::behind;
    const std::string pushf = program_of("pushf", width);
    const std::string popf = program_of("popf", width);
    table.row({.subject = "pushf", .variant = variant_of(width), .program = pushf,
               .intercept = Intercept::pushf,
               .manual = manual, .modes = width.modes, .cpl3 = AtCpl3::same,
               .page_end = page_end,
               .setup = {vmcb_set(field::rflags, width.flags)},
               .executed = {.fields = {{field::rsp, in_memory(slot)}},
                            .memory = {{Region::l2_memory, slot, width.slot, width.flags}}}});
    table.row({.subject = "popf", .variant = variant_of(width), .program = popf,
               .intercept = Intercept::popf,
               .manual = manual, .modes = width.modes, .cpl3 = AtCpl3::same,
               .page_end = page_end,
               .setup = {l2_register(Register::rsp, in_memory(slot)),
                         on_stack(slot, width.slot, width.flags)},
               .executed = {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                       {field::rflags, width.flags}}}});
}

void returns(InstructionTable& table) {
    for (const Width& width : widths) {
        table.row({.subject = "iret", .program = "iret", .intercept = Intercept::iret,
                   .manual = manual, .modes = width.modes, .cpl3 = AtCpl3::same,
                   .page_end = PageEnd::behind,
                   .setup = return_frame(width, fresh(field::cs_selector)),
                   .executed = {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                           {field::rflags, width.flags}}}});
        // CS names a segment that is not present.
        const std::uint64_t size = width.slot == 8 ? 40 : 3 * width.slot;
        table.row({.subject = "iret", .variant = "absent_code", .program = "iret",
                   .intercept = Intercept::iret, .manual = manual,
                   .modes = width.slot == 2 ? only_prot16 : width.modes,
                   .setup = return_frame(width, l2_selector::absent_code),
                   .raises = Delivery{.vector = 11, .error_code = l2_selector::absent_code,
                                      .rsp_adjust = 0 - size},
                   .also_meets = {svm::exception_intercept(11)}});
    }
}

/// With the other width of operands. With 16 bits flat code has no place to return to.
void prefixed_returns(InstructionTable& table) {
    for (const Width& width : other_widths) {
        table.row({.subject = "iret", .variant = variant_of(width), .program = "iret_operand_size",
                   .intercept = Intercept::iret, .manual = manual, .modes = width.modes,
                   .cpl3 = AtCpl3::same,
                   .setup = return_frame(width, fresh(field::cs_selector)),
                   .executed = {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                           {field::rflags, width.flags}}},
                   .runs_without_intercept = width.slot != 2});
    }
}

/// The exit comes before the stack is looked at, which here is a page that is not there. At CPL 3 the
/// page fault has another stack to arrive on.
void bad_stacks(InstructionTable& table) {
    struct Row { std::string_view name; Intercept intercept; std::uint32_t error_code; };
    constexpr std::uint32_t user = 4;
    constexpr std::uint32_t write = 2;
    constexpr std::uint64_t stack = spare_page + 0x800;
    // Which word of the frame is read first is the CPU's own affair; IRETQ reads five.
    constexpr std::uint64_t within_frame = 0x3f;
    for (const Row& row : {Row{"pushf", Intercept::pushf, user | write},
                           Row{"popf",  Intercept::popf,  user},
                           Row{"iret",  Intercept::iret,  user}}) {
        for (const Width& width : widths) {
            const std::uint64_t fault = row.error_code == user ? stack : stack - width.slot;
            table.row({.subject = row.name, .variant = "bad_stack", .program = row.name,
                       .intercept = row.intercept, .manual = manual,
                       .modes = width.modes & flat_modes, .cpl3 = AtCpl3::only,
                       .setup = join({l2_register(Register::rsp, stack)}, spare_page_absent()),
                       .executed = {.fields = {{field::cr2, fault, ~within_frame},
                                               {field::cr2, {}, within_frame, Match::free}}},
                       .raises = Delivery{.vector = 14, .error_code = row.error_code,
                                          .outer_rsp = stack},
                       .also_meets = {Intercept::exception_pf}});
        }
    }
}

/// In virtual-8086 mode all three need an IOPL of 3, and leave it alone. The exit comes before that
/// is looked at (spec: PUSHF-V86). APM2 15.9, table 15-7; IOPL: APM3 of each.
void in_virtual_8086(InstructionTable& table) {
    const Width width{only_v86, 2, low_flags};
    const std::uint32_t slot = l2_stack_end - width.slot;
    const std::uint64_t may = rflags::always_one | rflags::iopl;
    const std::uint64_t loaded = low_flags | rflags::iopl;
    struct Instruction {
        std::string_view name;
        Intercept intercept;
        std::vector<Step> setup;
        Effect executed;
    };
    for (const Instruction& one : {
             Instruction{"pushf", Intercept::pushf, {},
                         {.fields = {{field::rsp, in_memory(slot)}},
                          .memory = {{Region::l2_memory, slot, 2, may}}}},
             Instruction{"popf", Intercept::popf,
                         {l2_register(Register::rsp, in_memory(slot)), on_stack(slot, 2, low_flags)},
                         {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                     {field::rflags, loaded | rflags::vm}}}},
             Instruction{"iret", Intercept::iret, return_frame(width, fresh(field::cs_selector)),
                         {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                     {field::rflags, loaded | rflags::vm}}}}}) {
        const std::uint64_t moved = one.name == "pushf" ? 0 : one.name == "popf" ? 2 : 6;
        table.row({.subject = one.name, .program = one.name, .intercept = one.intercept,
                   .manual = manual, .modes = only_v86, .cpl3 = AtCpl3::exit_first,
                   .cpl3_fault = {.vector = 13, .error_code = 0, .rsp_adjust = 0 - moved},
                   .setup = one.setup});
        std::vector<Step> setup{vmcb_set(field::rflags, rflags::iopl)};
        setup.insert(setup.end(), one.setup.begin(), one.setup.end());
        table.row({.subject = one.name, .variant = "iopl_3", .program = one.name,
                   .intercept = one.intercept, .manual = manual, .modes = only_v86,
                   .cpl3 = AtCpl3::only, .setup = setup, .executed = one.executed});
    }
}

// clang-format on

void flags_and_iret(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const Width& width : widths) {
        flags(table, width);
    }
    for (const Width& width : other_widths) {
        flags(table, width);
    }
    returns(table);
    prefixed_returns(table);
    bad_stacks(table);
    in_virtual_8086(table);
}

const Registration registration{flags_and_iret};

} // namespace
} // namespace vmrunit::cases
