// SPDX-License-Identifier: GPL-2.0-only
// The MSRs of SVM in L1, and L2's time stamps. APM2 15.30.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/msr.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

constexpr std::uint64_t general_protection = 13 + 1; ///< As routines report a fault.

void host_save_area(Catalogue& catalogue) {
    for (unsigned number = 0; number < 12; ++number) {
        CallExpectation faults;
        faults.values = {reported("fault: vector + 1", general_protection),
                         reported("VM_HSAVE_PA changed by it", 0)};
        const std::string name =
            "instructions/vm_hsave_pa/misaligned_bit_" + std::to_string(number);
        add_l1_case(catalogue, {.name = name,
                                .title = "The host save area is a page.",
                                .manual = "APM2 15.30.4",
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"hsave_write_bit", number}},
                                .expectations = {faults}});
    }
    CallExpectation none;
    none.values = {reported("bits beyond physical addresses that can be written", 0)};
    add_l1_case(catalogue, {.name = "instructions/vm_hsave_pa/beyond_memory",
                            .title = "No physical address has these bits.",
                            .manual = "APM2 15.30.4",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"hsave_write_beyond"}},
                            .expectations = {none}});
    CallExpectation same;
    same.values = {reported("read, as it differs from what was written", 0)};
    add_l1_case(catalogue, {.name = "instructions/vm_hsave_pa/read_back",
                            .title = "What is written can be read.",
                            .manual = "APM2 15.30.4",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"hsave_read_back"}},
                            .expectations = {same}});
}

void vm_cr(Catalogue& catalogue) {
    CallExpectation none;
    none.values = {reported("reserved bits that can be written", 0)};
    add_l1_case(catalogue, {.name = "instructions/vm_cr/reserved_bits",
                            .title = "Reserved bits of VM_CR must be zero.",
                            .manual = "APM2 15.30.1",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"vm_cr_reserved"}},
                            .expectations = {none}});
    // Of DPD and DIS_A20M, which are about what is outside the CPU, no source says it.
    CallExpectation kept;
    kept.values = {reported("reads as written, set", 1), reported("reads as written, clear", 1)};
    add_l1_case(catalogue, {.name = "instructions/vm_cr/r_init",
                            .title = "R_INIT is what L1 makes of it.",
                            .manual = "APM2 15.30.1",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"vm_cr_r_init"}},
                            .expectations = {kept}});
    CallExpectation faults;
    faults.values = {reported("fault: vector + 1", general_protection),
                     reported("VM_CR changed by it", 0)};
    // A subject that sets it cannot go back to SVM once a later case has left it.
    add_l1_case(catalogue, {.name = "instructions/vm_cr/disable_while_enabled",
                            .title = "SVMDIS cannot be set while EFER.SVME is.",
                            .manual = "APM2 15.30.1",
                            .without = Feature::vm_cr_locked,
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"vm_cr_disable"}},
                            .expectations = {faults},
                            .ends_machine = true});
}

void ignne(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {reported("reads as written, clear", 1), reported("reads as written, set", 1),
                       reported("reserved bits that can be written", 0)};
    add_l1_case(catalogue, {.name = "instructions/ignne/bits",
                            .title = "IGNNE has one bit; the others must be zero.",
                            .manual = "APM2 15.30.2",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"ignne_bits"}},
                            .expectations = {expected}});
}

void revision(Catalogue& catalogue) {
    CallExpectation first;
    first.values = {reported("revision", 1)};
    add_l1_case(catalogue, {.name = "instructions/cpuid/svm_revision",
                            .title = "The revision of SVM is 1.",
                            .manual = "APM2 15.4",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"svm_revision"}},
                            .expectations = {first}});
}

/// How L2 reads the counter.
struct Reader {
    std::string name;
    std::string_view program;
    svm::Features needs{};
};
const Reader readers[] = {{"rdtsc", "store_rdtsc"},
                          {"rdtscp", "store_rdtscp", Feature::rdtscp},
                          {"rdmsr", "store_rdmsr_tsc"}};

/// With offsets that carry, borrow and wrap.
void time_stamps(Catalogue& catalogue) {
    for (const Reader& reader : readers) {
        for (const std::uint64_t offset :
             {std::uint64_t{0}, std::uint64_t{1} << 32, std::uint64_t{1} << 62,
              ~std::uint64_t{0} << 32, ~std::uint64_t{0}, std::uint64_t{1} << 63,
              std::uint64_t{0x7fff'ffff'ffff'ffff}}) {
            CallExpectation expected;
            expected.values = {reported("lies between L1's readings plus TSC_OFFSET", 1),
                               reported("L1's own readings are in order", 1)};
            const std::string name =
                "fields/control_tsc_offset/added/" + reader.name + "_" + hex_name(offset);
            add_l1_case(
                catalogue,
                {.name = name,
                 .title = "L2's time stamp is L1's plus TSC_OFFSET; L1's own is not moved.",
                 .manual = "APM2 15.30.5",
                 .needs = reader.needs,
                 .program = reader.program,
                 .l1_modes = all_l1_modes,
                 .steps = {vmcb_field(field::rip, at_start), vmcb_field(field::tsc_offset, offset),
                           vmcb_field(field::rax, l2_data), Call{"vmrun_reads_tsc"}},
                 .expectations = {expected}});
        }
    }
}

/// Offset and ratio differ in each row. L1's own counter is what it would be. MPERF has no offset.
void scaled_time_stamps(Catalogue& catalogue) {
    for (const std::uint32_t ratio : {0x40u, 0x100u, 0x180u, 0x200u}) {
        const std::vector<Step> offset{vmcb_field(field::rip, at_start),
                                       vmcb_field(field::tsc_offset, std::uint64_t{ratio} << 40),
                                       vmcb_field(field::rax, l2_data)};
        CallExpectation expected;
        expected.values = {reported("lies between L1's readings, scaled, plus TSC_OFFSET", 1),
                           reported("L1 reads its own counter unscaled", 1)};
        for (const Reader& reader : readers) {
            const std::string by = reader.name == "rdtsc" ? "" : reader.name + "_";
            const std::string name = "instructions/tsc_ratio/scales/" + by + hex_name(ratio);
            add_l1_case(catalogue, {.name = name,
                                    .title = "The ratio, in 256ths, multiplies what L2 reads.",
                                    .manual = "APM2 15.30.5",
                                    .needs = reader.needs | Feature::tsc_rate_msr,
                                    .program = reader.program,
                                    .l1_modes = all_l1_modes,
                                    .steps = join(offset, {Call{"vmrun_scales_tsc", ratio}}),
                                    .expectations = {expected}});
        }
        CallExpectation performance;
        performance.values = {reported("lies between L1's readings, scaled", 1),
                              reported("L1 reads its own counter unscaled", 1)};
        add_l1_case(catalogue, {.name = "instructions/tsc_ratio/scales_mperf/" + hex_name(ratio),
                                .title = "So it does MPERF, which TSC_OFFSET is not added to.",
                                .manual = "APM2 15.30.5",
                                .needs = {Feature::tsc_rate_msr, Feature::effective_frequency},
                                .program = "store_rdmsr_mperf",
                                .l1_modes = all_l1_modes,
                                .steps = join(offset, {Call{"vmrun_scales_mperf", ratio}}),
                                .expectations = {performance}});
    }
    CallExpectation none;
    none.values = {reported("reserved bits that can be written", 0)};
    add_l1_case(catalogue, {.name = "instructions/tsc_ratio/reserved_bits",
                            .title = "The ratio has 40 bits; the others must be zero.",
                            .manual = "APM2 15.30.5",
                            .needs = Feature::tsc_rate_msr,
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"tsc_ratio_reserved"}},
                            .expectations = {none}});
    CallExpectation same;
    same.values = {reported("read, as it differs from what was written", 0)};
    add_l1_case(catalogue, {.name = "instructions/tsc_ratio/read_back",
                            .title = "Each of its bits can be written, and read.",
                            .manual = "APM2 15.30.5",
                            .needs = Feature::tsc_rate_msr,
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"tsc_ratio_read_back"}},
                            .expectations = {same}});
}

/// Registers that can be written only. A CPU that does not have SMM_CTL, and says so in CPUID, has
/// the same #GP for it; it is never written here, for that would take L1 into SMM.
void write_only(Catalogue& catalogue) {
    struct Register {
        std::string_view name;
        std::string_view title;
        std::string_view manual;
        std::uint32_t number;
        svm::Features needs{};
    };
    for (const Register& of :
         {Register{"instructions/avic_doorbell/read", "AVIC's doorbell can be written only.",
                   "APM2 15.29", svm::msr::avic_doorbell, Feature::avic},
          Register{"instructions/smm_ctl/read", "SMM_CTL can be written only.", "APM2 15.30.3",
                   svm::msr::smm_ctl}}) {
        CallExpectation faults;
        faults.values = {reported("fault of the read: vector + 1", general_protection),
                         reported("fault of reading VM_CR: vector + 1", 0)};
        add_l1_case(catalogue, {.name = std::string{of.name},
                                .title = of.title,
                                .manual = of.manual,
                                .needs = of.needs,
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"msr_read_faults", of.number}},
                                .expectations = {faults}});
    }
}

/// The ratio is in 256ths, and 0 where a CPU has none.
void written_time_stamps(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {reported("L2 reads on from what it wrote", 1),
                       reported("and so does L1", 1)};
    const auto row = [&](std::string_view name, std::string_view title, svm::Features needs,
                         std::uint32_t ratio) {
        add_l1_case(catalogue,
                    {.name = name,
                     .title = title,
                     .manual = "APM2 15.30.5",
                     .needs = needs,
                     .program = "store_tsc_written",
                     .l1_modes = all_l1_modes,
                     .steps = {vmcb_field(field::rip, at_start), vmcb_field(field::rax, l2_data),
                               Call{"l2_writes_tsc", ratio}},
                     .expectations = {expected}});
    };
    row("instructions/tsc/written_by_l2", "There is one counter: what L2 writes, L1 has.", {}, 0);
    expected.values = {reported("L2 reads on from what it wrote, scaled", 1),
                       reported("L1 reads on from it unscaled", 1)};
    row("instructions/tsc_ratio/written_by_l2/180",
        "The ratio is for reading: a write is not scaled.", Feature::tsc_rate_msr, 0x180);
    row("instructions/tsc_ratio/written_by_l2/200",
        "The ratio is for reading: a write is not scaled.", Feature::tsc_rate_msr, 0x200);
}

void svm_msrs(Catalogue& catalogue) {
    host_save_area(catalogue);
    vm_cr(catalogue);
    ignne(catalogue);
    revision(catalogue);
    time_stamps(catalogue);
    scaled_time_stamps(catalogue);
    written_time_stamps(catalogue);
    write_only(catalogue);
}

const Registration registration{svm_msrs};

} // namespace
} // namespace vmrunit::cases
