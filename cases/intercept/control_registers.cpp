// SPDX-License-Identifier: GPL-2.0-only
// MOV to and from CR0, CR2, CR3 and CR4, from and to rBX unless a row says otherwise: word 000h of
// the intercepts. CLTS, LMSW, SMSW and the selective intercept are in machine_status_word.cpp, CR8
// is in task_priority.cpp. APM2 15.8.1, 15.9.

#include "cases/intercept/exception_row.hpp"
#include "cases/intercept/register_access.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <array>
#include <initializer_list>
#include <string>

namespace vmrunit::cases {
namespace {

namespace cr0 = svm::cr0;
namespace cr4 = svm::cr4;
namespace field = svm::field;
using svm::Intercept;

constexpr Delivery invalid_opcode{.vector = 6};
constexpr Delivery general_protection{.vector = 13, .error_code = 0};
constexpr std::string_view manual = "APM2 15.9";

Intercept reading(unsigned number) {
    return static_cast<Intercept>(static_cast<unsigned>(Intercept::cr0_read) + number);
}
Intercept writing(unsigned number) {
    return static_cast<Intercept>(static_cast<unsigned>(Intercept::cr0_write) + number);
}

/// A page table root of its own for each mode; nothing else is specific to a mode here.
struct Root {
    Modes modes;
    Region table;
    std::uint64_t cr4;
};
constexpr std::array roots{
    Root{{true, true, false, false}, Region::pml4, world::mode_registers(L2Mode::long64).cr4},
    Root{{false, false, true, false}, Region::pae_pdpt, world::mode_registers(L2Mode::pae).cr4},
    Root{Modes{false, false, false, true} | only_16bit, Region::legacy_pd,
         world::mode_registers(L2Mode::prot32).cr4},
};

// clang-format off

void mov_cr0(InstructionTable& table) {
    table.row({.subject = "cr0_read", .program = "read_cr0", .intercept = Intercept::cr0_read,
               .manual = manual, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .taken_fields = {moves_control(Register::rbx)},
               .executed = {.registers = {{Register::rbx, fresh_cr0}}}});
    table.row({.subject = "cr0_read", .variant = "r11", .program = "read_cr0_r11",
               .intercept = Intercept::cr0_read, .manual = manual, .modes = only_long64,
               .taken_fields = {moves_control(Register::r11)},
               .executed = {.registers = {{Register::r11, fresh_cr0}}}});
    // A write that changes AM also meets the selective intercept.
    table.row({.subject = "cr0_write", .program = "write_cr0", .intercept = Intercept::cr0_write,
               .manual = manual, .modes = loads_cr0, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {l2_register(Register::rbx, fresh_cr0 | cr0::am)},
               .taken_fields = {moves_control(Register::rbx)},
               .executed = {.fields = {{field::cr0, fresh_cr0 | cr0::am}}},
               .also_meets = {Intercept::cr0_sel_write}});
    table.row({.subject = "cr0_write", .variant = "r11", .program = "write_cr0_r11",
               .intercept = Intercept::cr0_write, .manual = manual, .modes = only_long64,
               .setup = {l2_register(Register::r11, fresh_cr0 | cr0::am)},
               .taken_fields = {moves_control(Register::r11)},
               .executed = {.fields = {{field::cr0, fresh_cr0 | cr0::am}}},
               .also_meets = {Intercept::cr0_sel_write}});
    table.row({.subject = "cr0_write", .variant = "same_value", .program = "write_cr0",
               .intercept = Intercept::cr0_write, .manual = manual, .modes = loads_cr0,
               .setup = {l2_register(Register::rbx, fresh_cr0)},
               .taken_fields = {moves_control(Register::rbx)}});
}

void mov_cr2_to_cr4(InstructionTable& table) {
    table.row({.subject = "cr2_read", .program = "read_cr2", .intercept = Intercept::cr2_read,
               .manual = manual, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {vmcb_field(field::cr2, 0x1234'5678)},
               .taken_fields = {moves_control(Register::rbx)},
               .executed = {.registers = {{Register::rbx, 0x1234'5678}}}});
    table.row({.subject = "cr2_write", .program = "write_cr2", .intercept = Intercept::cr2_write,
               .manual = manual, .cpl3 = AtCpl3::gp_first,
               .setup = {l2_register(Register::rbx, 0x8765'4321)},
               .taken_fields = {moves_control(Register::rbx)},
               .executed = {.fields = {{field::cr2, 0x8765'4321}}}});
    // CR2 takes any 64-bit value, canonical or not.
    table.row({.subject = "cr2_write", .variant = "64_bits", .program = "write_cr2",
               .intercept = Intercept::cr2_write, .manual = manual, .modes = only_long64,
               .setup = {l2_register(Register::rbx, 0x8877'6655'4433'2211)},
               .taken_fields = {moves_control(Register::rbx)},
               .executed = {.fields = {{field::cr2, 0x8877'6655'4433'2211}}}});
    for (const Root& root : roots) {
        const Value cr3 = in_region(root.table);
        const Value uncached = in_region(root.table, svm::cr3::pcd);
        table.row({.subject = "cr3_read", .program = "read_cr3", .intercept = Intercept::cr3_read,
                   .manual = manual, .modes = root.modes, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .taken_fields = {moves_control(Register::rbx)},
                   .executed = {.registers = {{Register::rbx, cr3}}}});
        table.row({.subject = "cr3_write", .program = "write_cr3", .intercept = Intercept::cr3_write,
                   .manual = manual, .modes = root.modes, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = {l2_register(Register::rbx, uncached)},
                   .taken_fields = {moves_control(Register::rbx)},
                   .executed = {.fields = {{field::cr3, uncached}}}});
        table.row({.subject = "cr4_read", .program = "read_cr4", .intercept = Intercept::cr4_read,
                   .manual = manual, .modes = root.modes, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .taken_fields = {moves_control(Register::rbx)},
                   .executed = {.registers = {{Register::rbx, root.cr4}}}});
        table.row({.subject = "cr4_write", .program = "write_cr4", .intercept = Intercept::cr4_write,
                   .manual = manual, .modes = root.modes, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = {l2_register(Register::rbx, root.cr4 | cr4::tsd)},
                   .taken_fields = {moves_control(Register::rbx)},
                   .executed = {.fields = {{field::cr4, root.cr4 | cr4::tsd}}}});
    }
}

/// Decode assists name the register: rBX and R12 have no bit of their numbers in common.
void other_register(InstructionTable& table) {
    const Value root = in_region(Region::pml4);
    constexpr std::uint64_t cr4 = world::mode_registers(L2Mode::long64).cr4;
    struct Moved { unsigned number; Value held; svm::FieldRef place; };
    for (const Moved& moved : {Moved{0, fresh_cr0, field::cr0}, Moved{2, 0x1234'5678, field::cr2},
                               Moved{3, root, field::cr3}, Moved{4, cr4, field::cr4}}) {
        const std::string name = "cr" + std::to_string(moved.number);
        table.row({.subject = name + "_read", .variant = "r12", .program = "read_" + name + "_r12",
                   .intercept = reading(moved.number), .manual = manual, .modes = only_long64,
                   .setup = {vmcb_field(moved.place, moved.held)},
                   .taken_fields = {moves_control(Register::r12)},
                   .executed = {.registers = {{Register::r12, moved.held}}}});
        table.row({.subject = name + "_write", .variant = "r12", .program = "write_" + name + "_r12",
                   .intercept = writing(moved.number), .manual = manual, .modes = only_long64,
                   .setup = {l2_register(Register::r12, moved.held)},
                   .taken_fields = {moves_control(Register::r12)},
                   .executed = {.fields = {{moved.place, moved.held}}}});
    }
    table.row({.subject = "cr8_read", .variant = "r12", .program = "read_cr8_r12",
               .intercept = Intercept::cr8_read, .manual = manual, .modes = only_long64,
               .taken_fields = {moves_control(Register::r12)},
               .executed = {.registers = {{Register::r12, 0}}}});
    table.row({.subject = "cr8_write", .variant = "r12", .program = "write_cr8_r12",
               .intercept = Intercept::cr8_write, .manual = manual, .modes = only_long64,
               .setup = {vmcb_set(field::virtual_interrupt, svm::VirtualInterrupt::v_intr_masking.mask()),
                         l2_register(Register::r12, 5)},
               .taken_fields = {moves_control(Register::r12)},
               .executed = {.fields = {{field::virtual_interrupt, 5, svm::VirtualInterrupt::v_tpr.mask()}},
                            .registers = {{Register::rcx, 5}}},
               .also_meets = {Intercept::cr8_read}});
}

/// Registers that do not exist: #UD, whatever is intercepted.
void undefined_registers(InstructionTable& table) {
    for (const unsigned number : {1u, 5u, 6u, 7u, 9u, 10u, 11u, 12u, 13u, 14u, 15u}) {
        const Modes modes = number < 8 ? all_modes : only_long64;
        const std::string name = "cr" + std::to_string(number);
        table.row({.subject = name + "_read", .program = "read_" + name,
                   .intercept = reading(number), .manual = manual, .modes = modes,
                   .reach = Reach::exception_first, .raises = invalid_opcode});
        table.row({.subject = name + "_write", .program = "write_" + name,
                   .intercept = writing(number), .manual = manual, .modes = modes,
                   .reach = Reach::exception_first, .raises = invalid_opcode});
    }
}

/// Values that raise #GP(0), intercepted or not (spec: CR-ILLEGAL). Where a bit belongs to a feature a
/// CPU without it raises #GP as well, for the bit is reserved. That clearing PG in 64-bit mode did,
/// too, the manual does not say, and CPUs let it pass. APM2 3.1.1 to 3.1.3, 14.6.2; APM3, MOV CRn.
void illegal_values(InstructionTable& table) {
    struct Illegal {
        unsigned number;
        std::string_view variant;
        Value value;
        Modes modes = only_long64;
        std::vector<Step> setup{};
        svm::Features needs{};
    };
    constexpr std::uint64_t high = std::uint64_t{1} << 32;
    constexpr std::uint64_t long_cr4 = world::mode_registers(L2Mode::long64).cr4;
    constexpr Modes long_modes{true, true, false, false};
    constexpr Modes loads_cr4 = flat_modes | real_modes | only_prot16;
    constexpr Modes legacy = Modes{false, false, true, true} | real_modes | only_prot16;
    constexpr Modes may_lose_pe = protected_modes | only(L2Mode::paged_real);
    // Long mode is enabled, and would be active with paging.
    const std::vector<Step> about_to_page{vmcb_clear(field::cr0, cr0::pg),
                                          vmcb_set(field::efer, svm::efer::lme)};
    // Its CS has L, which means nothing until then, and no D, which some refuse beside L.
    const std::vector<Step> in_64_bit_code{
        vmcb_set(field::cs_attributes, svm::SegmentAttributes::long_mode.mask()),
        vmcb_set(field::cr4, cr4::pae)};
    const std::initializer_list<Illegal> rows{
        {0, "high_bit",          fresh_cr0 | high},
        {0, "nw_without_cd",     fresh_cr0 | cr0::nw,             all_modes},
        {0, "pg_without_pe",     fresh_cr0 & ~cr0::pe,            may_lose_pe},
        {0, "pg_without_pae",    fresh_cr0,                       only(L2Mode::prot32) | only_prot16, about_to_page},
        {0, "pg_in_64_bit_code", fresh_cr0,                       only_prot16, join(about_to_page, in_64_bit_code)},
        {0, "wp_clear_with_cet", fresh_cr0 & ~cr0::wp,            loads_cr4, {vmcb_set(field::cr4, cr4::cet)}, svm::Feature::cet_ss},
        {3, "high_bit",          in_region(Region::pml4, high << 20)},
        {3, "bit_63",            in_region(Region::pml4, high << 31)},
        {4, "high_bit",          long_cr4 | high},
        {4, "reserved_bit",      fresh(field::cr4) | std::uint64_t{1} << 15, loads_cr4},
        {4, "pae_in_long",       long_cr4 & ~cr4::pae,            long_modes},
        {4, "la57_in_long",      long_cr4 | cr4::la57,            long_modes},
        {4, "pcide_outside_long", fresh(field::cr4) | cr4::pcide, legacy},
        {4, "pcide_with_pcid",   long_cr4 | cr4::pcide,           long_modes, {vmcb_field(field::cr3, in_region(Region::pml4, svm::cr3::pcd))}},
        {4, "cet_without_wp",    fresh(field::cr4) | cr4::cet,    loads_cr4, {vmcb_clear(field::cr0, cr0::wp)}},
        {8, "reserved_bit",      0x10},
        {8, "high_bit",          high},
    };
    for (const Illegal& row : rows) {
        const std::string name = "cr" + std::to_string(row.number);
        const auto add = [&](const std::string& subject, Intercept intercept) {
            table.row({.subject = subject, .variant = "gp_" + std::string{row.variant},
                       .program = "write_" + name, .intercept = intercept, .manual = manual,
                       .needs = row.needs, .modes = row.modes,
                       .setup = join({l2_register(Register::rbx, row.value)}, row.setup),
                       .reach = Reach::exception_first, .raises = general_protection});
        };
        add(name + "_write", writing(row.number));
        if (row.number == 0) { // The selective intercept is looked at where the other one is.
            add("cr0_sel_write", Intercept::cr0_sel_write);
        }
    }
}

/// What the illegal ones lack: PCIDE may be set in long mode, with no PCID in CR3 yet.
void process_context_identifiers(InstructionTable& table) {
    constexpr std::uint64_t with_pcide = world::mode_registers(L2Mode::long64).cr4 | cr4::pcide;
    table.row({.subject = "cr4_write", .variant = "pcide", .program = "write_cr4",
               .intercept = Intercept::cr4_write, .manual = "APM2 5.5.1",
               .needs = svm::Feature::pcid, .modes = Modes{true, true, false, false},
               .setup = {l2_register(Register::rbx, with_pcide)},
               .taken_fields = {moves_control(Register::rbx)},
               .executed = {.fields = {{field::cr4, with_pcide}}}});
}

/// A PDPTE with a reserved bit set, for a part of memory that nothing touches. The exit comes before
/// PDPTEs are loaded. Without nested paging a MOV CR3 that loads it raises #GP; with it PDPTEs are
/// read as walks need them, so it passes. APM2 5.2.3, 15.25.10.
void bad_pdpte(InstructionTable& table) {
    constexpr std::uint32_t second_table = 32; // A page directory pointer table is 32 bytes.
    constexpr std::uint64_t reserved = 2;
    std::vector<Step> setup{l2_register(Register::rbx, in_region(Region::pae_pdpt, second_table))};
    for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint64_t bits = world::present | (i == 3 ? reserved : 0);
        setup.emplace_back(Write{wire::Op::Code::write, Region::pae_pdpt, second_table + 8 * i, 8,
                                 in_region(Region::pd, i * page_size + bits)});
    }
    const Modes only_pae{false, false, true, false};
    table.row({.subject = "cr3_write", .variant = "bad_pdpte", .program = "write_cr3",
               .intercept = Intercept::cr3_write, .manual = manual, .modes = only_pae,
               .paging = Paging::only_unnested, .setup = setup,
               .taken_fields = {moves_control(Register::rbx)}, .raises = general_protection,
               .also_meets = {Intercept::exception_gp}});
    table.row({.subject = "cr3_write", .variant = "bad_pdpte", .program = "write_cr3",
               .intercept = Intercept::cr3_write, .manual = "APM2 15.25.10", .modes = only_pae,
               .paging = Paging::only_nested, .setup = setup,
               .taken_fields = {moves_control(Register::rbx)},
               .executed = {.fields = {{field::cr3, in_region(Region::pae_pdpt, second_table)}}}});
}

// clang-format on

void control_registers(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    mov_cr0(table);
    mov_cr2_to_cr4(table);
    other_register(table);
    undefined_registers(table);
    illegal_values(table);
    process_context_identifiers(table);
    bad_pdpte(table);
}

const Registration registration{control_registers};

} // namespace
} // namespace vmrunit::cases
