// SPDX-License-Identifier: GPL-2.0-only
// __svm_stgi, __svm_clgi, __svm_invlpga, and what all intrinsics do while EFER.SVME is clear.
// __svm_skinit never returns where it works, so what is seen of it is that it is intercepted
// (intercept/skinit) and where it is refused. APM2 15.4, 15.16, 15.17.

#include "cases/model/l1_case.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

using svm::Feature;

constexpr std::uint64_t invalid_opcode = 6;

void global_interrupt_flag(Catalogue& catalogue) {
    for (const auto& [kind, name] :
         {std::pair{0u, std::string{"interrupt"}}, std::pair{1u, std::string{"nmi"}}}) {
        CallExpectation held;
        held.values = {reported("arrived while GIF was clear", 0),
                       reported("IF changed by CLGI", 0), reported("arrived behind STGI", 1)};
        const std::string clgi = "intrinsics/clgi/holds_" + name;
        add_l1_case(catalogue, {.name = clgi,
                                .title = "Events wait while GIF is clear, whatever IF says.",
                                .manual = "APM2 15.17",
                                .needs = Feature::apic,
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"clgi_holds", kind}},
                                .expectations = {held}});
        CallExpectation arrives;
        arrives.values = {reported("arrived", 1)};
        const std::string stgi = "intrinsics/stgi/admits_" + name;
        add_l1_case(catalogue, {.name = stgi,
                                .title = "With GIF set events arrive at once.",
                                .manual = "APM2 15.17",
                                .needs = Feature::apic,
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"stgi_again", kind}},
                                .expectations = {arrives}});
    }
}

void invlpga(Catalogue& catalogue) {
    CallExpectation remapped;
    remapped.values = {reported("read before", 0x1111'1111'1111'1111),
                       reported("read behind INVLPGA", 0x2222'2222'2222'2222),
                       reported("fault", 0)};
    add_l1_case(catalogue, {.name = "intrinsics/invlpga/drops_translation",
                            .title = "With ASID 0 it drops a translation of L1's own.",
                            .manual = "APM2 15.16",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"invlpga_remaps"}},
                            .expectations = {remapped}});
    CallExpectation no_fault;
    no_fault.values = {reported("came to its end", 1)};
    for (const std::uint32_t asid : {0u, 1u, 2u}) {
        const std::string name = "intrinsics/invlpga/asid_" + std::to_string(asid);
        add_l1_case(catalogue, {.name = name,
                                .title = "Addresses that are mapped, not mapped and out of reach.",
                                .manual = "APM2 15.16",
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"invlpga_anywhere", asid}},
                                .expectations = {no_fault}});
    }
}

void without_svme(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {reported("fault: vector + 1", invalid_opcode + 1)};
    for (const std::string name : {"vmrun", "vmload", "vmsave", "clgi", "invlpga"}) {
        const std::string full = "intrinsics/" + name + "/svme_clear";
        add_l1_case(catalogue, {.name = full,
                                .title = "Without EFER.SVME it is an invalid opcode.",
                                .manual = "APM2 15.4",
                                .l1_modes = all_l1_modes,
                                .steps = {Call{name + "_without_svme"}},
                                .expectations = {expected}});
    }
    // STGI is the way back from SKINIT's secure loader, which runs without EFER.SVME. Where SVM can
    // be locked both may be there without it, too (APM2 15.31): no row asks for either there.
    const svm::Features either{Feature::skinit, Feature::svm_lock};
    CallExpectation works;
    works.values = {reported("fault: vector + 1", 0)};
    add_l1_case(catalogue, {.name = "intrinsics/stgi/svme_clear",
                            .title = "On a CPU with SKINIT it works without EFER.SVME.",
                            .manual = "APM2 15.17",
                            .needs = Feature::skinit,
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"stgi_without_svme"}},
                            .expectations = {works}});
    add_l1_case(catalogue, {.name = "intrinsics/stgi/svme_clear_without_skinit",
                            .title = "On a CPU with neither it is an invalid opcode then.",
                            .manual = "APM2 15.4",
                            .without = either,
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"stgi_without_svme"}},
                            .expectations = {expected}});
    add_l1_case(catalogue, {.name = "intrinsics/skinit/svme_clear_without_skinit",
                            .title = "On a CPU with neither it is an invalid opcode then.",
                            .manual = "APM2 15.4",
                            .without = either,
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"skinit_without_svme"}},
                            .expectations = {expected}});
    // VMMCALL is for guests. Where L1 is one itself its hypervisor may take it for a hypercall.
    for (const std::string name : {"without_svme", "with_svme"}) {
        add_l1_case(catalogue, {.name = "instructions/vmmcall/in_l1_" + name,
                                .title = "In a host VMMCALL is an invalid opcode.",
                                .manual = "APM2 15.4, APM3 VMMCALL",
                                .without = Feature::hypervisor,
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"vmmcall_" + name}},
                                .expectations = {expected}});
    }
}

void other_intrinsics(Catalogue& catalogue) {
    global_interrupt_flag(catalogue);
    invlpga(catalogue);
    without_svme(catalogue);
}

const Registration registration{other_intrinsics};

} // namespace
} // namespace vmrunit::cases
