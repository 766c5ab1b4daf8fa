// SPDX-License-Identifier: GPL-2.0-only
// The arena a CPU's cases run in, put back to its documented state before each of them.
//
// Three copies: `pristine` is never written; `expected` is pristine plus what the case itself
// wrote; `live` is what L2 runs on. After a VMRUN live is compared with expected: a word that
// differs was changed by L2 or by the subject, is reported, and is put back. Regions that no case
// wrote need no copying at all, so the cost of a case does not grow with the arena.
#pragma once

#include "harness/arena.hpp"
#include "harness/fresh_vmcb.hpp"
#include "harness/guest/run_l2.hpp"
#include "harness/program.hpp"
#include "harness/wire/plan.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace vmrunit::guest {

/// Watched bytes of the regions before each; at its end, of all.
inline constexpr auto watched_before = [] {
    std::array<std::uint32_t, region_count + 1> before{};
    for (unsigned i = 0; i < region_count; ++i) {
        before[i + 1] = before[i] + region_places[i].watched;
    }
    return before;
}();

class CaseArena {
public:
    /// `live` lies at its own address: virtual and physical are the same in L1. Of low memory the
    /// live copy lies elsewhere, where `place` says.
    CaseArena(Arena& live, Arena& expected, Arena& pristine, const ArenaPlace& place)
        : live_(live),
          expected_(expected),
          pristine_(pristine),
          place_(place),
          low_memory_(reinterpret_cast<std::uint8_t*>(place.low_memory)) {}

    /// Builds all three copies. Once, before the first case.
    void build(const LayoutDescriptor& layout);

    /// Puts everything back and makes a fresh VMCB for `start`.
    void reset(const L2Start& start);

    /// A memory op of the plan; false if it reaches outside its region.
    [[nodiscard]] bool apply(const wire::Op& op);

    /// Somebody else may have written anywhere: everything is put back at the next reset.
    void distrust();

    [[nodiscard]] std::uint64_t address() const { return place_.arena; }
    [[nodiscard]] Arena& live() { return live_; }
    [[nodiscard]] const Arena& live() const { return live_; }
    [[nodiscard]] const Arena& expected() const { return expected_; }
    [[nodiscard]] L2Registers& registers() { return registers_; }

    /// Calls `changed(where, value)` for each 64-bit word of [offset, offset + size) of the arena
    /// that is not what the case left there, `where` counted from `offset`, and puts the word back.
    template<class Changed>
    void collect_changes(std::uint32_t offset, std::uint32_t size, Changed&& changed) {
        collect_changes(words(expected_, offset), live_words(offset), size, changed);
    }

    /// The same for the memory that this case watches: `changed(region, where, value)`.
    template<class Changed>
    void collect_memory_changes(Changed&& changed) {
        for (unsigned i = 0; i < region_count; ++i) {
            const RegionPlace& place = region_places[i];
            const bool all = place.watched_if_written && (written_regions_ >> i & 1) != 0;
            const bool unused = static_cast<Region>(i) == other_memory_;
            const std::uint32_t size = all ? place.size : unused ? 0 : place.watched;
            if (size != 0) {
                const std::uint64_t* const expected =
                    all ? words(expected_, place.offset) : watched(i);
                collect_changes(expected, live_words(place.offset), size,
                                [&](std::uint32_t where, std::uint64_t value) {
                                    changed(static_cast<Region>(i), where, value);
                                });
            }
        }
    }

private:
    [[nodiscard]] std::uint64_t* watched(unsigned region) {
        return watched_ + watched_before[region] / 8;
    }

    template<class Changed>
    static void collect_changes(const std::uint64_t* expected, std::uint64_t* live,
                                std::uint32_t size, Changed&& changed) {
        const std::uint32_t count = size / 8;
        for (std::uint32_t i = 0; i < count; i += 4) {
            const std::uint64_t differs =
                (live[i] ^ expected[i]) | (live[i + 1] ^ expected[i + 1]) |
                (live[i + 2] ^ expected[i + 2]) | (live[i + 3] ^ expected[i + 3]);
            if (differs == 0) [[likely]] {
                continue;
            }
            for (std::uint32_t j = i; j < i + 4; ++j) {
                if (live[j] != expected[j]) {
                    changed(j * 8, live[j]);
                    live[j] = expected[j];
                }
            }
        }
    }

    [[nodiscard]] static std::uint64_t* words(Arena& arena, std::uint32_t offset) {
        return reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::uint8_t*>(&arena) + offset);
    }
    /// The same word of the memory that L2 runs on.
    [[nodiscard]] std::uint8_t* live_bytes(std::uint32_t offset) {
        constexpr std::uint32_t low = offsetof(Arena, low_memory);
        return offset - low < sizeof(L2Memory) ? low_memory_ + (offset - low)
                                               : reinterpret_cast<std::uint8_t*>(&live_) + offset;
    }
    [[nodiscard]] std::uint64_t* live_words(std::uint32_t offset) {
        return reinterpret_cast<std::uint64_t*>(live_bytes(offset));
    }
    void restore(Region region);
    void watch(Region region, std::uint32_t offset, std::uint32_t size);
    void restore_bytes(std::uint32_t offset, std::uint32_t size);
    void reset_vmcb(const L2Start& start);

    Arena& live_;
    Arena& expected_;
    Arena& pristine_;
    ArenaPlace place_;
    std::uint8_t* low_memory_;
    /// What is watched of each region, as the case left it: side by side, while the regions are
    /// pages apart. Under a hypervisor each page L1 touches behind a #VMEXIT costs a walk of nested
    /// tables, and these would be a third of them.
    std::uint64_t watched_[watched_before[region_count] / 8]{};
    Region other_memory_ = Region::low_memory; ///< L2's memory that is not this case's.
    std::uint32_t written_regions_ = 0;        ///< Bit per Region, since the last reset.
    std::uint64_t written_vmcb_ = 0;    ///< Bit per 64 bytes of the VMCB, since the last reset.
    std::optional<L2Start> vmcb_start_; ///< What the pristine VMCB was made for.
    L2Registers registers_{};
};

} // namespace vmrunit::guest
