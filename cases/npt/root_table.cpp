// SPDX-License-Identifier: GPL-2.0-only
// Low bits of N_CR3. Where L1 pages with PAE its root is aligned to 32 bytes, and the five bits
// below are ignored; elsewhere two of them say how the root is cached, which changes no
// translation. APM2 15.25.3, 5.2.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

Region nested_root_of(L1Mode l1) {
    switch (l1) {
    case L1Mode::pae:
        return Region::nested_pae_pdpt;
    case L1Mode::legacy:
        return Region::nested_legacy_pd;
    case L1Mode::long64:
        break;
    }
    return Region::nested_pml4;
}

void root_table(Catalogue& catalogue) {
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        const std::uint64_t bits = l1 == L1Mode::pae ? 0x1f : svm::cr3::pwt | svm::cr3::pcd;
        for (const L2Mode mode : paged_modes) {
            for (unsigned number = 0; number < 5; ++number) {
                const std::uint64_t bit = std::uint64_t{1} << number;
                if ((bits & bit) == 0) {
                    continue;
                }
                add_guest_case(
                    catalogue,
                    {.name = "npt/n_cr3/low_bit_" + std::to_string(number),
                     .title = "The bit changes nothing of what the tables say.",
                     .manual = "APM2 15.25.3",
                     .steps = {vmcb_field(field::n_cr3, in_region(nested_root_of(l1), bit))},
                     .exit = program_ends(),
                     .l1_modes = only(l1)},
                    {mode, 0, true});
            }
        }
    });
}

const Registration registration{root_table};

} // namespace
} // namespace vmrunit::cases
