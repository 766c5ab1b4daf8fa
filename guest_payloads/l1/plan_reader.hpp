// SPDX-License-Identifier: GPL-2.0-only
// The plan as it lies in the boot module: checked once, then walked case by case.
#pragma once

#include "harness/wire/plan.hpp"
#include "harness/wire/record.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace vmrunit::guest {

class PlanReader {
public:
    struct Case {
        wire::PlanCase head;
        std::span<const wire::Op> ops;
    };

    /// `module` is all of the boot module; `build_id` that of the running payload.
    PlanReader(std::span<const std::byte> module, std::span<const std::uint8_t> build_id);

    [[nodiscard]] wire::PlanError error() const { return error_; }
    [[nodiscard]] const wire::PlanHeader& header() const { return header_; }

    /// The next case; false behind the last one, or where the plan is cut short.
    [[nodiscard]] bool next(Case& into);

private:
    [[nodiscard]] wire::PlanError check(std::span<const std::byte> module,
                                        std::span<const std::uint8_t> build_id);

    wire::PlanHeader header_{};
    std::span<const std::byte> rest_;
    wire::PlanError error_; ///< Behind the members that check() fills.
};

} // namespace vmrunit::guest
