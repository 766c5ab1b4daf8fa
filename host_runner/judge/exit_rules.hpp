// SPDX-License-Identifier: GPL-2.0-only
// What a #VMEXIT defines. From the state VMRUN began with, the exit code and the features of the
// CPU follow the VMCB the architecture promises afterwards, and which of its bits it promises.
#pragma once

#include "harness/svm/exit_code.hpp"
#include "harness/svm/features.hpp"
#include "harness/svm/vmcb.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace vmrunit::runner {

inline constexpr std::uint64_t every_bit = ~std::uint64_t{0};

/// A VMCB page and, bit for bit, whether it is judged.
struct ExpectedVmcb {
    alignas(8) std::array<std::uint8_t, svm::vmcb_size> value{};
    alignas(8) std::array<std::uint8_t, svm::vmcb_size> judged{};

    void set(std::uint32_t offset, unsigned size, std::uint64_t content,
             std::uint64_t mask = every_bit);
    void free(std::uint32_t offset, unsigned size, std::uint64_t mask = every_bit);
    [[nodiscard]] std::uint64_t value_at(std::uint32_t offset, unsigned size) const;
    [[nodiscard]] std::uint64_t judged_at(std::uint32_t offset, unsigned size) const;
};

/// RIP and NEXT_RIP are judged as given; a row's own expectations come on top of the result.
struct ExitRuleInput {
    const svm::Vmcb& before;
    svm::ExitCode exit_code;
    std::uint64_t rip;
    std::uint64_t next_rip;
    const svm::Features& features;
};

[[nodiscard]] ExpectedVmcb expected_after_exit(const ExitRuleInput& input);

/// Of the segments that an exit stores only what the CPU observes is judged, whatever a row says.
void free_unobserved_attributes(ExpectedVmcb& expected);

} // namespace vmrunit::runner
