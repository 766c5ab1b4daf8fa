// SPDX-License-Identifier: GPL-2.0-only
// What a CPU may keep of a VMCB and of translations, seen from outside: a clean bit that is set
// after no change is harmless, one that is clear makes the CPU read again, a VMCB at another
// address is a new one; and TLB_CONTROL and the ASID, which no L2 notices. APM2 15.15, 15.16.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::CleanBits;
using svm::Feature;
using svm::Intercept;

struct CleanBit {
    std::string_view name;
    CleanBits::Range bit;
};
constexpr CleanBit clean_bits[] = {
    {"intercepts", CleanBits::intercepts},
    {"iopm", CleanBits::iopm},
    {"asid", CleanBits::asid},
    {"tpr", CleanBits::tpr},
    {"np", CleanBits::np},
    {"crx", CleanBits::crx},
    {"drx", CleanBits::drx},
    {"dt", CleanBits::dt},
    {"seg", CleanBits::seg},
    {"cr2", CleanBits::cr2},
    {"lbr", CleanBits::lbr},
    {"avic", CleanBits::avic},
    {"cet", CleanBits::cet},
};
constexpr std::uint32_t all_clean = 0x1fff;

/// The same VMCB twice, unchanged but for the clean bits.
void set_after_no_change(Catalogue& catalogue, const L2Start& start) {
    const auto twice = [&](std::string_view name, std::uint32_t bits) {
        add_guest_case(catalogue,
                       {.name = "caching/clean_set/" + std::string{name},
                        .title = "A clean bit that is set after no change is harmless.",
                        .manual = "APM2 15.15",
                        .then = {vmcb_field(field::clean_bits, bits), Run{}},
                        .then_expected = {program_ends()}},
                       start);
    };
    for (const CleanBit& one : clean_bits) {
        twice(one.name, static_cast<std::uint32_t>(one.bit.mask()));
    }
    twice("all", all_clean);
}

/// Every clean bit is set but the one whose group changed.
struct Change {
    std::string_view name;
    CleanBits::Range bit;
    std::string_view program;
    std::vector<Step> steps;
    ExitExpectation exit;
    bool only_nested = false;
    std::vector<Step> before{};                    ///< Of the first VMRUN too.
    std::vector<MemoryExpectation> first_memory{}; ///< What that one leaves.
    svm::Features needs{};
    bool confirmed = true;
};

void clear_after_change(Catalogue& catalogue, const L2Start& start) {
    using namespace svm;
    ExitExpectation cpuid_exit;
    cpuid_exit.exit_code = ExitCode::cpuid;
    ExitExpectation port_exit;
    port_exit.exit_code = ExitCode::ioio_prot;
    const auto reads = [](std::uint64_t value) {
        ExitExpectation exit = program_ends();
        exit.registers = {{Register::rbx, value}};
        return exit;
    };
    const auto reads_msr = [](std::uint32_t value) {
        ExitExpectation exit = program_ends();
        exit.fields = {{field::rax, value}};
        exit.registers = {{Register::rdx, 0}};
        return exit;
    };
    const auto stores_gdtr = [](std::uint16_t limit) {
        ExitExpectation exit = program_ends();
        exit.memory = {
            {Region::l2_memory, l2_data_offset, 2, limit},
            {Region::l2_memory, l2_data_offset + 2, 8, in_memory(offsetof(L2Memory, gdt))}};
        return exit;
    };
    const std::uint64_t cr0 = world::mode_registers(start.mode).cr0;
    ExitExpectation refused;
    refused.exit_code = ExitCode::invalid;
    ExitExpectation nested_fault;
    nested_fault.exit_code = ExitCode::npf;
    nested_fault.fields = {{field::exit_info_1, 0x2'0000'0006}};
    const Change changes[] = {
        {"intercepts",
         CleanBits::intercepts,
         "cpuid",
         {intercepting(Intercept::cpuid)},
         cpuid_exit},
        // Another map, one page behind the usual one and in part the same: 80h is another bit of
        // it.
        {"iopm",
         CleanBits::iopm,
         "out_80",
         {vmcb_field(field::iopm_base_pa, in_region(Region::io_permissions, page_size))},
         port_exit,
         false,
         {intercepting(Intercept::ioio_prot),
          Write{wire::Op::Code::write, Region::io_permissions, page_size + 0x80 / 8, 1, 1}}},
        {"asid", CleanBits::asid, "nothing", {vmcb_field(field::guest_asid, 0)}, refused},
        {"tpr",
         CleanBits::tpr,
         "read_cr8",
         {vmcb_field(field::virtual_interrupt, VirtualInterrupt{}
                                                   .with(VirtualInterrupt::v_tpr, 6)
                                                   .with(VirtualInterrupt::v_intr_masking)
                                                   .value)},
         reads(6)},
        // Nothing is mapped by a table whose entries are all zero.
        {"np",
         CleanBits::np,
         "nothing",
         {vmcb_field(field::n_cr3, in_region(Region::spare_vmcb)),
          Write{wire::Op::Code::fill, Region::spare_vmcb, 0, 0, 0}},
         nested_fault,
         true},
        {"crx",
         CleanBits::crx,
         "read_cr0",
         {vmcb_field(field::cr0, cr0 ^ cr0::ts)},
         reads(cr0 ^ cr0::ts)},
        {"drx",
         CleanBits::drx,
         "read_dr6",
         {vmcb_field(field::dr6, 0xffff'0ff3)},
         reads(0xffff'0ff3)},
        {"dt",
         CleanBits::dt,
         "sgdt",
         {vmcb_field(field::gdtr_limit, 0x1234)},
         stores_gdtr(0x1234),
         false,
         {l2_register(Register::rdi, l2_data)},
         stores_gdtr(sizeof(L2Memory::gdt) - 1).memory},
        {"seg", CleanBits::seg, "copy_ds", {vmcb_field(field::ds_selector, 0x20)}, reads(0x20)},
        {"cr2", CleanBits::cr2, "read_cr2", {vmcb_field(field::cr2, 0x1234)}, reads(0x1234)},
        {"lbr",
         CleanBits::lbr,
         "rdmsr",
         {vmcb_field(field::br_from, 0x1234'5678)},
         reads_msr(0x1234'5678),
         false,
         {vmcb_set(field::lbr_control, LbrControl::lbr_virtualization_enable.mask()),
          l2_register(Register::rcx, svm::msr::br_from)},
         {},
         Feature::lbrv,
         false},
    };
    for (const Change& change : changes) {
        if (change.only_nested && !start.nested_paging) {
            continue;
        }
        // Before the change the program runs to its end as well; what it does then stands
        // elsewhere.
        ExitExpectation first = program_ends();
        for (const Register reg : {Register::rbx, Register::rcx, Register::rdx}) {
            first.registers.push_back({reg, {}, ~std::uint64_t{0}, Match::free});
        }
        first.fields = {{field::rax, {}, ~std::uint64_t{0}, Match::free}};
        first.memory = change.first_memory;
        std::vector<Step> then = change.steps;
        then.emplace_back(vmcb_field(field::clean_bits,
                                     all_clean & ~static_cast<std::uint32_t>(change.bit.mask())));
        then.emplace_back(Run{});
        add_guest_case(catalogue,
                       {.name = "caching/clean_clear/" + std::string{change.name},
                        .title = "A clean bit that is clear makes the CPU read its group again.",
                        .manual = "APM2 15.15",
                        .needs = change.needs,
                        .program = change.program,
                        .steps = change.before,
                        .exit = first,
                        .then = std::move(then),
                        .then_expected = {change.exit},
                        .confirmed = change.confirmed},
                       start);
    }
}

/// What belongs to no group is read at each VMRUN, though every clean bit is set.
void in_no_group(Catalogue& catalogue, const L2Start& start) {
    struct Change {
        std::string_view name;
        std::string_view program;
        Step first, second;
        ExitExpectation before, after;
    };
    const auto copied = [](Value value) {
        ExitExpectation exit = program_ends();
        exit.registers = {{Register::rbx, value}};
        return exit;
    };
    using svm::EventInformation;
    using svm::EventType;
    const auto event = [](std::uint8_t vector) {
        return vmcb_field(field::event_injection,
                          EventInformation::event(EventType::interrupt, vector).value);
    };
    const auto handled = [&start](std::uint8_t vector) {
        return delivered(start, {.vector = vector, .return_rip = at_start});
    };
    const Change changes[] = {
        {"rax", "copy_rax", vmcb_field(field::rax, 0x1111), vmcb_field(field::rax, 0x2222),
         copied(0x1111), copied(0x2222)},
        {"rsp", "copy_rsp", vmcb_field(field::rsp, 0x1111), vmcb_field(field::rsp, 0x2222),
         copied(0x1111), copied(0x2222)},
        {"event_injection", "nothing", event(0x40), event(0x41), handled(0x40), handled(0x41)},
    };
    for (const Change& change : changes) {
        add_guest_case(catalogue,
                       {.name = "caching/no_group/" + std::string{change.name},
                        .title = "No clean bit covers it: it is read each time.",
                        .manual = "APM2 15.15",
                        .program = change.program,
                        .steps = {change.first},
                        .exit = change.before,
                        .then = {change.second, vmcb_field(field::clean_bits, all_clean), Run{}},
                        .then_expected = {change.after}},
                       start);
    }
}

void moved_vmcb(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {
        reported("lower half of the exit code", static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
        reported("CR2", 0x1234'5678), reported("DR6", 0xffff'0ff5), reported("V_TPR", 7)};
    for (const bool nested : {true, false}) {
        add_l1_case(catalogue,
                    {.name = "caching/moved_vmcb/clean_bits_set",
                     .title = "At another address no clean bit holds.",
                     .manual = "APM2 15.15",
                     .nested_paging = nested,
                     .l1_modes = all_l1_modes,
                     .steps = {vmcb_field(field::rip, at_start), Call{"vmrun_moved_vmcb"}},
                     .expectations = {expected},
                     .named_by_paging = true});
    }
}

void translations(Catalogue& catalogue, const L2Start& start) {
    for (const auto& [value, needs] :
         {std::pair{0u, svm::Features{}}, std::pair{1u, svm::Features{}},
          std::pair{3u, svm::Features{Feature::flush_by_asid}},
          std::pair{7u, svm::Features{Feature::flush_by_asid}}}) {
        add_guest_case(catalogue,
                       {.name = "caching/tlb_control/" + std::to_string(value),
                        .title = "L2 does not notice, and the field keeps its value.",
                        .manual = "APM2 15.16",
                        .needs = needs,
                        .steps = {vmcb_field(field::tlb_control, value)},
                        .then = {Run{}},
                        .then_expected = {program_ends()}},
                       start);
    }
    for (const std::uint32_t asid : {2u, 3u, 7u}) {
        add_guest_case(catalogue,
                       {.name = "caching/asid/" + std::to_string(asid),
                        .title = "Another ASID in between.",
                        .manual = "APM2 15.16",
                        .then = {vmcb_field(field::guest_asid, asid), Run{},
                                 vmcb_field(field::guest_asid, 1), Run{}},
                        .then_expected = {program_ends(), program_ends()}},
                       start);
    }
}

void caching(Catalogue& catalogue) {
    for (const bool nested_paging : {true, false}) {
        const L2Start start{L2Mode::long64, 0, nested_paging};
        set_after_no_change(catalogue, start);
        clear_after_change(catalogue, start);
        in_no_group(catalogue, start);
        translations(catalogue, start);
    }
    moved_vmcb(catalogue);
}

const Registration registration{caching};

} // namespace
} // namespace vmrunit::cases
