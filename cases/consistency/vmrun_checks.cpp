// SPDX-License-Identifier: GPL-2.0-only
// What VMRUN refuses with VMEXIT_INVALID, and next to it what it must not refuse. APM2 15.5.1,
// "Canonicalization and Consistency Checks".

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;

constexpr std::string_view manual = "APM2 15.5.1";

constexpr std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}

struct Options {
    L2Mode mode = L2Mode::long64;
    bool nested_paging = false;
};

class Checks {
public:
    explicit Checks(Catalogue& catalogue) : catalogue_(catalogue) {}

    void refused(std::string_view name, std::string_view title, std::vector<Step> setup,
                 const Options& options,
                 const std::source_location& where = std::source_location::current()) {
        ExitExpectation exit;
        exit.exit_code = svm::ExitCode::invalid;
        add(name, title, std::move(setup), options, std::move(exit), where);
    }
    void refused(std::string_view name, std::string_view title, std::vector<Step> setup,
                 const std::source_location& where = std::source_location::current()) {
        refused(name, title, std::move(setup), Options{}, where);
    }

    void entered(std::string_view name, std::string_view title, std::vector<Step> setup,
                 std::vector<FieldExpectation> fields = {}, const Options& options = {},
                 const std::source_location& where = std::source_location::current()) {
        ExitExpectation exit;
        exit.fields = std::move(fields);
        add(name, title, std::move(setup), options, std::move(exit), where);
    }

    /// Each of the bits alone makes VMRUN refuse.
    void refused_bits(std::string_view subject, std::string_view title, svm::FieldRef place,
                      std::uint64_t bits,
                      const std::source_location& where = std::source_location::current()) {
        for (unsigned number = 0; number < 64; ++number) {
            if ((bits & bit(number)) != 0) {
                refused(std::string{subject} + "/bit_" + std::to_string(number), title,
                        {vmcb_set(place, bit(number))}, Options{}, where);
            }
        }
    }

private:
    void add(std::string_view name, std::string_view title, std::vector<Step> steps,
             const Options& options, ExitExpectation exit, const std::source_location& where) {
        const std::string full = "consistency/" + std::string{name};
        steps.emplace_back(Run{});
        add_l1_case(catalogue_,
                    {.name = full,
                     .title = title,
                     .manual = manual,
                     .mode = options.mode,
                     .nested_paging = options.nested_paging,
                     .steps = std::move(steps),
                     .expectations = {std::move(exit)}},
                    where);
    }

    Catalogue& catalogue_;
};

// clang-format off

void control_registers(Checks& checks) {
    using namespace svm;
    checks.refused("cr0/cd0_nw1", "NW without CD.", {vmcb_set(field::cr0, cr0::nw)});
    checks.entered("cr0/cd1_nw0", "CD alone is legal.", {vmcb_set(field::cr0, cr0::cd)});
    checks.entered("cr0/cd1_nw1", "CD with NW is legal.", {vmcb_set(field::cr0, cr0::cd | cr0::nw)});
    checks.refused_bits("cr0", "CR0[63:32] must be zero.", field::cr0, cr0::must_be_zero);
    constexpr std::uint64_t reserved = 0x1ffa'ffc0;
    checks.entered("cr0/low_reserved", "Reserved bits of the lower half are nobody's business.",
                   {vmcb_set(field::cr0, reserved)}, {{field::cr0, {}, reserved, Match::free}});

    // Later CPUs may define bits from 24 on; in the upper half they are farthest away.
    checks.refused_bits("cr4", "A reserved bit of CR4.", field::cr4,
                        bit(13) | bit(14) | bit(15) | bit(19) | bit(32) | bit(47) | bit(63));
    checks.refused_bits("cr3", "Bits that no physical address has must be zero in long mode.",
                        field::cr3, bit(52) | bit(59) | bit(63));
    checks.entered("cr3/low_ignored", "The low bits that CR3 does not use are ignored.",
                   {vmcb_set(field::cr3, 7)}, {{field::cr3, {}, 7, Match::free}});
}

void debug_registers(Checks& checks) {
    using namespace svm;
    checks.refused_bits("dr6", "DR6[63:32] must be zero.", field::dr6, dr6::must_be_zero);
    checks.entered("dr6/low", "Every bit of DR6 that can be set.",
                   {vmcb_set(field::dr6, dr6::b0 | dr6::b1 | dr6::b2 | dr6::b3 | dr6::bd | dr6::bs | dr6::bt)});
    checks.refused_bits("dr7", "DR7[63:32] must be zero.", field::dr7, dr7::must_be_zero);
    // Breakpoints on the execution of address 0, where L2 does not go.
    checks.entered("dr7/low", "The enable bits of DR7.",
                   {vmcb_set(field::dr7, dr7::l0 | dr7::g1 | dr7::l2 | dr7::g3 | dr7::le | dr7::ge)});
}

void long_mode(Checks& checks) {
    using namespace svm;
    checks.refused("efer/svme_clear", "EFER.SVME must be set.", {vmcb_clear(field::efer, efer::svme)});
    checks.refused_bits("efer", "A reserved bit of EFER.", field::efer, efer::must_be_zero);
    checks.refused("efer/lme_pg_no_pae", "LME and PG without CR4.PAE.",
                   {vmcb_clear(field::cr4, cr4::pae)});
    checks.refused("efer/lme_pg_no_pe", "LME and PG without CR0.PE.",
                   {vmcb_clear(field::cr0, cr0::pe)});
    const std::uint64_t default_size = SegmentAttributes::default_size.mask();
    const std::uint64_t long_code = SegmentAttributes::long_mode.mask();
    checks.refused("cs/l_and_d", "Code cannot be 64-bit and 32-bit at once.",
                   {vmcb_set(field::cs_attributes, default_size)});
    checks.entered("cs/l_and_d_in_legacy_mode", "Outside long mode CS.L means nothing.",
                   {vmcb_set(field::cs_attributes, long_code)},
                   {{field::cs_attributes, {}, long_code, Match::free}}, {.mode = L2Mode::pae});
    // A CPU that believes it walks PAE tables instead. What it then takes for the last level around
    // L2's program is taken away, and the IDT too, so that it goes nowhere.
    checks.entered("efer/lma_clear", "EFER.LMA is not believed: it follows LME and PG.",
                   {vmcb_clear(field::efer, efer::lma), vmcb_field(field::idtr_limit, 0),
                    Write{wire::Op::Code::fill, Region::pd, 0x800, 0, 0x1800}});
    checks.entered("efer/lma_set_in_legacy_mode", "EFER.LMA is not believed: it follows LME and PG.",
                   {vmcb_set(field::efer, efer::lma)}, {}, {.mode = L2Mode::pae});
}

void controls(Checks& checks) {
    using svm::Intercept;
    Write no_vmrun = intercepting(Intercept::vmrun);
    no_vmrun.code = wire::Op::Code::clear_bits;
    checks.refused("intercept/vmrun_clear", "The intercept of VMRUN must be set.", {no_vmrun});
    checks.refused("asid/0", "ASID 0 is the host's.", {vmcb_field(field::guest_asid, 0)});
    checks.entered("asid/1", "The first ASID of a guest.", {vmcb_field(field::guest_asid, 1)});
    checks.entered("asid/2", "The next one.", {vmcb_field(field::guest_asid, 2)});

    for (const auto& [name, place] : {std::pair{"iopm", field::iopm_base_pa},
                                      std::pair{"msrpm", field::msrpm_base_pa}}) {
        const std::string subject{name};
        checks.refused(subject + "/beyond_memory", "The map lies where no physical address is.",
                       {vmcb_field(place, bit(52))});
        checks.entered(subject + "/low_bits_ignored", "The low 12 bits of the address are ignored.",
                       {vmcb_set(place, 0xfff)});
    }
}

void event_injection(Checks& checks) {
    const auto inject = [](EventInformation event) {
        return std::vector<Step>{vmcb_field(field::event_injection, event.value)};
    };
    for (const std::uint8_t type : {1, 5, 6, 7}) {
        checks.refused("event_injection/type_" + std::to_string(type), "A reserved type of event.",
                       inject(EventInformation::event(static_cast<EventType>(type), 0x40)));
    }
    for (const std::uint8_t vector : {2, 32, 255}) {
        checks.refused("event_injection/exception_" + std::to_string(vector),
                       "No exception has this vector.",
                       inject(EventInformation::event(EventType::exception, vector)));
    }
    checks.entered("event_injection/not_valid", "Without V nothing is looked at.",
                   inject(EventInformation::event(static_cast<EventType>(7), 0xff)
                              .with(EventInformation::valid, 0)));
}

void paging(Checks& checks) {
    const Options nested{.nested_paging = true};
    for (const unsigned number : {52u, 57u, 63u}) {
        checks.refused("n_cr3/bit_" + std::to_string(number),
                       "Bits that no physical address has must be zero in N_CR3.",
                       {vmcb_set(field::n_cr3, bit(number))}, nested);
    }
    checks.entered("n_cr3/without_nested_paging", "Without nested paging N_CR3 is not looked at.",
                   {vmcb_field(field::n_cr3, ~std::uint64_t{0})});
    for (const std::uint64_t type : {2u, 3u, 8u, 0x80u}) {
        const std::string number = std::to_string(type);
        for (const unsigned entry : {0u, 7u}) {
            const std::uint64_t pat = (svm::pat_reset & ~(std::uint64_t{0xff} << (8 * entry))) |
                                      type << (8 * entry);
            const std::string name = "g_pat/entry_" + std::to_string(entry) + "_type_" + number;
            checks.refused(name, "A memory type that does not exist.",
                           {vmcb_field(field::g_pat, pat)}, nested);
        }
    }
    checks.entered("g_pat/without_nested_paging", "Without nested paging G_PAT is not looked at.",
                   {vmcb_field(field::g_pat, 2)});
    // The present bit of a PDPTE makes its reserved bits count.
    for (const unsigned number : {1u, 2u, 5u, 60u}) {
        const auto entry = static_cast<std::uint32_t>(number % 4 * 8);
        checks.refused("pdpte/bit_" + std::to_string(number),
                       "A reserved bit of a PDPTE, without nested paging.",
                       {Write{wire::Op::Code::set_bits, Region::pae_pdpt, entry, 8, bit(number)}},
                       {.mode = L2Mode::pae});
    }
    checks.entered("pdpte/not_present", "A PDPTE that is not present has no reserved bits.",
                   {Write{wire::Op::Code::write, Region::pae_pdpt, 24, 8, 0x66}}, {},
                   {.mode = L2Mode::pae});
}

// clang-format on

/// A refusal leaves nothing behind: mended, the same VMCB runs.
void refused_then_entered(Catalogue& catalogue) {
    ExitExpectation refused;
    refused.exit_code = svm::ExitCode::invalid;
    add_l1_case(catalogue, {.name = "consistency/refusal/then_entry",
                            .title = "After a refusal the mended VMCB runs.",
                            .manual = manual,
                            .steps = {vmcb_field(field::guest_asid, 0), Run{},
                                      vmcb_field(field::guest_asid, 1), Run{}},
                            .expectations = {refused, ExitExpectation{}}});
}

void vmrun_checks(Catalogue& catalogue) {
    Checks checks{catalogue};
    control_registers(checks);
    debug_registers(checks);
    long_mode(checks);
    controls(checks);
    event_injection(checks);
    paging(checks);
    refused_then_entered(catalogue);
}

const Registration registration{vmrun_checks};

} // namespace
} // namespace vmrunit::cases
