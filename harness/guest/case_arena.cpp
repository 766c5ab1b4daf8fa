// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/case_arena.hpp"

#include "harness/wire/apply_op.hpp"

#include <cstring>

namespace vmrunit::guest {

void CaseArena::build(const LayoutDescriptor& layout) {
    std::memset(&pristine_, 0, sizeof(Arena));
    build_arena(pristine_, address(), layout);
    std::memcpy(&expected_, &pristine_, sizeof(Arena));
    std::memcpy(&live_, &pristine_, sizeof(Arena));
}

void CaseArena::restore(Region region) {
    const RegionPlace& place = place_of(region);
    const auto* from = reinterpret_cast<const std::uint8_t*>(&pristine_) + place.offset;
    std::memcpy(reinterpret_cast<std::uint8_t*>(&expected_) + place.offset, from, place.size);
    std::memcpy(reinterpret_cast<std::uint8_t*>(&live_) + place.offset, from, place.size);
}

void CaseArena::reset(const L2Start& start) {
    for (unsigned region = 0; region < region_count; ++region) {
        const bool is_memory = region != static_cast<unsigned>(Region::registers) &&
                               region != static_cast<unsigned>(Region::vmcb);
        if (is_memory && (written_regions_ >> region & 1) != 0) {
            restore(static_cast<Region>(region));
        }
    }
    written_regions_ = 0;
    std::memset(&expected_.vmcb, 0, sizeof(svm::Vmcb));
    fresh_vmcb(expected_.vmcb, address(), start);
    for (unsigned i = 0; i < register_count; ++i) {
        registers_.value[i] = fresh_register(i);
    }
    std::memcpy(&live_.vmcb, &expected_.vmcb, sizeof(svm::Vmcb));
}

bool CaseArena::apply(const wire::Op& op) {
    if (!wire::stays_inside(op)) {
        return false;
    }
    const auto region = static_cast<Region>(op.region);
    if (region == Region::registers) {
        wire::apply_op(op, reinterpret_cast<std::uint8_t*>(registers_.value));
        return true;
    }
    written_regions_ |= 1u << op.region;
    const std::uint32_t offset = place_of(region).offset;
    wire::apply_op(op, reinterpret_cast<std::uint8_t*>(&expected_) + offset);
    wire::apply_op(op, reinterpret_cast<std::uint8_t*>(&live_) + offset);
    return true;
}

} // namespace vmrunit::guest
