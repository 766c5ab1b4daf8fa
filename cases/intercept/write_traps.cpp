// SPDX-License-Identifier: GPL-2.0-only
// Write traps of EFER and the control registers: the exit comes behind the write, with the new
// value in EXITINFO1. They came with encrypted register state, and no target here has them.
// APM2 15.35.7.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.35.7";

Intercept trap_of(unsigned number) {
    return static_cast<Intercept>(static_cast<unsigned>(Intercept::cr0_write_trap) + number);
}

// clang-format off

void write_traps(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    constexpr world::ModeRegisters fresh = world::mode_registers(L2Mode::long64);
    struct Written {
        unsigned number;
        Value value;
        svm::FieldRef place;
    };
    for (const Written& written : {Written{0, fresh.cr0 | svm::cr0::am, field::cr0},
                                   Written{2, 0x1234'5678, field::cr2},
                                   Written{3, in_region(Region::pml4, svm::cr3::pcd), field::cr3},
                                   Written{4, fresh.cr4 | svm::cr4::tsd, field::cr4}}) {
        const std::string register_name = "cr" + std::to_string(written.number);
        const Effect value{.fields = {{written.place, written.value}}};
        table.row({.subject = register_name + "_write_trap",
                   .program = "write_" + register_name,
                   .intercept = trap_of(written.number), .manual = manual,
                   .needs = Feature::sev_es, .modes = only_long64, .cpl3 = AtCpl3::gp_first,
                   .setup = {l2_register(Register::rbx, written.value)},
                   .taken_rip = at_after,
                   .taken_fields = {{field::exit_info_1, written.value},
                                    {written.place, written.value}},
                   .executed = value,
                   .also_meets = {Intercept::cr0_write, Intercept::cr0_sel_write,
                                  Intercept::cr2_write, Intercept::cr3_write, Intercept::cr4_write},
                   .confirmed = false});
    }
    const svm::FieldRef virtual_state = field::virtual_interrupt;
    constexpr std::uint64_t tpr = svm::VirtualInterrupt::v_tpr.mask();
    table.row({.subject = "cr8_write_trap", .program = "write_cr8",
               .intercept = Intercept::cr8_write_trap, .manual = manual, .needs = Feature::sev_es,
               .modes = only_long64, .cpl3 = AtCpl3::gp_first,
               .setup = {vmcb_set(virtual_state, svm::VirtualInterrupt::v_intr_masking.mask()),
                         l2_register(Register::rbx, 5)},
               .taken_rip = at_after,
               .taken_fields = {{field::exit_info_1, 5}, {virtual_state, 5, tpr}},
               .executed = {.fields = {{virtual_state, 5, tpr}},
                            .registers = {{Register::rcx, 5}}},
               .also_meets = {Intercept::cr8_read, Intercept::cr8_write}, .confirmed = false});
    for (const unsigned number : {1u, 5u, 6u, 7u, 9u, 10u, 11u, 12u, 13u, 14u, 15u}) {
        const std::string register_name = "cr" + std::to_string(number);
        table.row({.subject = register_name + "_write_trap", .program = "write_" + register_name,
                   .intercept = trap_of(number), .manual = manual, .needs = Feature::sev_es,
                   .modes = only_long64, .reach = Reach::exception_first,
                   .raises = Delivery{.vector = 6}, .confirmed = false});
    }
    const std::uint64_t efer = fresh.efer & ~svm::efer::nxe;
    table.row({.subject = "efer_write_trap", .program = "wrmsr",
               .intercept = Intercept::efer_write_trap, .manual = manual, .needs = Feature::sev_es,
               .modes = only_long64, .cpl3 = AtCpl3::gp_first,
               .setup = {l2_register(Register::rcx, svm::msr::efer), l2_register(Register::rdx, 0),
                         l2_register(Register::rax, efer)},
               .taken_rip = at_after,
               .taken_fields = {{field::exit_info_1, efer}, {field::efer, efer}},
               .executed = {.fields = {{field::efer, efer}}},
               .also_meets = {Intercept::msr_prot}, .confirmed = false});
}

// clang-format on

const Registration registration{write_traps};

} // namespace
} // namespace vmrunit::cases
