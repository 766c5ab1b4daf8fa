// SPDX-License-Identifier: GPL-2.0-only
// Page faults: each kind of access against each reason to fault. With the intercept set the error
// code is in EXITINFO1, the address in EXITINFO2, and CR2 is not written (spec: EXC-CR2); with it
// clear CR2 is. #DF after #PF stands here as well. APM2 5.6, 8.2.15, 8.4.2, 15.12.15.

#include "cases/intercept/exception_row.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <array>
#include <tuple>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;

/// Bits of the error code.
constexpr std::uint32_t protection = 1; ///< The page was present.
constexpr std::uint32_t write = 2;
constexpr std::uint32_t user = 4;
constexpr std::uint32_t reserved = 8;
constexpr std::uint32_t fetch = 0x10;

constexpr std::uint64_t no_execute = std::uint64_t{1} << 63;
constexpr std::uint64_t old_cr2 = 0x0badcafe;
/// A page that 16-bit code can reach and nothing uses.
constexpr std::uint64_t spare_low_page = 0xf000;

/// The entry that maps the address, and what is special to the mode's page tables.
struct Mapping {
    Modes modes;
    std::uint64_t address;
    Region table;
    std::uint32_t offset;
    std::uint8_t size;
    std::uint64_t reserved_bit; ///< Of a large page; 0: there is none.
    bool has_no_execute;
    std::vector<Step> setup{}; ///< That brings the entry into use.
};
const std::array mappings{
    Mapping{{true, true, true, false}, spare_page, Region::pd, 3 * page_size, 8, 1 << 13, true},
    Mapping{{false, false, false, true},
            spare_page,
            Region::legacy_pd,
            (spare_page >> 22) * 4,
            4,
            1 << 21,
            false},
    Mapping{only(L2Mode::paged_real) | only_prot16 | only_v86,
            spare_low_page,
            Region::legacy_pt,
            (spare_low_page >> 12) * 4,
            4,
            0,
            false,
            {Write{wire::Op::Code::write, Region::legacy_pd, 0, 4,
                   in_region(Region::legacy_pt, world::table_bits)}}},
};

Write entry_with(const Mapping& mapping, std::uint64_t bits) {
    return {wire::Op::Code::set_bits, mapping.table, mapping.offset, mapping.size, bits};
}
Write entry_without(const Mapping& mapping, std::uint64_t bits) {
    return {wire::Op::Code::clear_bits, mapping.table, mapping.offset, mapping.size, bits};
}

// clang-format off

/// One row at CPL 0 and one at CPL 3, which differ in the error code.
void page_fault(InstructionTable& table, const Mapping& mapping, std::string_view variant,
                std::string_view program, const Write& entry, std::uint32_t error_code,
                bool supervisor_faults = true,
                const std::source_location& where = std::source_location::current()) {
    const bool fetches = program == "raise_pf_fetch";
    const Value target = fetches ? code_offset(mapping.address) : Value{mapping.address};
    for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
        if (cpl == 0 && !supervisor_faults) {
            continue;
        }
        exception(table, {.variant = variant, .program = program,
                          .delivery = {.vector = 14,
                                       .error_code = error_code | (cpl == 3 ? user : 0),
                                       .return_rip = fetches ? target : at_insn},
                          .modes = mapping.modes,
                          .cpl3 = cpl == 3 ? AtCpl3::only : AtCpl3::not_run,
                          .setup = join(mapping.setup, {entry, l2_register(Register::rdi, target),
                                                        vmcb_field(field::cr2, old_cr2)}),
                          .saved_rip = fetches ? target : at_insn,
                          .exit_info_2 = mapping.address,
                          .instruction_bytes = fetches ? InstructionBytes::none
                                                       : InstructionBytes::stored,
                          .written_last = {.fields = {{field::cr2, mapping.address}}}},
                  where);
    }
}

void page_faults_of(InstructionTable& table, const Mapping& mapping) {
    const std::string_view read_it = "raise_pf_read";
    const std::string_view write_it = "raise_pf_write";
    const std::string_view fetch_it = "raise_pf_fetch";
    const Write absent = entry_without(mapping, world::present);
    const Write read_only = entry_without(mapping, world::writable);
    const Write supervisor = entry_without(mapping, world::user);
    const Write with_reserved = entry_with(mapping, mapping.reserved_bit);
    // The error code tells fetches apart only where no-execute pages are enabled.
    const std::uint32_t fetch_bit = mapping.has_no_execute ? fetch : 0;

    page_fault(table, mapping, "read_absent",      read_it,  absent,        0);
    page_fault(table, mapping, "write_absent",     write_it, absent,        write);
    page_fault(table, mapping, "fetch_absent",     fetch_it, absent,        fetch_bit);
    page_fault(table, mapping, "write_read_only",  write_it, read_only,     protection | write);
    page_fault(table, mapping, "read_supervisor",  read_it,  supervisor,    protection, false);
    page_fault(table, mapping, "write_supervisor", write_it, supervisor,    protection | write, false);
    page_fault(table, mapping, "fetch_supervisor", fetch_it, supervisor,    protection | fetch_bit, false);
    if (mapping.reserved_bit != 0) {
        page_fault(table, mapping, "read_reserved",  read_it,  with_reserved, protection | reserved);
        page_fault(table, mapping, "write_reserved", write_it, with_reserved, protection | reserved | write);
    }
    if (mapping.has_no_execute) {
        page_fault(table, mapping, "fetch_no_execute", fetch_it, entry_with(mapping, no_execute), protection | fetch);
    }
}

/// #NP while #PF is being delivered: the #PF has written CR2 by then. APM2 8.2.9, 15.12.9.
void double_fault_of(InstructionTable& table, const Mapping& mapping) {
    exception(table, {.variant = "page_fault", .program = "raise_pf_read",
                      .delivery = {.vector = 8, .error_code = 0, .return_rip_defined = false},
                      .modes = mapping.modes & gated_modes,
                      .setup = join(join(mapping.setup,
                                         {entry_without(mapping, world::present),
                                          l2_register(Register::rdi, mapping.address),
                                          vmcb_field(field::cr2, old_cr2)}),
                                    absent_gate(14)),
                      .written_first = {.fields = {{field::cr2, mapping.address}}},
                      .reaches_idt = true,
                      .also_meets = {Intercept::exception_pf, Intercept::exception_np}});
}

/// Addresses that only long mode has: above 4 GiB, where EXITINFO2 needs all its bits.
void above_4_gib(InstructionTable& table) {
    for (const auto& [variant, program, error_code] : {
             std::tuple{"read_high", "raise_pf_read", 0u},
             std::tuple{"write_high", "raise_pf_write", write}}) {
        exception(table, {.variant = variant, .program = program,
                          .delivery = {.vector = 14, .error_code = error_code},
                          .modes = only_long64, .cpl3 = AtCpl3::not_run,
                          .setup = {l2_register(Register::rdi, world::unmapped | 0x123),
                                    vmcb_field(field::cr2, old_cr2)},
                          .exit_info_2 = world::unmapped | 0x123,
                          .instruction_bytes = InstructionBytes::stored,
                          .written_last = {.fields = {{field::cr2, world::unmapped | 0x123}}}});
    }
}
/// A page with a protection key that PKRU closes, altogether or for writes. The program sets PKRU,
/// which no VMCB holds, and is left with that in EAX. APM2 5.6.6.
void protection_key_of(InstructionTable& table, const Mapping& mapping) {
    constexpr std::uint32_t key_fault = 0x20;
    constexpr std::uint64_t key_1 = std::uint64_t{1} << 59;
    constexpr std::uint64_t protection_keys = std::uint64_t{1} << 22; // CR4.PKE
    struct Access { std::string_view variant, program; std::uint32_t error_code; std::uint64_t pkru; };
    for (const Access& access : {
             Access{"read_protection_key",  "raise_pf_read_key",  protection | key_fault,         4},
             Access{"write_protection_key", "raise_pf_write_key", protection | key_fault | write, 8}}) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            exception(table, {.variant = access.variant, .program = access.program,
                              .delivery = {.vector = 14,
                                           .error_code = access.error_code | (cpl == 3 ? user : 0)},
                              .needs = svm::Feature::pku,
                              .modes = only_long64 | only(L2Mode::compat),
                              .cpl3 = cpl == 3 ? AtCpl3::only : AtCpl3::not_run,
                              .setup = {entry_with(mapping, key_1),
                                        vmcb_set(field::cr4, protection_keys),
                                        l2_register(Register::rdi, mapping.address),
                                        vmcb_field(field::cr2, old_cr2)},
                              .exit_info_2 = mapping.address,
                              .instruction_bytes = InstructionBytes::stored,
                              .written_first = {.fields = {{field::rax, access.pkru}},
                                                .registers = {{Register::rcx, 0}, {Register::rdx, 0}}},
                              .written_last = {.fields = {{field::cr2, mapping.address}}}});
        }
    }
}
// clang-format on

void page_faults(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const Mapping& mapping : mappings) {
        page_faults_of(table, mapping);
        double_fault_of(table, mapping);
    }
    protection_key_of(table, mappings[0]);
    above_4_gib(table);
}

const Registration registration{page_faults};

} // namespace
} // namespace vmrunit::cases
