// SPDX-License-Identifier: GPL-2.0-only
// SPEC_CTRL of L2, which the VMCB holds where the CPU virtualizes it. APM2 15.37.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/msr.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

/// A CPU that virtualizes the register has all three.
struct Bit {
    std::string name;
    std::uint64_t value;
};

const std::string prefix = "fields/" + name_of(field::spec_ctrl) + "/";

/// While L2 runs both values are in force, and each keeps its own. What L2 reads then no source
/// says firmly.
void beside_that_of_l1(Catalogue& catalogue) {
    constexpr std::uint64_t ibrs = 1;
    constexpr std::uint64_t ssbd = 4;
    const L1Write of_l1{wire::L1Register::msr, svm::msr::spec_ctrl, ssbd};
    each_paging(L2Mode::long64, [&](const L2Start& start) {
        ExitExpectation stored = program_ends();
        stored.fields = {{field::rax, {}, ~std::uint64_t{0}, Match::free},
                         {field::spec_ctrl, ibrs}};
        stored.registers = {{Register::rdx, 0}};
        add_guest_case(catalogue,
                       {.name = prefix + "stored/ibrs_beside_ssbd_of_l1",
                        .title = "The exit stores what L2 wrote, and nothing of L1's.",
                        .manual = "APM2 15.37",
                        .needs = Feature::spec_ctrl,
                        .program = "wrmsr",
                        .steps = {of_l1, l2_register(Register::rcx, svm::msr::spec_ctrl),
                                  l2_register(Register::rax, ibrs), l2_register(Register::rdx, 0)},
                        .exit = stored},
                       start);
    });
    CallExpectation kept;
    kept.values = {reported("SPEC_CTRL of L1 changed", 0)};
    add_l1_case(catalogue,
                {.name = prefix + "l1_keeps_its_own/ssbd_beside_ibrs_of_l2",
                 .title = "What L2 writes is not L1's, which has a value of its own.",
                 .manual = "APM2 15.37",
                 .needs = Feature::spec_ctrl,
                 .program = "set_spec_ctrl",
                 .steps = {of_l1, vmcb_field(field::rip, at_start), vmcb_field(field::rax, ibrs),
                           Call{"vmrun_keeps_msr", svm::msr::spec_ctrl}},
                 .expectations = {kept}});
}

void spec_ctrl(Catalogue& catalogue) {
    beside_that_of_l1(catalogue);
    for (const Bit& bit : {Bit{"ibrs", 1}, Bit{"stibp", 2}, Bit{"ssbd", 4}, Bit{"all", 7}}) {
        const svm::Features needs = Feature::spec_ctrl;
        each_paging(L2Mode::long64, [&](const L2Start& start) {
            ExitExpectation loaded = program_ends();
            loaded.fields = {{field::rax, bit.value}};
            loaded.registers = {{Register::rdx, 0}};
            add_guest_case(catalogue,
                           {.name = prefix + "loaded/" + bit.name,
                            .title = "L2 reads what the VMCB holds.",
                            .manual = "APM2 15.37",
                            .needs = needs,
                            .program = "rdmsr",
                            .steps = {vmcb_field(field::spec_ctrl, bit.value),
                                      l2_register(Register::rcx, svm::msr::spec_ctrl)},
                            .exit = loaded},
                           start);
            ExitExpectation stored = program_ends();
            stored.fields = {{field::rax, bit.value}, {field::spec_ctrl, bit.value}};
            stored.registers = {{Register::rdx, 0}};
            add_guest_case(
                catalogue,
                {.name = prefix + "stored/" + bit.name,
                 .title = "The exit stores what L2 wrote.",
                 .manual = "APM2 15.37",
                 .needs = needs,
                 .program = "wrmsr",
                 .steps = {l2_register(Register::rcx, svm::msr::spec_ctrl),
                           l2_register(Register::rax, bit.value), l2_register(Register::rdx, 0)},
                 .exit = stored},
                start);
        });
        CallExpectation kept;
        kept.values = {reported("SPEC_CTRL of L1 changed", 0)};
        const std::string name = prefix + "l1_keeps_its_own/" + bit.name;
        add_l1_case(catalogue,
                    {.name = name,
                     .title = "What L2 writes is not L1's.",
                     .manual = "APM2 15.37",
                     .needs = needs,
                     .program = "set_spec_ctrl",
                     .steps = {vmcb_field(field::rip, at_start), vmcb_field(field::rax, bit.value),
                               Call{"vmrun_keeps_msr", svm::msr::spec_ctrl}},
                     .expectations = {kept}});
    }
}

const Registration registration{spec_ctrl};

} // namespace
} // namespace vmrunit::cases
