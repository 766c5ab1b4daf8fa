// SPDX-License-Identifier: GPL-2.0-only
// CR8: the task priority, of the APIC or virtual. Its intercepts hold whatever V_INTR_MASKING says.
// LOCK MOV CR0 is CR8 too, outside 64-bit mode as well. APM2 15.9, 15.21.3.

#include "cases/intercept/register_access.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/vmcb.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;
using svm::VirtualInterrupt;

FieldExpectation virtual_tpr(std::uint64_t value) {
    return {field::virtual_interrupt, value, VirtualInterrupt::v_tpr.mask()};
}

// clang-format off

// The VMCB says 3 and the APIC 9, so that each read shows which of the two it got.
// V_INTR_MASKING=0: reads come from the APIC, writes go to both. 1: V_TPR only.
void mov_cr8(InstructionTable& table) {
    struct Form {
        std::string_view variant_physical, variant_virtual, read, write;
        Modes modes;
        svm::Features needs;
    };
    for (const Form& form : {
             Form{"", "v_intr_masking", "read_cr8", "write_cr8", only_long64, {}},
             Form{"lock_mov_cr0", "lock_mov_cr0_v_intr_masking", "lock_read_cr0", "lock_write_cr0",
                  all_modes, Feature::alt_mov_cr8}}) {
        for (const bool masking : {false, true}) {
            const std::string_view variant = masking ? form.variant_virtual : form.variant_physical;
            const Step virtual_state = vmcb_field(
                field::virtual_interrupt,
                VirtualInterrupt{}.with(VirtualInterrupt::v_tpr, 3)
                                  .with(VirtualInterrupt::v_intr_masking, masking ? 1 : 0).value);
            const PageEnd at_page_end = masking ? PageEnd::within : PageEnd::no;
            const Step physical_tpr = L1Write{wire::L1Register::cr8, 0, 9};
            table.row({.subject = "cr8_read", .variant = variant, .program = form.read,
                       .intercept = Intercept::cr8_read, .manual = "APM2 15.21.3",
                       .needs = form.needs, .modes = form.modes, .cpl3 = AtCpl3::gp_first,
                       .page_end = at_page_end,
                       .setup = {virtual_state, physical_tpr},
                       .taken_fields = {moves_control(Register::rbx)},
                       .executed = {.registers = {{Register::rbx, masking ? 3u : 9u}}}});
            table.row({.subject = "cr8_write", .variant = variant, .program = form.write,
                       .intercept = Intercept::cr8_write, .manual = "APM2 15.21.3",
                       .needs = form.needs, .modes = form.modes, .cpl3 = AtCpl3::gp_first,
                       .page_end = at_page_end,
                       .setup = {virtual_state, physical_tpr, l2_register(Register::rbx, 5)},
                       .taken_fields = {moves_control(Register::rbx)},
                       .executed = {.fields = {virtual_tpr(5)}},
                       .epilogue = {.registers = {{Register::rcx, 5}}},
                       .also_meets = {Intercept::cr8_read}});
        }
    }
    // The bits above a task priority are reserved. That this #GP comes before the exit is the manual's
    // word alone, as in 64-bit mode (control_registers.cpp).
    table.row({.subject = "cr8_write", .variant = "lock_mov_cr0_gp_reserved_bit",
               .program = "lock_write_cr0", .intercept = Intercept::cr8_write,
               .manual = "APM2 15.9", .needs = Feature::alt_mov_cr8,
               .setup = {l2_register(Register::rbx, 0x10)},
               .reach = Reach::exception_first,
               .raises = Delivery{.vector = 13, .error_code = 0}});
}
// clang-format on

/// With V_INTR_MASKING=1 a write of CR8 leaves the APIC's TPR alone: a second VMRUN without it,
/// from behind the write, reads that. APM2 15.21.3.
void physical_tpr_kept(Catalogue& catalogue) {
    constexpr std::uint64_t masking = VirtualInterrupt::v_intr_masking.mask();
    for (const bool nested_paging : {true, false}) {
        Case made;
        made.start = {L2Mode::long64, 0, nested_paging};
        made.name = full_name("intercept/cr8_write/physical_tpr_kept", {}, made.start);
        made.title = "With V_INTR_MASKING set, MOV to CR8 does not reach the APIC.";
        made.manual = "APM2 15.21.3";
        const auto where = std::source_location::current();
        made.file = project_path(where.file_name());
        made.line = where.line();
        made.program = "write_cr8";
        if (nested_paging) {
            made.needs.set(Feature::np);
        }
        made.steps = {L1Write{wire::L1Register::cr8, 0, 9},
                      vmcb_set(field::virtual_interrupt, masking),
                      l2_register(Register::rbx, 5),
                      Run{},
                      vmcb_clear(field::virtual_interrupt, masking),
                      vmcb_field(field::rip, at_after),
                      Run{}};
        ExitExpectation wrote;
        wrote.rip = at_marker;
        wrote.next_rip = Value{Anchor::marker, 0, 3};
        wrote.fields = {virtual_tpr(5)};
        wrote.registers = {{Register::rcx, 5}};
        ExitExpectation read = wrote;
        read.fields.clear();
        read.registers = {{Register::rcx, 9}};
        made.expectations = {wrote, read};
        catalogue.add(std::move(made));
    }
}

/// The TPR in memory is the APIC's own, and V_INTR_MASKING has no say in it. Each read of L2's
/// tells 3, 9 and 5 apart: V_TPR, what L1 gave the APIC, and what L2 writes there.
void tpr_in_memory(Catalogue& catalogue) {
    constexpr std::uint64_t apic_tpr = 0xfee0'0080;
    constexpr std::uint64_t masking = VirtualInterrupt::v_intr_masking.mask();
    const std::vector<Step> setup{
        L1Write{wire::L1Register::cr8, 0, 9},
        vmcb_field(field::virtual_interrupt,
                   VirtualInterrupt{}.with(VirtualInterrupt::v_tpr, 3).value | masking),
        l2_register(Register::rdi, apic_tpr), l2_register(Register::rbx, 0x50)};
    const auto sees = [](Register reg, std::uint64_t value) {
        ExitExpectation exit = program_ends();
        exit.registers = {{reg, value}};
        return exit;
    };
    for (const bool nested_paging : {true, false}) {
        const L2Start start{L2Mode::long64, 0, nested_paging};
        add_guest_case(catalogue,
                       {.name = "fields/control_virtual_interrupt/memory_tpr/read",
                        .title = "L2 reads the TPR of the APIC from memory, not V_TPR.",
                        .manual = "APM2 15.21.2",
                        .needs = Feature::apic,
                        .program = "raise_pf_read",
                        .steps = setup,
                        .exit = sees(Register::rbx, 0x90)},
                       start);
        add_guest_case(catalogue,
                       {.name = "fields/control_virtual_interrupt/memory_tpr/written",
                        .title = "L2 writes the TPR of the APIC in memory, and V_TPR stays.",
                        .manual = "APM2 15.21.2",
                        .needs = Feature::apic,
                        .program = "write_apic_tpr",
                        .steps = setup,
                        .exit = sees(Register::rcx, 3),
                        .then = {vmcb_clear(field::virtual_interrupt, masking),
                                 vmcb_field(field::rip, at_after), Run{}},
                        .then_expected = {sees(Register::rcx, 5)}},
                       start);
    }
}

void task_priority(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    mov_cr8(table);
    physical_tpr_kept(catalogue);
    tpr_in_memory(catalogue);
}

const Registration registration{task_priority};

} // namespace
} // namespace vmrunit::cases
