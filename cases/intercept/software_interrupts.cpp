// SPDX-License-Identifier: GPL-2.0-only
// INT n (opcode CD) and INT1 (opcode F1). Their intercepts come before the IDT is looked at, and
// cover neither INT3 and INTO nor the exceptions of the vectors they name; the other way round, see
// exceptions.cpp. APM2 15.9, 15.12.2.

#include "cases/intercept/exception_row.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.9";

/// EXITINFO1 on a CPU with decode assists. APM2 15.8.2.
FieldExpectation names_vector(std::uint8_t vector) {
    return {.field = field::exit_info_1,
            .value = vector,
            .mask = svm::SoftwareInterrupt::vector.mask(),
            .needs = Feature::decode_assists};
}

// clang-format off
void software_interrupts(Catalogue& catalogue) {
    InstructionTable table{catalogue};

    struct Number { std::string_view variant, program; std::uint8_t vector; };
    // 55h and AAh: each bit of the vector, set and clear.
    for (const Number& row : {Number{"",          "int_40", 0x40},
                              Number{"vector_3",  "int_3",  3},
                              Number{"vector_55", "int_85", 0x55},
                              Number{"vector_aa", "int_170", 0xaa},
                              Number{"vector_ff", "int_ff", 0xff}}) {
        table.row({.subject = "int_n", .variant = row.variant, .program = row.program,
                   .intercept = Intercept::int_n, .manual = manual,
                   .modes = protected_modes | real_modes, .cpl3 = AtCpl3::same,
                   .page_end = PageEnd::within,
                   .taken_fields = {names_vector(row.vector)},
                   .raises = Delivery{.vector = row.vector, .return_rip = at_after}});
        // Virtual-8086 mode asks for an IOPL of 3, after the intercept.
        table.row({.subject = "int_n", .variant = row.variant, .program = row.program,
                   .intercept = Intercept::int_n, .manual = manual, .modes = only_v86,
                   .cpl3 = AtCpl3::exit_first,
                   .taken_fields = {names_vector(row.vector)}});
    }
    constexpr std::uint64_t iopl_3 = svm::rflags::always_one | svm::rflags::iopl;
    table.row({.subject = "int_n", .variant = "iopl_3", .program = "int_40",
               .intercept = Intercept::int_n, .manual = manual, .modes = only_v86,
               .cpl3 = AtCpl3::only,
               .setup = {vmcb_set(field::rflags, svm::rflags::iopl)},
               .taken_fields = {names_vector(0x40)},
               .raises = Delivery{.vector = 0x40, .return_rip = at_after, .rflags = iopl_3}});
    // What the gate would make of it comes later.
    table.row({.subject = "int_n", .variant = "gate_dpl", .program = "int_40",
               .intercept = Intercept::int_n, .manual = manual, .modes = protected_modes,
               .cpl3 = AtCpl3::only,
               .setup = closed_gate(0x40), .taken_fields = {names_vector(0x40)},
               .raises = Delivery{.vector = 13, .error_code = idt_error_code(0x40)},
               .also_meets = {Intercept::exception_gp}});
    struct Width { Modes modes; std::uint32_t gate_size; };
    for (const Width& width : {Width{{true, true, false, false}, 16},
                               Width{Modes{false, false, true, true} | only_prot16, 8},
                               Width{real_modes, 4}}) {
        table.row({.subject = "int_n", .variant = "beyond_idt", .program = "int_40",
                   .intercept = Intercept::int_n, .manual = manual, .modes = width.modes,
                   .cpl3 = AtCpl3::same,
                   .setup = {vmcb_field(field::idtr_limit, 0x40 * width.gate_size - 1)},
                   .taken_fields = {names_vector(0x40)},
                   .raises = Delivery{.vector = 13, .error_code = idt_error_code(0x40)},
                   .also_meets = {Intercept::exception_gp}});
    }
    table.row({.subject = "int_n", .variant = "no_idt", .program = "int_40",
               .intercept = Intercept::int_n, .manual = manual, .cpl3 = AtCpl3::same,
               .setup = {no_idt()}, .taken_fields = {names_vector(0x40)},
               .runs_without_intercept = false});

    // INT3, INTO, INT1 and BOUND are not INT n.
    table.row({.subject = "int_n", .variant = "int3", .program = "raise_bp",
               .intercept = Intercept::int_n, .manual = manual, .cpl3 = AtCpl3::same,
               .reach = Reach::not_covered,
               .raises = Delivery{.vector = 3, .return_rip = at_after}});
    table.row({.subject = "int_n", .variant = "into", .program = "raise_of",
               .intercept = Intercept::int_n, .manual = manual, .modes = not_long64,
               .cpl3 = AtCpl3::same,
               .setup = {vmcb_set(field::rflags, svm::rflags::of)},
               .reach = Reach::not_covered,
               .raises = Delivery{.vector = 4, .return_rip = at_after,
                                  .rflags = svm::rflags::always_one | svm::rflags::of}});
    table.row({.subject = "int_n", .variant = "icebp", .program = "icebp",
               .intercept = Intercept::int_n, .manual = manual, .cpl3 = AtCpl3::same,
               .reach = Reach::not_covered,
               .raises = Delivery{.vector = 1, .return_rip = at_after}});

    table.row({.subject = "int_n", .variant = "bound", .program = "raise_br",
               .intercept = Intercept::int_n, .manual = manual, .modes = not_long64,
               .cpl3 = AtCpl3::same,
               .setup = {l2_register(Register::rdi, l2_data),
                         l2_register(Register::rbx, 0x7000'0000),
                         l2_data_bytes(0, 4, 0), l2_data_bytes(4, 4, 0x6fff'ffff)},
               .reach = Reach::not_covered, .raises = Delivery{.vector = 5}});

    // INT1 arrives as #DB that sets nothing in DR6, whatever the DPL of the gate.
    table.row({.subject = "icebp", .program = "icebp", .intercept = Intercept::icebp,
               .manual = "APM2 15.12.2", .cpl3 = AtCpl3::same,
               .raises = Delivery{.vector = 1, .return_rip = at_after}});
    table.row({.subject = "icebp", .variant = "no_idt", .program = "icebp",
               .intercept = Intercept::icebp, .manual = "APM2 15.12.2", .cpl3 = AtCpl3::same,
               .setup = {no_idt()}, .runs_without_intercept = false});
    // A #DB that is not INT1's.
    table.row({.subject = "icebp", .variant = "single_step", .program = "single_step",
               .intercept = Intercept::icebp, .manual = "APM2 15.12.2",
               .setup = {vmcb_set(field::rflags, svm::rflags::tf)},
               .reach = Reach::not_covered,
               .executed = {.fields = {{field::dr6, svm::dr6::reset | svm::dr6::bs}}},
               .raises = Delivery{.vector = 1, .return_rip = at_after,
                                  .rflags = svm::rflags::always_one | svm::rflags::tf}});
}
// clang-format on

const Registration registration{software_interrupts};

} // namespace
} // namespace vmrunit::cases
