// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/vmruns.hpp"

#include "harness/fresh_vmcb.hpp"

#include <algorithm>
#include <cstring>

namespace vmrunit::cases {

namespace {

constexpr ArenaPlace sample_place{
    .arena = 0x0100'0000, .low_handlers = 0x7000, .low_code = 0x8000, .low_memory = 0x9000};
constexpr std::uint64_t sample_code = 0x0080'0000;
constexpr std::uint64_t handler_size = 16;

std::uint64_t anchor_of(const Value& value, const L2Start& start) {
    switch (value.anchor) {
    case Anchor::zero:
        return 0;
    case Anchor::start:
        return sample_code;
    case Anchor::insn:
        return sample_code + 0x10;
    case Anchor::after:
        return sample_code + 0x20;
    case Anchor::marker:
        return sample_code + 0x30;
    case Anchor::handler:
        return sample_code + 0x1000 + value.part * handler_size;
    case Anchor::region:
        return region_address(sample_place, region_in(start.mode, static_cast<Region>(value.part)));
    case Anchor::code_offset:
        return 0 - sample_place.low_code;
    case Anchor::low_handlers:
        return sample_place.low_handlers;
    case Anchor::low_handlers_selector:
        return sample_place.low_handlers / 16;
    case Anchor::fresh:
        break;
    }
    svm::Vmcb vmcb{};
    fresh_vmcb(vmcb, sample_place, start);
    std::uint64_t field = 0;
    std::memcpy(&field, reinterpret_cast<const std::uint8_t*>(&vmcb) + value.part, value.size);
    return field;
}

void apply(const Write& write, svm::Vmcb& vmcb, const L2Start& start) {
    const bool fills = write.code == wire::Op::Code::fill;
    const std::uint64_t value = fills ? write.size : sample_of(write.value, start);
    const std::uint64_t length = fills ? write.value.number : write.size;
    auto* page = reinterpret_cast<std::uint8_t*>(&vmcb);
    for (std::uint64_t i = 0; i < length && write.offset + i < svm::vmcb_size; ++i) {
        std::uint8_t& byte = page[write.offset + i];
        const auto part = static_cast<std::uint8_t>(fills ? value : value >> (8 * i));
        switch (write.code) {
        case wire::Op::Code::set_bits:
            byte = static_cast<std::uint8_t>(byte | part);
            break;
        case wire::Op::Code::clear_bits:
            byte = static_cast<std::uint8_t>(byte & ~part);
            break;
        default:
            byte = part;
            break;
        }
    }
}

bool makes_a_vmrun(const Step& step) {
    return std::holds_alternative<Run>(step) || std::holds_alternative<Call>(step);
}

svm::Vmcb fresh_one(const L2Start& start) {
    svm::Vmcb vmcb{};
    fresh_vmcb(vmcb, sample_place, start);
    vmcb.save.rip = sample_code;
    return vmcb;
}

void apply_to_vmcb(const Step& step, svm::Vmcb& vmcb, const L2Start& start) {
    const auto* write = std::get_if<Write>(&step);
    if (write != nullptr && write->region == Region::vmcb) {
        apply(*write, vmcb, start);
    }
}

} // namespace

std::uint64_t sample_of(const Value& value, const L2Start& start) {
    return ((anchor_of(value, start) + value.number) & ~value.cleared) | value.set;
}

svm::Vmcb vmcb_at_first_run(const Case& one) {
    svm::Vmcb vmcb = fresh_one(one.start);
    for (const Step& step : one.steps) {
        if (std::holds_alternative<Run>(step)) {
            break;
        }
        apply_to_vmcb(step, vmcb, one.start);
    }
    return vmcb;
}

void each_vmrun(const Case& one, const std::function<void(const Vmrun&)>& visit) {
    const svm::Vmcb fresh = fresh_one(one.start);
    svm::Vmcb vmcb = fresh;
    std::size_t number = 0;
    for (const Step& step : one.steps) {
        apply_to_vmcb(step, vmcb, one.start);
        if (makes_a_vmrun(step) && number < one.expectations.size()) {
            visit({vmcb, fresh, one.expectations[number], number == 0});
            ++number;
        }
    }
}

} // namespace vmrunit::cases
