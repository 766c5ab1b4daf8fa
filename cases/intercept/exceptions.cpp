// SPDX-License-Identifier: GPL-2.0-only
// Exceptions: word 008h of the intercepts, each vector that L2 can raise by itself. With the
// intercept set the exit comes before the IDT is looked at (the `no_idt` variants) and reports the
// error code; with it clear the exception arrives in L2's own handler. Page faults are in
// page_faults.cpp, exceptions while an event is delivered in faulty_delivery.cpp. APM2 8.2, 15.12.

#include "cases/intercept/exception_row.hpp"

#include "harness/svm/cpu.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace cr0 = svm::cr0;
namespace dr6 = svm::dr6;
namespace dr7 = svm::dr7;
namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::Feature;
using svm::Intercept;

constexpr std::uint64_t breakpoint_0_execute = dr7::reset | dr7::l0;
/// Reads and writes of four bytes.
constexpr std::uint64_t breakpoint_1_access = dr7::reset | dr7::l1 | std::uint64_t{0xf} << 20;
/// Writes of four bytes, accesses of a port.
constexpr std::uint64_t breakpoint_2_write = dr7::reset | dr7::l2 | std::uint64_t{0xd} << 24;
constexpr std::uint64_t breakpoint_3_port = dr7::reset | dr7::l3 | std::uint64_t{0x2} << 28;
constexpr std::uint16_t port = 0x80;
/// Of L2's data, as the arena begins.
constexpr std::uint32_t first_data = 0xd3d2'd1d0;
/// What L2 puts there.
constexpr std::uint32_t stored = 0x1234'5678;

Write gdt_byte(std::uint16_t selector, std::uint32_t offset, std::uint8_t value) {
    return {wire::Op::Code::write, Region::l2_memory,
            static_cast<std::uint32_t>(offsetof(L2Memory, gdt)) + (selector & ~7u) + offset, 1,
            value};
}

// clang-format off

void faults_of_instructions(InstructionTable& table) {
    exception(table, {.program = "raise_de", .delivery = {.vector = 0},
                      .setup = {l2_register(Register::rbx, 0)}});
    exception(table, {.variant = "overflow", .program = "raise_de", .delivery = {.vector = 0},
                      .setup = {l2_register(Register::rbx, 1), l2_register(Register::rdx, 1)}});
    exception(table, {.program = "raise_br", .delivery = {.vector = 5}, .modes = not_long64,
                      .setup = {l2_register(Register::rdi, l2_data),
                                l2_register(Register::rbx, 0x7000'0000),
                                l2_data_bytes(0, 4, 0), l2_data_bytes(4, 4, 0x6fff'ffff)}});
    exception(table, {.program = "raise_ud", .delivery = {.vector = 6}});
    exception(table, {.program = "raise_nm", .delivery = {.vector = 7},
                      .setup = {vmcb_set(field::cr0, cr0::ts)}});
    exception(table, {.variant = "em", .program = "raise_nm", .delivery = {.vector = 7},
                      .setup = {vmcb_set(field::cr0, cr0::em)}});
    // The privileges of CPL 3 suffice for these descriptors, so that presence is what is missing.
    const Step absent_for_all = gdt_byte(l2_selector::absent_data, 5, 0x73);
    exception(table, {.program = "raise_np",
                      .delivery = {.vector = 11, .error_code = l2_selector::absent_data},
                      .modes = protected_modes,
                      .setup = {absent_for_all,
                                l2_register(Register::rbx, l2_selector::absent_data | 3)}});
    exception(table, {.program = "raise_ss",
                      .delivery = {.vector = 12, .error_code = l2_selector::absent_data},
                      .modes = protected_modes,
                      .cpl3 = AtCpl3::not_run,
                      .setup = {l2_register(Register::rbx, l2_selector::absent_data)}});
    exception(table, {.program = "raise_ss",
                      .delivery = {.vector = 12, .error_code = l2_selector::absent_data},
                      .modes = protected_modes,
                      .cpl3 = AtCpl3::only,
                      .setup = {absent_for_all,
                                l2_register(Register::rbx, l2_selector::absent_data | 3)}});
    exception(table, {.program = "raise_gp",
                      .delivery = {.vector = 13, .error_code = beyond_gdt},
                      .modes = protected_modes,
                      .setup = {l2_register(Register::rbx, beyond_gdt)}});
    // In 16-bit code an access that reaches beyond the last byte of its segment.
    const std::vector<Step> across_the_end{l2_register(Register::rdi, 0x1'0000 - 3)};
    exception(table, {.variant = "limit", .program = "read_through_ds",
                      .delivery = {.vector = 13, .error_code = 0},
                      .modes = only_16bit, .setup = across_the_end});
    exception(table, {.variant = "limit", .program = "read_through_ss",
                      .delivery = {.vector = 12, .error_code = 0},
                      .modes = only_16bit, .setup = across_the_end});
    // Where no selector can be wrong: an extension that MONITOR does not know; at CPL 3 a privilege.
    exception(table, {.variant = "monitor", .program = "monitor",
                      .delivery = {.vector = 13, .error_code = 0}, .needs = Feature::monitor,
                      .modes = only_16bit, .cpl3 = AtCpl3::not_run,
                      .setup = {l2_register(Register::rax, l2_data), l2_register(Register::rcx, 2),
                                l2_register(Register::rdx, 0)}});
    exception(table, {.variant = "privilege", .program = "hlt",
                      .delivery = {.vector = 13, .error_code = 0}, .cpl3 = AtCpl3::only});
    exception(table, {.program = "raise_mf", .delivery = {.vector = 16},
                      .setup = {l2_register(Register::rdi, l2_data),
                                l2_data_bytes(0, 2, 0x37e)}});
    exception(table, {.program = "raise_ac",
                      .delivery = {.vector = 17, .error_code = 0,
                                   .rflags = rflags::always_one | rflags::ac},
                      .cpl3 = AtCpl3::only,
                      .setup = {vmcb_set(field::cr0, cr0::am), vmcb_set(field::rflags, rflags::ac),
                                l2_register(Register::rdi, l2_data)}});
    exception(table, {.program = "raise_xf", .delivery = {.vector = 19}, .needs = Feature::sse,
                      .setup = {l2_register(Register::rdi, l2_data),
                                l2_data_bytes(0, 4, 0x1f00)}});
}

/// DR6 and DR7 are updated before the intercept is looked at (spec: EXC-DBREG). APM2 13.1.3.
void debug_exceptions(InstructionTable& table) {
    exception(table, {.variant = "single_step", .program = "single_step",
                      .delivery = {.vector = 1, .return_rip = at_after,
                                   .rflags = rflags::always_one | rflags::tf},
                      .setup = {vmcb_set(field::rflags, rflags::tf)},
                      .saved_rip = at_after,
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::bs}}}});
    // 16-bit code has cases of its own, of which QEMU dies (faulty_delivery.cpp).
    exception(table, {.variant = "breakpoint_execute", .program = "breakpoint_execute",
                      .delivery = {.vector = 1}, .modes = flat_modes, .cpl3 = AtCpl3::not_run,
                      .setup = {l2_register(Register::rdi, at_insn),
                                vmcb_field(field::dr7, breakpoint_0_execute)},
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::b0}}},
                      .also_meets = {Intercept::dr0_write}});
    exception(table, {.variant = "general_detect", .program = "read_dr0",
                      .delivery = {.vector = 1}, .cpl3 = AtCpl3::not_run,
                      .setup = {vmcb_set(field::dr7, dr7::gd)},
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::bd},
                                                   {field::dr7, dr7::reset}}}});
    // INT1 has an intercept of its own and sets nothing in DR6.
    table.row({.subject = "exception_db", .variant = "icebp", .program = "icebp",
               .intercept = Intercept::exception_db, .manual = "APM2 15.12.2",
               .cpl3 = AtCpl3::same, .reach = Reach::not_covered,
               .raises = Delivery{.vector = 1, .return_rip = at_after}});
}

/// Exits report the instruction itself, the handler returns behind it. APM2 15.12.4, 15.12.5.
void traps_of_instructions(InstructionTable& table) {
    exception(table, {.program = "raise_bp", .delivery = {.vector = 3, .return_rip = at_after}});
    exception(table, {.program = "raise_of",
                      .delivery = {.vector = 4, .return_rip = at_after,
                                   .rflags = rflags::always_one | rflags::of},
                      .modes = not_long64, .setup = {vmcb_set(field::rflags, rflags::of)}});
    // Without the intercept a gate that CPL 3 may not use raises #GP; with it nobody asks the gate.
    table.row({.subject = "exception_bp", .variant = "gate_dpl", .program = "raise_bp",
               .intercept = Intercept::exception_bp, .manual = "APM2 15.12", .cpl3 = AtCpl3::only,
               .setup = closed_gate(3),
               .raises = Delivery{.vector = 13, .error_code = idt_error_code(3)},
               .also_meets = {Intercept::exception_gp}});
    table.row({.subject = "exception_of", .variant = "gate_dpl", .program = "raise_of",
               .intercept = Intercept::exception_of, .manual = "APM2 15.12",
               .modes = not_long64, .cpl3 = AtCpl3::only,
               .setup = join({vmcb_set(field::rflags, rflags::of)}, closed_gate(4)),
               .raises = Delivery{.vector = 13, .error_code = idt_error_code(4),
                                  .rflags = rflags::always_one | rflags::of},
               .also_meets = {Intercept::exception_gp}});
    // INT 3 as CD 03 is not INT3.
    table.row({.subject = "exception_bp", .variant = "cd_03", .program = "int_3",
               .intercept = Intercept::exception_bp, .manual = "APM2 15.12.4",
               .modes = protected_modes | real_modes,
               .cpl3 = AtCpl3::same, .reach = Reach::not_covered,
               .raises = Delivery{.vector = 3, .return_rip = at_after}});
    // Nor is INT n any other exception, whatever its number. The bits of vectors 2 and 9 have no
    // defined effect; vector 3 is above.
    constexpr std::uint64_t iopl_3 = rflags::always_one | rflags::iopl;
    for (unsigned vector = 0; vector < 32; ++vector) {
        if (vector == 2 || vector == 3 || vector == 9) {
            continue;
        }
        const auto number = static_cast<std::uint8_t>(vector);
        const std::string program = "int_" + std::to_string(vector);
        InstructionRow row{.subject = svm::intercept_name(svm::exception_intercept(number)),
                           .variant = "int_n", .program = program,
                           .intercept = svm::exception_intercept(number), .manual = "APM2 15.12",
                           .modes = protected_modes | real_modes, .cpl3 = AtCpl3::same,
                           .setup = open_gate(number), .reach = Reach::not_covered,
                           .raises = Delivery{.vector = number, .return_rip = at_after}};
        table.row(row);
        row.modes = only_v86;
        row.setup.emplace_back(vmcb_set(field::rflags, rflags::iopl));
        row.raises->rflags = iopl_3;
        table.row(row);
    }
    table.row({.subject = "exception_bp", .variant = "cd_03", .program = "int_3",
               .intercept = Intercept::exception_bp, .manual = "APM2 15.12.4", .modes = only_v86,
               .cpl3 = AtCpl3::only, .setup = {vmcb_set(field::rflags, rflags::iopl)},
               .reach = Reach::not_covered,
               .raises = Delivery{.vector = 3, .return_rip = at_after, .rflags = iopl_3}});
    // INTO that finds OF clear does nothing.
    table.row({.subject = "exception_of", .variant = "of_clear", .program = "raise_of",
               .intercept = Intercept::exception_of, .manual = "APM2 15.12.5",
               .modes = not_long64, .cpl3 = AtCpl3::same, .reach = Reach::not_covered});
}

/// DR0 to DR3 are in no VMCB: what L1 has in them counts in L2, with DR7 of the VMCB. So the one that
/// hits is L2's first instruction, at any privilege level.
void breakpoints_of_l1(InstructionTable& table) {
    const auto breakpoint = [](unsigned number, Value address) {
        return L1Write{static_cast<wire::L1Register>(static_cast<unsigned>(wire::L1Register::dr0) + number), 0, address};
    };
    exception(table, {.variant = "breakpoint_execute_of_l1", .program = "single_step",
                      .delivery = {.vector = 1},
                      .setup = {breakpoint(0, linear(at_insn)),
                                vmcb_field(field::dr7, breakpoint_0_execute)},
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::b0}}}});
    exception(table, {.variant = "breakpoint_read_of_l1", .program = "raise_pf_read",
                      .delivery = {.vector = 1, .return_rip = at_after},
                      .setup = {breakpoint(1, l2_data), l2_register(Register::rdi, l2_data),
                                vmcb_field(field::dr7, breakpoint_1_access)},
                      .saved_rip = at_after,
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::b1}},
                                        .registers = {{Register::rbx, first_data}}}});
    exception(table, {.variant = "breakpoint_write_of_l1", .program = "raise_pf_write",
                      .delivery = {.vector = 1, .return_rip = at_after},
                      .setup = {breakpoint(2, l2_data), l2_register(Register::rdi, l2_data),
                                l2_register(Register::rbx, stored),
                                vmcb_field(field::dr7, breakpoint_2_write)},
                      .saved_rip = at_after,
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::b2}},
                                        .memory = {{Region::l2_memory, l2_data_offset, 4, stored}}}});
    // Neither enabled nor of its kind: nothing comes of it.
    table.row({.subject = "exception_db", .variant = "breakpoint_of_l1_disabled",
               .program = "single_step", .intercept = Intercept::exception_db,
               .manual = "APM2 13.1.1, 15.12.2", .cpl3 = AtCpl3::same,
               .setup = {breakpoint(0, linear(at_insn)), vmcb_field(field::dr7, dr7::reset)},
               .reach = Reach::not_covered});
    table.row({.subject = "exception_db", .variant = "breakpoint_write_of_l1_read",
               .program = "raise_pf_read", .intercept = Intercept::exception_db,
               .manual = "APM2 13.1.1, 15.12.2", .cpl3 = AtCpl3::same,
               .setup = {breakpoint(2, l2_data), l2_register(Register::rdi, l2_data),
                         vmcb_field(field::dr7, breakpoint_2_write)},
               .reach = Reach::not_covered,
               .executed = {.registers = {{Register::rbx, first_data}}}});
}

/// QEMU leaves such a breakpoint behind where nobody in the machine can reach it, and a later case
/// that touches the place may end the emulator: these run last, as those do that end the machine.
void data_breakpoints(Catalogue& catalogue) {
    Catalogue last;
    InstructionTable table{last};
    exception(table, {.variant = "breakpoint_read", .program = "breakpoint_read",
                      .delivery = {.vector = 1, .return_rip = at_after},
                      .cpl3 = AtCpl3::not_run,
                      .setup = {l2_register(Register::rdi, l2_data),
                                vmcb_field(field::dr7, breakpoint_1_access)},
                      .saved_rip = at_after,
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::b1}},
                                        .registers = {{Register::rbx, first_data}}},
                      .also_meets = {Intercept::dr1_write}});
    exception(table, {.variant = "breakpoint_write", .program = "breakpoint_write",
                      .delivery = {.vector = 1, .return_rip = at_after},
                      .cpl3 = AtCpl3::not_run,
                      .setup = {l2_register(Register::rdi, l2_data),
                                l2_register(Register::rbx, stored),
                                vmcb_field(field::dr7, breakpoint_2_write)},
                      .saved_rip = at_after,
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::b2}},
                                        .memory = {{Region::l2_memory, l2_data_offset, 4, stored}}},
                      .also_meets = {Intercept::dr2_write}});
    table.row({.subject = "exception_db", .variant = "breakpoint_write_read",
               .program = "breakpoint_write_read", .intercept = Intercept::exception_db,
               .manual = "APM2 13.1.1, 15.12.2",
               .setup = {l2_register(Register::rdi, l2_data),
                         vmcb_field(field::dr7, breakpoint_2_write)},
               .reach = Reach::not_covered,
               .executed = {.registers = {{Register::rbx, first_data}}},
               .also_meets = {Intercept::dr2_write}});
    exception(table, {.variant = "breakpoint_port", .program = "breakpoint_port",
                      .delivery = {.vector = 1, .return_rip = at_after},
                      .needs = {Feature::de, Feature::inert_ports_80},
                      .cpl3 = AtCpl3::not_run,
                      .setup = {l2_register(Register::rdi, port), l2_register(Register::rdx, port),
                                vmcb_set(field::cr4, svm::cr4::de),
                                vmcb_field(field::dr7, breakpoint_3_port)},
                      .saved_rip = at_after,
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::b3}}},
                      .also_meets = {Intercept::dr3_write}});
    breakpoints_of_l1(table);
    for (Case one : last.cases()) {
        one.ends_machine = true;
        catalogue.add(std::move(one));
    }
}
// clang-format on

void exceptions(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    faults_of_instructions(table);
    debug_exceptions(table);
    data_breakpoints(catalogue);
    traps_of_instructions(table);
}

const Registration registration{exceptions};

} // namespace
} // namespace vmrunit::cases
