// SPDX-License-Identifier: GPL-2.0-only
// Reads and writes of IDTR, GDTR, LDTR and TR. The intercepts come after #UD and the #GP of
// privilege level (and of UMIP), before any access to memory: neither an unmapped operand nor a bad
// descriptor is noticed. APM2 15.9, table 15-7.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/segment.hpp"
#include "harness/world.hpp"

#include <tuple>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.9";
constexpr std::uint32_t limit = 0x1234;
constexpr std::uint64_t base_64 = 0xffff'8000'89ab'c000;
constexpr std::uint64_t base_32 = 0x89ab'c000;

Modes modes_of(bool wide) {
    return wide ? only_long64 : not_long64;
}

Step operand_in_data() {
    return l2_register(Register::rdi, l2_data);
}

Delivery page_fault(std::uint32_t error_code) {
    return {.vector = 14, .error_code = error_code};
}

/// Nobody says with which of its bytes the access to the operand begins.
Effect somewhere_unmapped() {
    constexpr std::uint64_t offset = 0xf;
    return {
        .fields = {{field::cr2, world::unmapped, ~offset}, {field::cr2, {}, offset, Match::free}}};
}

struct TableRegister {
    std::string_view read_subject, write_subject;
    std::string_view store, load;
    Intercept reading, writing;
    svm::FieldRef base, limit;
};
constexpr TableRegister table_registers[] = {
    {"idtr_read", "idtr_write", "sidt", "lidt", Intercept::idtr_read, Intercept::idtr_write,
     field::idtr_base, field::idtr_limit},
    {"gdtr_read", "gdtr_write", "sgdt", "lgdt", Intercept::gdtr_read, Intercept::gdtr_write,
     field::gdtr_base, field::gdtr_limit},
};

// clang-format off

/// SIDT and SGDT store two bytes of limit, then eight or four of base.
void stores(InstructionTable& table, const TableRegister& reg) {
    for (const bool wide : {true, false}) {
        const auto base_size = static_cast<std::uint8_t>(wide ? 8 : 4);
        const Effect stored{.memory = {{Region::l2_memory, l2_data_offset, 2, limit},
                                       {Region::l2_memory, l2_data_offset + 2, base_size,
                                        wide ? base_64 : base_32}}};
        const std::vector<Step> setup{operand_in_data(), vmcb_field(reg.limit, limit),
                                      vmcb_field(reg.base, wide ? base_64 : base_32)};
        table.row({.subject = reg.read_subject, .program = reg.store, .intercept = reg.reading,
                   .manual = manual, .modes = modes_of(wide), .cpl3 = AtCpl3::same,
                   .setup = setup,
                   .executed = stored});
        // The fault needs descriptor tables that work.
        std::vector<Step> no_umip{operand_in_data(), vmcb_set(field::cr4, svm::cr4::umip)};
        table.row({.subject = reg.read_subject, .variant = "umip", .program = reg.store,
                   .intercept = reg.reading, .manual = manual, .needs = Feature::umip,
                   .modes = modes_of(wide), .cpl3 = AtCpl3::only,
                   .setup = no_umip,
                   .reach = Reach::exception_first,
                   .raises = Delivery{.vector = 13, .error_code = 0}});
    }
    table.row({.subject = reg.read_subject, .variant = "unmapped", .program = reg.store,
               .intercept = reg.reading, .manual = manual, .modes = only_long64,
               .setup = {l2_register(Register::rdi, world::unmapped)},
               .executed = somewhere_unmapped(),
               .raises = page_fault(2),
               .also_meets = {svm::exception_intercept(14)}});
}

/// The table that L2 uses, stored and loaded as it is: its handlers work behind that, so that the
/// instruction may stand where what follows faults.
void tables_in_use(InstructionTable& table, const TableRegister& reg) {
    for (const bool wide : {true, false}) {
        const auto base_size = static_cast<std::uint8_t>(wide ? 8 : 4);
        table.row({.subject = reg.read_subject, .variant = "table_in_use", .program = reg.store,
                   .intercept = reg.reading, .manual = manual, .modes = modes_of(wide),
                   .page_end = PageEnd::within,
                   .setup = {operand_in_data()},
                   .executed = {.memory = {{Region::l2_memory, l2_data_offset, 2, fresh(reg.limit)},
                                           {Region::l2_memory, l2_data_offset + 2, base_size,
                                            fresh(reg.base)}}}});
        table.row({.subject = reg.write_subject, .variant = "table_in_use", .program = reg.load,
                   .intercept = reg.writing, .manual = manual, .modes = modes_of(wide),
                   .page_end = PageEnd::within,
                   .setup = {operand_in_data(), l2_data_bytes(0, 2, fresh(reg.limit)),
                             l2_data_bytes(2, 8, fresh(reg.base))}});
    }
}

void loads(InstructionTable& table, const TableRegister& reg) {
    for (const bool wide : {true, false}) {
        const std::uint64_t base = wide ? base_64 : base_32;
        table.row({.subject = reg.write_subject, .program = reg.load, .intercept = reg.writing,
                   .manual = manual, .modes = modes_of(wide), .cpl3 = AtCpl3::gp_first,
                   .setup = {operand_in_data(), l2_data_bytes(0, 2, limit), l2_data_bytes(2, 8, base)},
                   .executed = {.fields = {{reg.limit, limit}, {reg.base, base}}}});
    }
    table.row({.subject = reg.write_subject, .variant = "unmapped", .program = reg.load,
               .intercept = reg.writing, .manual = manual, .modes = only_long64,
               .setup = {l2_register(Register::rdi, world::unmapped)},
               .executed = somewhere_unmapped(),
               .raises = page_fault(0),
               .also_meets = {svm::exception_intercept(14)}});
}

/// SLDT and STR into a 32-bit register, which clears its upper half.
void selector_reads(InstructionTable& table) {
    const Step has_ldt = vmcb_field(field::ldtr_selector, l2_selector::ldt);
    table.row({.subject = "ldtr_read", .program = "sldt", .intercept = Intercept::ldtr_read,
               .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = {has_ldt},
               .executed = {.registers = {{Register::rbx, l2_selector::ldt}}}});
    table.row({.subject = "tr_read", .program = "str", .intercept = Intercept::tr_read,
               .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .executed = {.registers = {{Register::rbx, fresh(field::tr_selector)}}}});
    for (const auto& [subject, program, intercept] :
         {std::tuple{"ldtr_read", "sldt", Intercept::ldtr_read},
          std::tuple{"tr_read", "str", Intercept::tr_read}}) {
        table.row({.subject = subject, .variant = "umip", .program = program,
                   .intercept = intercept, .manual = manual, .needs = Feature::umip,
                   .needs_protected_mode = true, .cpl3 = AtCpl3::only,
                   .setup = {vmcb_set(field::cr4, svm::cr4::umip)},
                   .reach = Reach::exception_first,
                   .raises = Delivery{.vector = 13, .error_code = 0}});
    }
}

/// The programs read back what they loaded, since no #VMEXIT stores it. LTR marks the TSS busy.
void selector_writes(InstructionTable& table) {
    const auto loads_selector = [](std::uint16_t selector) {
        return std::vector<Step>{l2_register(Register::rbx, selector)};
    };
    table.row({.subject = "ldtr_write", .program = "lldt", .intercept = Intercept::ldtr_write,
               .manual = manual, .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = loads_selector(l2_selector::ldt),
               .epilogue = {.registers = {{Register::rcx, l2_selector::ldt}}},
               .also_meets = {Intercept::ldtr_read}});
    struct IdleTss {
        Modes modes;
        std::uint16_t selector;
        std::uint8_t busy;
    };
    namespace type = svm::segment_type;
    const Modes legacy = Modes{false, false, true, true} | real_modes | only_v86;
    for (const IdleTss& tss : {
             IdleTss{{true, true, false, false}, l2_selector::idle_tss64, type::tss_busy},
             IdleTss{legacy,                     l2_selector::idle_tss32, type::tss_busy},
             IdleTss{only_prot16,                l2_selector::idle_tss16, type::tss_16_busy}}) {
        constexpr std::uint32_t access_byte = 5;
        table.row({.subject = "tr_write", .program = "ltr", .intercept = Intercept::tr_write,
                   .manual = manual, .modes = tss.modes,
                   .needs_protected_mode = true, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = loads_selector(tss.selector),
                   .executed = {.memory = {{Region::l2_memory, tss.selector + access_byte, 1,
                                            svm::system_attributes(tss.busy).value}}},
                   .epilogue = {.registers = {{Register::rcx, tss.selector}}},
                   .also_meets = {Intercept::tr_read}});
    }
    // A data segment is neither an LDT nor a TSS, but that is in memory.
    for (const auto& [subject, program, intercept] :
         {std::tuple{"ldtr_write", "lldt", Intercept::ldtr_write},
          std::tuple{"tr_write", "ltr", Intercept::tr_write}}) {
        table.row({.subject = subject, .variant = "wrong_type", .program = program,
                   .intercept = intercept, .manual = manual, .needs_protected_mode = true,
                   .setup = loads_selector(l2_selector::data),
                   .raises = Delivery{.vector = 13, .error_code = l2_selector::data},
                   .also_meets = {svm::exception_intercept(13)}});
    }
}

// clang-format on

void descriptor_tables(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const TableRegister& reg : table_registers) {
        stores(table, reg);
        loads(table, reg);
        tables_in_use(table, reg);
    }
    selector_reads(table);
    selector_writes(table);
}

const Registration registration{descriptor_tables};

} // namespace
} // namespace vmrunit::cases
