// SPDX-License-Identifier: GPL-2.0-only
// Machine checks, where whoever runs the machine raises one when asked. L2 asks and waits for it,
// with CR4.MCE set; without, the machine would shut down. APM2 9.3, 15.12.17, 15.17.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/machine_check.hpp"
#include "harness/wire/host_service.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace mc = svm::machine_check;
using svm::Feature;

constexpr svm::Features needed{Feature::mce, Feature::machine_check_service};

void machine_checks(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    constexpr auto asks = static_cast<std::uint8_t>(wire::HostService::machine_check);
    // L1 gets the registers back as they were: a second error while the first is in progress would
    // shut the machine down.
    const std::vector<Step> setup{L1Write{wire::L1Register::msr, mc::msr_global_status, 0},
                                  L1Write{wire::L1Register::msr, mc::msr_status_0, 0},
                                  vmcb_set(field::cr4, svm::cr4::mce),
                                  l2_register(Register::rax, asks)};
    exception(table, {.program = "await_mc",
                      .delivery = {.vector = 18},
                      .needs = needed,
                      .modes = protected_modes | real_modes,
                      .cpl3 = AtCpl3::not_run,
                      .setup = setup});
    // At CPL 3 the port has to be open: by IOPL, or in virtual-8086 mode by the TSS, whose zeros
    // serve as its map.
    exception(table,
              {.program = "await_mc",
               .delivery = {.vector = 18, .rflags = svm::rflags::always_one | svm::rflags::iopl},
               .needs = needed,
               .modes = protected_modes,
               .cpl3 = AtCpl3::only,
               .setup = join(setup, {vmcb_set(field::rflags, svm::rflags::iopl)})});
    constexpr std::uint32_t io_map_base = offsetof(L2Memory, tss32) + 0x66;
    constexpr std::uint32_t zeros = 0x40; // EAh / 8 bytes on lie FS and GS of the TSS.
    exception(table, {.program = "await_mc",
                      .delivery = {.vector = 18},
                      .needs = needed,
                      .modes = only_v86,
                      .cpl3 = AtCpl3::only,
                      .setup = join(setup, {Write{wire::Op::Code::write, Region::l2_memory,
                                                  io_map_base, 2, zeros}})});

    CallExpectation held;
    held.values = {reported("#MC while GIF is clear", 0), reported("#MC behind STGI", 1)};
    add_l1_case(catalogue, {.name = "event/machine_check/gif_clear",
                            .title = "A machine check waits while GIF is clear.",
                            .manual = "APM2 15.17",
                            .needs = needed,
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"machine_check_without_gif"}},
                            .expectations = {held}});
}

const Registration registration{machine_checks};

} // namespace
} // namespace vmrunit::cases
