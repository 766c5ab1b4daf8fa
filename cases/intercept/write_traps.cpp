// SPDX-License-Identifier: GPL-2.0-only
// Write traps of EFER and the control registers: the exit comes behind the write, with the new
// value in EXITINFO1. They came with encrypted register state; the manual promises those of CRn to
// guests under SEV-ES and does not say what others have, and no target here has them.
// APM2 15.35.10.

#include "cases/intercept/register_access.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.35.10";

Intercept trap_of(unsigned number) {
    return static_cast<Intercept>(static_cast<unsigned>(Intercept::cr0_write_trap) + number);
}

constexpr Delivery general_protection{.vector = 13, .error_code = 0};

// clang-format off

/// What MOV puts into a control register, and what it does not take.
struct Written {
    unsigned number;
    svm::FieldRef place;
    Value value;
    std::optional<Value> illegal;
};

/// In all modes that load it; 64-bit mode and the others have tables of their own.
void control_registers(InstructionTable& table, const Written& written, const Modes& modes) {
    const std::string name = "cr" + std::to_string(written.number);
    std::vector<Intercept> meets{static_cast<Intercept>(
        static_cast<unsigned>(Intercept::cr0_write) + written.number)};
    if (written.number == 0) {
        meets.push_back(Intercept::cr0_sel_write);
    }
    table.row({.subject = name + "_write_trap", .program = "write_" + name,
               .intercept = trap_of(written.number), .manual = manual,
               .needs = Feature::sev_es, .modes = modes, .cpl3 = AtCpl3::gp_first,
               .setup = {l2_register(Register::rbx, written.value)},
               .taken_rip = at_after,
               .taken_fields = {{field::exit_info_1, written.value},
                                {written.place, written.value}},
               .executed = {.fields = {{written.place, written.value}}},
               .also_meets = meets});
    // What raises #GP is not written.
    if (written.illegal) {
        table.row({.subject = name + "_write_trap", .variant = "illegal_value",
                   .program = "write_" + name, .intercept = trap_of(written.number),
                   .manual = manual, .needs = Feature::sev_es, .modes = modes,
                   .setup = {l2_register(Register::rbx, *written.illegal)},
                   .reach = Reach::exception_first, .raises = general_protection});
    }
}

/// CLTS and LMSW write CR0 as MOV does.
void machine_status_word(InstructionTable& table) {
    struct Way {
        std::string_view variant;
        Modes modes;
        Step setup;
        Value written;
    };
    for (const Way& way : {Way{"clts", all_modes, vmcb_set(field::cr0, svm::cr0::ts), fresh_cr0},
                           Way{"lmsw", loads_cr0, l2_register(Register::rbx, svm::cr0::ts),
                               (fresh_cr0 & ~svm::cr0::mp) | svm::cr0::ts}}) {
        table.row({.subject = "cr0_write_trap", .variant = way.variant, .program = way.variant,
                   .intercept = Intercept::cr0_write_trap, .manual = manual,
                   .needs = Feature::sev_es, .modes = way.modes, .cpl3 = AtCpl3::gp_first,
                   .setup = {way.setup},
                   .taken_rip = at_after,
                   .taken_fields = {{field::exit_info_1, way.written}, {field::cr0, way.written}},
                   .executed = {.fields = {{field::cr0, way.written}}},
                   .also_meets = {Intercept::cr0_write, Intercept::cr0_sel_write}});
    }
}

void extended_features(InstructionTable& table, const Modes& modes, Value efer) {
    const auto writes = [](Value value) {
        return std::vector<Step>{l2_register(Register::rcx, svm::msr::efer),
                                 l2_register(Register::rdx, 0), l2_register(Register::rax, value)};
    };
    table.row({.subject = "efer_write_trap", .program = "wrmsr",
               .intercept = Intercept::efer_write_trap, .manual = manual, .needs = Feature::sev_es,
               .modes = modes, .cpl3 = AtCpl3::gp_first,
               .setup = writes(efer),
               .taken_rip = at_after,
               .taken_fields = {{field::exit_info_1, efer}, {field::efer, efer}},
               .executed = {.fields = {{field::efer, efer}}},
               .also_meets = {Intercept::msr_prot}});
    constexpr std::uint64_t reserved = 1u << 9;
    table.row({.subject = "efer_write_trap", .variant = "illegal_value", .program = "wrmsr",
               .intercept = Intercept::efer_write_trap, .manual = manual, .needs = Feature::sev_es,
               .modes = modes, .setup = writes(efer | reserved),
               .reach = Reach::exception_first, .raises = general_protection});
}

void write_traps(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    constexpr world::ModeRegisters fresh_64 = world::mode_registers(L2Mode::long64);
    // 64-bit mode has values of more than 32 bits that are wrong.
    constexpr std::uint64_t upper_half = std::uint64_t{1} << 32;
    constexpr std::uint64_t reserved_cr4 = 1u << 15;
    const Modes loads_cr0_elsewhere = loads_cr0 & not_long64;
    const Value fresh_cr4 = fresh(field::cr4);
    const Value any_cr2{0x1234'5678};
    for (const auto& [written, modes] : {
             std::pair{Written{0, field::cr0, fresh_64.cr0 | svm::cr0::am, fresh_64.cr0 | upper_half},
                       only_long64},
             std::pair{Written{2, field::cr2, any_cr2, {}}, all_modes},
             std::pair{Written{3, field::cr3, in_region(Region::pml4, svm::cr3::pcd),
                               in_region(Region::pml4) | std::uint64_t{1} << 62}, only_long64},
             std::pair{Written{4, field::cr4, fresh_64.cr4 | svm::cr4::tsd, fresh_64.cr4 | upper_half},
                       only_long64},
             std::pair{Written{0, field::cr0, fresh_cr0 | svm::cr0::am, fresh_cr0 | svm::cr0::nw},
                       loads_cr0_elsewhere},
             std::pair{Written{3, field::cr3, fresh(field::cr3) | svm::cr3::pcd, {}}, not_long64},
             std::pair{Written{4, field::cr4, fresh_cr4 | svm::cr4::tsd, fresh_cr4 | reserved_cr4},
                       not_long64}}) {
        control_registers(table, written, modes);
    }
    machine_status_word(table);
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
               .also_meets = {Intercept::cr8_read, Intercept::cr8_write}});
    // Outside 64-bit mode LOCK MOV CR0 is the way to CR8.
    table.row({.subject = "cr8_write_trap", .variant = "lock_mov_cr0", .program = "lock_write_cr0",
               .intercept = Intercept::cr8_write_trap, .manual = manual,
               .needs = {Feature::sev_es, Feature::alt_mov_cr8}, .modes = not_long64,
               .cpl3 = AtCpl3::gp_first,
               .setup = {vmcb_set(virtual_state, svm::VirtualInterrupt::v_intr_masking.mask()),
                         l2_register(Register::rbx, 5)},
               .taken_rip = at_after,
               .taken_fields = {{field::exit_info_1, 5}, {virtual_state, 5, tpr}},
               .executed = {.fields = {{virtual_state, 5, tpr}},
                            .registers = {{Register::rcx, 5}}},
               .also_meets = {Intercept::cr8_read, Intercept::cr8_write}});
    for (const unsigned number : {1u, 5u, 6u, 7u, 9u, 10u, 11u, 12u, 13u, 14u, 15u}) {
        const std::string register_name = "cr" + std::to_string(number);
        table.row({.subject = register_name + "_write_trap", .program = "write_" + register_name,
                   .intercept = trap_of(number), .manual = manual, .needs = Feature::sev_es,
                   .modes = only_long64, .reach = Reach::exception_first,
                   .raises = Delivery{.vector = 6}});
    }
    extended_features(table, only_long64, fresh_64.efer & ~svm::efer::nxe);
    extended_features(table, not_long64, fresh(field::efer) | svm::efer::sce);
}

// clang-format on

const Registration registration{write_traps};

} // namespace
} // namespace vmrunit::cases
