// SPDX-License-Identifier: GPL-2.0-only
// Reads and writes of IDTR, GDTR, LDTR and TR. The intercepts come after #UD and the #GP of
// privilege level (and of UMIP), before any access to memory: neither an unmapped operand nor a bad
// descriptor is noticed. APM2 15.9, table 15-7.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/segment.hpp"
#include "harness/world.hpp"

#include <string>
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
Effect faults_at(std::uint64_t operand) {
    constexpr std::uint64_t offset = 0xf;
    return {.fields = {{field::cr2, operand, ~offset}, {field::cr2, {}, offset, Match::free}}};
}

/// An operand that the tables of the mode do not map.
struct Unmapped {
    Modes modes;
    std::uint64_t address;
    std::vector<Step> setup;
};
std::vector<Unmapped> unmapped_operands() {
    return {{only_long64, world::unmapped, {}}, {only_32bit, spare_page, spare_page_absent()}};
}

/// One that reaches beyond the end of its segment, in 16-bit code.
constexpr std::uint64_t last_of_segment = 0xffff;
constexpr Delivery beyond_segment{.vector = 13, .error_code = 0};

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

/// An operand for LTR, which marks it busy.
struct IdleTss {
    Modes modes;
    std::uint16_t selector;
    std::uint8_t busy;
};
constexpr IdleTss idle_tss[] = {
    {{true, true, false, false}, l2_selector::idle_tss64, svm::segment_type::tss_busy},
    {Modes{false, false, true, true} | real_modes | only_v86, l2_selector::idle_tss32,
     svm::segment_type::tss_busy},
    {only_prot16, l2_selector::idle_tss16, svm::segment_type::tss_16_busy},
};
constexpr std::uint32_t access_byte = 5; ///< Of a descriptor.

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
    for (const Unmapped& operand : unmapped_operands()) {
        table.row({.subject = reg.read_subject, .variant = "unmapped", .program = reg.store,
                   .intercept = reg.reading, .manual = manual, .modes = operand.modes,
                   .setup = join({l2_register(Register::rdi, operand.address)}, operand.setup),
                   .executed = faults_at(operand.address),
                   .raises = page_fault(2),
                   .also_meets = {svm::exception_intercept(14)}});
    }
    table.row({.subject = reg.read_subject, .variant = "beyond_segment", .program = reg.store,
               .intercept = reg.reading, .manual = manual, .modes = real_modes | only_prot16,
               .setup = {l2_register(Register::rdi, last_of_segment)},
               .raises = beyond_segment,
               .also_meets = {svm::exception_intercept(13)}});
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
    for (const Unmapped& operand : unmapped_operands()) {
        table.row({.subject = reg.write_subject, .variant = "unmapped", .program = reg.load,
                   .intercept = reg.writing, .manual = manual, .modes = operand.modes,
                   .setup = join({l2_register(Register::rdi, operand.address)}, operand.setup),
                   .executed = faults_at(operand.address),
                   .raises = page_fault(0),
                   .also_meets = {svm::exception_intercept(14)}});
    }
    table.row({.subject = reg.write_subject, .variant = "non_canonical_base", .program = reg.load,
               .intercept = reg.writing, .manual = manual, .modes = only_long64,
               .setup = {operand_in_data(), l2_data_bytes(0, 2, limit),
                         l2_data_bytes(2, 8, 0x8000'0000'0000'0000)},
               .raises = Delivery{.vector = 13, .error_code = 0},
               .also_meets = {svm::exception_intercept(13)}});
    table.row({.subject = reg.write_subject, .variant = "beyond_segment", .program = reg.load,
               .intercept = reg.writing, .manual = manual, .modes = real_modes | only_prot16,
               .setup = {l2_register(Register::rdi, last_of_segment)},
               .raises = beyond_segment,
               .also_meets = {svm::exception_intercept(13)}});
}

/// 66h makes no difference in 64-bit mode. Elsewhere a load takes 24 bits of base; what a store makes
/// of the fourth byte is told in two ways, so it is not run.
void with_operand_size(InstructionTable& table, const TableRegister& reg) {
    const std::string store = std::string{reg.store} + "_operand_size";
    const std::string load = std::string{reg.load} + "_operand_size";
    for (const bool wide : {true, false}) {
        const Modes modes = wide ? only_long64 : only_32bit;
        const std::uint64_t base = wide ? base_64 : base_32;
        table.row({.subject = reg.read_subject, .variant = "operand_size", .program = store,
                   .intercept = reg.reading, .manual = manual, .modes = modes,
                   .setup = {operand_in_data(), vmcb_field(reg.limit, limit),
                             vmcb_field(reg.base, base)},
                   .executed = {.memory = {{Region::l2_memory, l2_data_offset, 2, limit},
                                           {Region::l2_memory, l2_data_offset + 2, 8, base}}},
                   .runs_without_intercept = wide});
        table.row({.subject = reg.write_subject, .variant = "operand_size", .program = load,
                   .intercept = reg.writing, .manual = manual, .modes = modes,
                   .setup = {operand_in_data(), l2_data_bytes(0, 2, limit), l2_data_bytes(2, 8, base)},
                   .executed = {.fields = {{reg.limit, limit},
                                           {reg.base, wide ? base : base & 0xff'ffff}}}});
    }
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
    // Into 16 bits, beside which the rest of the register stays, and into 64.
    struct Sized { std::string_view subject, variant, program; Intercept intercept; Modes modes; };
    for (const Sized& one : {
             Sized{"ldtr_read", "16_bits", "sldt_16", Intercept::ldtr_read, protected_modes},
             Sized{"ldtr_read", "64_bits", "sldt_64", Intercept::ldtr_read, only_long64},
             Sized{"tr_read",   "16_bits", "str_16",  Intercept::tr_read,   protected_modes},
             Sized{"tr_read",   "64_bits", "str_64",  Intercept::tr_read,   only_long64}}) {
        const Value selector = one.intercept == Intercept::ldtr_read ? Value{l2_selector::ldt}
                                                                     : fresh(field::tr_selector);
        table.row({.subject = one.subject, .variant = one.variant, .program = one.program,
                   .intercept = one.intercept, .manual = manual, .modes = one.modes,
                   .cpl3 = AtCpl3::same,
                   .setup = {has_ldt},
                   .executed = {.registers = {{Register::rbx, selector,
                                               one.variant == "16_bits" ? 0xffff : ~std::uint64_t{0}}}}});
    }
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
    for (const IdleTss& tss : idle_tss) {
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

/// The exit comes before the operand in memory is looked at, whatever is wrong with it.
void selectors_in_memory(InstructionTable& table) {
    struct Form {
        std::string_view subject, program;
        Intercept intercept;
        bool stores;
        Value selector; ///< What it stores; a load finds it there.
        std::vector<Step> setup;
        Effect executed;
        Effect epilogue;
        std::vector<Intercept> also_meets;
        Modes modes = all_modes;
    };
    const auto stored = [](Value selector) {
        return Effect{.memory = {{Region::l2_memory, l2_data_offset, 2, selector}}};
    };
    std::vector<Form> forms{
        {"ldtr_read", "sldt_memory", Intercept::ldtr_read, true, l2_selector::ldt,
         {vmcb_field(field::ldtr_selector, l2_selector::ldt)}, stored(l2_selector::ldt), {}, {}},
        {"tr_read", "str_memory", Intercept::tr_read, true, fresh(field::tr_selector), {},
         stored(fresh(field::tr_selector)), {}, {}},
        {"ldtr_write", "lldt_memory", Intercept::ldtr_write, false, l2_selector::ldt, {}, {},
         {.registers = {{Register::rcx, l2_selector::ldt}}}, {Intercept::ldtr_read}},
    };
    for (const IdleTss& tss : idle_tss) {
        forms.push_back({"tr_write", "ltr_memory", Intercept::tr_write, false, tss.selector, {},
                         {.memory = {{Region::l2_memory, tss.selector + access_byte, 1,
                                      svm::system_attributes(tss.busy).value}}},
                         {.registers = {{Register::rcx, tss.selector}}}, {Intercept::tr_read},
                         tss.modes});
    }
    for (const Form& form : forms) {
        InstructionRow row{.subject = form.subject, .variant = "memory", .program = form.program,
                           .intercept = form.intercept, .manual = manual, .modes = form.modes,
                           .needs_protected_mode = true,
                           .cpl3 = form.stores ? AtCpl3::same : AtCpl3::gp_first,
                           .page_end = PageEnd::within,
                           .setup = form.setup, .executed = form.executed,
                           .epilogue = form.epilogue, .also_meets = form.also_meets};
        row.setup.emplace_back(operand_in_data());
        if (!form.stores) {
            row.setup.emplace_back(l2_data_bytes(0, 2, form.selector));
        }
        table.row(row);
        row.needs_protected_mode = false;
        row.cpl3 = AtCpl3::not_run;
        row.page_end = PageEnd::no;
        row.epilogue = {};
        row.variant = "unmapped";
        row.modes = form.modes & flat_modes;
        row.setup = join({l2_register(Register::rdi, spare_page)}, spare_page_absent());
        row.executed = faults_at(spare_page);
        row.raises = page_fault(form.stores ? 2 : 0);
        row.also_meets.push_back(Intercept::exception_pf);
        table.row(row);
        row.variant = "beyond_segment";
        row.modes = form.modes & only_prot16;
        row.setup = {l2_register(Register::rdi, last_of_segment)};
        row.executed = {};
        row.raises = beyond_segment;
        row.also_meets.push_back(Intercept::exception_gp);
        table.row(row);
    }
}

/// Nor is the descriptor: an LDT or a TSS that is not present is #NP, without the intercept.
void absent_descriptors(InstructionTable& table) {
    const auto row = [&](std::string_view subject, std::string_view program, Intercept intercept,
                         Modes modes, std::uint16_t selector) {
        table.row({.subject = subject, .variant = "absent", .program = program,
                   .intercept = intercept, .manual = manual, .modes = modes,
                   .setup = {l2_register(Register::rbx, selector),
                             Write{wire::Op::Code::clear_bits, Region::l2_memory,
                                   selector + access_byte, 1, 0x80}},
                   .raises = Delivery{.vector = 11, .error_code = selector},
                   .also_meets = {Intercept::exception_np}});
    };
    row("ldtr_write", "lldt", Intercept::ldtr_write, protected_modes, l2_selector::ldt);
    for (const IdleTss& tss : idle_tss) {
        row("tr_write", "ltr", Intercept::tr_write, tss.modes & protected_modes, tss.selector);
    }
}

// clang-format on

void descriptor_tables(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const TableRegister& reg : table_registers) {
        stores(table, reg);
        loads(table, reg);
        tables_in_use(table, reg);
        with_operand_size(table, reg);
    }
    selector_reads(table);
    selector_writes(table);
    selectors_in_memory(table);
    absent_descriptors(table);
}

const Registration registration{descriptor_tables};

} // namespace
} // namespace vmrunit::cases
