// SPDX-License-Identifier: GPL-2.0-only
// What the machine held: VMCB, L2's registers and the arena, as bytes on the host. Before a VMRUN
// it follows from the case alone, by the very functions the payload uses.
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/plan/plan_builder.hpp"
#include "host_runner/plan/resolver.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace vmrunit::runner {

/// Arenas are large and differ little from case to case: one pristine copy serves all.
class PristineArena {
public:
    explicit PristineArena(const PayloadImage& image, unsigned cpu = 0);
    [[nodiscard]] const Arena& arena() const { return *arena_; }

private:
    std::unique_ptr<Arena> arena_;
};

/// The state that a run op of a case begins with.
class BeforeImage {
public:
    BeforeImage(const PristineArena& pristine, const cases::Case& subject, const ArenaPlace& place);

    /// A memory op of the plan, applied as the payload applies it.
    void apply(const wire::Op& op);

    [[nodiscard]] const svm::Vmcb& vmcb() const { return vmcb_; }
    [[nodiscard]] std::uint64_t reg(unsigned number) const { return registers_[number]; }
    /// The aligned 64-bit word at `offset` of a region.
    [[nodiscard]] std::uint64_t word(Region region, std::uint32_t offset) const;

private:
    struct PatchedWord {
        Region region;
        std::uint32_t offset;
        std::uint64_t value;
    };

    const PristineArena* pristine_;
    svm::Vmcb vmcb_{};
    std::array<std::uint64_t, register_count> registers_{};
    std::vector<PatchedWord> patches_;
};

} // namespace vmrunit::runner
