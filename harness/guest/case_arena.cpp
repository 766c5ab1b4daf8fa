// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/case_arena.hpp"

#include "harness/wire/apply_op.hpp"

#include <algorithm>
#include <cstring>

namespace vmrunit::guest {

namespace {
constexpr std::uint32_t vmcb_chunk = sizeof(svm::Vmcb) / 64;
constexpr std::uint32_t pae_pdpt_size = 4 * 8; // Bytes: PAE has four PDPTEs.
} // namespace

void CaseArena::build(const LayoutDescriptor& layout) {
    std::memset(&pristine_, 0, sizeof(Arena));
    build_arena(pristine_, place_, layout);
    std::memcpy(&expected_, &pristine_, sizeof(Arena));
    std::memcpy(&live_, &pristine_, sizeof(Arena));
    std::memcpy(low_memory_, &pristine_.low_memory, sizeof(L2Memory));
    for (unsigned region = 0; region < region_count; ++region) {
        watch(static_cast<Region>(region), 0, place_of(static_cast<Region>(region)).size);
    }
}

void CaseArena::restore_bytes(std::uint32_t offset, std::uint32_t size) {
    const std::uint64_t* from = words(pristine_, offset);
    std::uint64_t* expected = words(expected_, offset);
    std::uint64_t* live = live_words(offset);
    for (std::uint32_t i = 0; i < size / 8; ++i) {
        expected[i] = from[i];
        // A write to a page that is nested tables costs a hypervisor's shadow of all it maps.
        if (live[i] != from[i]) {
            live[i] = from[i];
        }
    }
}

void CaseArena::restore(Region region) {
    restore_bytes(place_of(region).offset, place_of(region).size);
    watch(region, 0, place_of(region).size);
}

void CaseArena::watch(Region region, std::uint32_t offset, std::uint32_t size) {
    const RegionPlace& place = place_of(region);
    const std::uint64_t* const from = words(expected_, place.offset);
    std::uint64_t* const to = watched(static_cast<unsigned>(region));
    const std::uint32_t end = (std::min(offset + size, place.watched) + 7) / 8;
    for (std::uint32_t i = offset / 8; i < end; ++i) {
        to[i] = from[i];
    }
}

/// After collect_changes() the live VMCB is the expected one, so where L2 begins as in the case
/// before only what that case wrote has to be put back.
void CaseArena::reset_vmcb(const L2Start& start) {
    if (vmcb_start_ != start) {
        vmcb_start_ = start;
        std::memset(&pristine_.vmcb, 0, sizeof(svm::Vmcb));
        fresh_vmcb(pristine_.vmcb, place_, start);
        written_vmcb_ = ~std::uint64_t{0};
    }
    for (std::uint32_t chunk = 0; written_vmcb_ != 0; ++chunk, written_vmcb_ >>= 1) {
        if ((written_vmcb_ & 1) != 0) {
            restore_bytes(offsetof(Arena, vmcb) + chunk * vmcb_chunk, vmcb_chunk);
        }
    }
}

void CaseArena::distrust() {
    written_regions_ = ~0u;
    written_vmcb_ = ~std::uint64_t{0};
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
    // Nobody compares the PDPTEs of PAE, and QEMU sets an A bit in them that is reserved: a KVM on
    // it would refuse every later case of that mode.
    restore_bytes(place_of(Region::pae_pdpt).offset, pae_pdpt_size);
    restore_bytes(place_of(Region::nested_pae_pdpt).offset, pae_pdpt_size);
    other_memory_ = is_16bit(start.mode) ? Region::l2_memory : Region::low_memory;
    reset_vmcb(start);
    for (unsigned i = 0; i < register_count; ++i) {
        registers_.value[i] = fresh_register(i);
    }
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
    const std::uint32_t length = op.code == wire::Op::Code::fill
                                     ? static_cast<std::uint32_t>(op.value)
                                     : std::uint32_t{op.size};
    if (region == Region::vmcb) {
        for (std::uint32_t at = op.offset / vmcb_chunk; at * vmcb_chunk < op.offset + length;
             ++at) {
            written_vmcb_ |= std::uint64_t{1} << at;
        }
    }
    written_regions_ |= 1u << op.region;
    const std::uint32_t offset = place_of(region).offset;
    wire::apply_op(op, reinterpret_cast<std::uint8_t*>(&expected_) + offset);
    wire::apply_op(op, live_bytes(offset));
    watch(region, op.offset, length);
    return true;
}

} // namespace vmrunit::guest
