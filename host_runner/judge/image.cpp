// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/judge/image.hpp"

#include "harness/wire/apply_op.hpp"
#include "harness/world.hpp"

#include <algorithm>
#include <cstring>

namespace vmrunit::runner {

PristineArena::PristineArena(const PayloadImage& image, unsigned cpu)
    : arena_(std::make_unique<Arena>()) {
    build_arena(*arena_, arena_place(image.layout(), cpu), image.layout());
}

BeforeImage::BeforeImage(const PristineArena& pristine, const cases::Case& subject,
                         const ArenaPlace& place)
    : pristine_(&pristine) {
    fresh_vmcb(vmcb_, place, subject.start);
    for (unsigned i = 0; i < register_count; ++i) {
        registers_[i] = fresh_register(i);
    }
}

void BeforeImage::apply(const wire::Op& op) {
    if (!wire::writes_memory(op.code) || !wire::stays_inside(op)) {
        return;
    }
    const auto region = static_cast<Region>(op.region);
    if (region == Region::vmcb) {
        wire::apply_op(op, reinterpret_cast<std::uint8_t*>(&vmcb_));
        return;
    }
    if (region == Region::registers) {
        wire::apply_op(op, reinterpret_cast<std::uint8_t*>(registers_.data()));
        return;
    }
    if (place_of(region).watched == 0 && !place_of(region).watched_if_written) {
        return; // Never compared, so nobody asks what it held.
    }
    const auto length = op.code == wire::Op::Code::fill ? static_cast<std::uint32_t>(op.value)
                                                        : std::uint32_t{op.size};
    for (std::uint32_t done = 0; done < length;) {
        const std::uint32_t at = op.offset + done;
        const std::uint32_t aligned = at & ~7u;
        const std::uint32_t count = std::min(length - done, aligned + 8 - at);
        std::uint64_t value = word(region, aligned);
        wire::Op part = op;
        part.offset = at - aligned;
        if (op.code == wire::Op::Code::fill) {
            part.value = count;
        } else {
            part.size = static_cast<std::uint8_t>(count);
            part.value = op.value >> (8 * done);
        }
        wire::apply_op(part, reinterpret_cast<std::uint8_t*>(&value));
        std::erase_if(patches_, [&](const PatchedWord& patch) {
            return patch.region == region && patch.offset == aligned;
        });
        patches_.push_back({region, aligned, value});
        done += count;
    }
}

std::uint64_t BeforeImage::word(Region region, std::uint32_t offset) const {
    for (const PatchedWord& patch : patches_) {
        if (patch.region == region && patch.offset == offset) {
            return patch.value;
        }
    }
    std::uint64_t value = 0;
    std::memcpy(&value,
                reinterpret_cast<const std::uint8_t*>(&pristine_->arena()) +
                    place_of(region).offset + offset,
                sizeof value);
    return value;
}

} // namespace vmrunit::runner
