// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/plan/resolver.hpp"

#include <cstring>
#include <fmt/format.h>

namespace vmrunit::runner {

namespace {
constexpr std::uint64_t vmmcall_length = 3;
constexpr std::uint64_t segment_size = 0x1'0000; ///< Of 16-bit code.
} // namespace

Result<Resolver> Resolver::make(const PayloadImage& image, const cases::Case& subject,
                                unsigned cpu) {
    const unsigned bits = code_bits(subject.start.mode);
    const L2Program* program = image.program(subject.program, bits);
    if (program == nullptr) {
        return failure(fmt::format("the payload has no {}-bit L2 program {}, which {} needs", bits,
                                   subject.program, subject.name),
                       "write it in guest_payloads/l2/ or mend the row");
    }
    Resolver resolver{image, *program, subject.start, cpu};
    if (const auto& copy = subject.code_copy) {
        const std::uint64_t split = copy->splits_insn ? program->insn + 1 : program->after;
        if (is_16bit(subject.start.mode) != copy->ends_segment ||
            split - program->start > page_size || program->end - split > page_size ||
            (copy->splits_insn && program->after - program->insn < 2)) {
            return failure(fmt::format("{} copies L2 program {} to where it does not fit",
                                       subject.name, subject.program),
                           "mend its row");
        }
        L2Program& moved = resolver.copy_.emplace(*program);
        const std::uint64_t border = resolver(copy->border);
        const std::uint64_t distance = border - split;
        for (std::uint64_t* address : {&moved.start, &moved.insn, &moved.after, &moved.end}) {
            *address += distance;
        }
        if (copy->ends_segment) {
            resolver.code_base_ = border - segment_size;
        }
    }
    return resolver;
}

Result<Resolver> Resolver::make(const PayloadImages& images, const cases::Case& subject) {
    const PayloadImage* const image = images.of(subject.start.l1);
    if (image == nullptr) {
        return failure(fmt::format("the payload comes without an image for L1 in {}-bit mode, "
                                   "which {} needs",
                                   l1_bits(subject.start.l1), subject.name));
    }
    return make(*image, subject);
}

/// 16-bit gates and the interrupt vector table lead to low memory, in a segment that begins with
/// the handlers. The monitor of virtual-8086 mode is flat 32-bit code.
std::uint64_t Resolver::handler(unsigned vector) const {
    if (is_16bit(start_.mode) && start_.mode != L2Mode::v86) {
        return std::uint64_t{vector} * image_->layout().handler_size;
    }
    return image_->handler_address(vector);
}

std::uint64_t Resolver::anchor(const cases::Value& value) const {
    const std::uint64_t base = value.part == 0 ? code_base() : 0;
    switch (value.anchor) {
    case cases::Anchor::zero:
        return 0;
    case cases::Anchor::start:
        return program().start - base;
    case cases::Anchor::insn:
        return program().insn - base;
    case cases::Anchor::after:
        return program().after - base;
    case cases::Anchor::marker:
        return program().end - vmmcall_length - base;
    case cases::Anchor::handler:
        return handler(value.part);
    case cases::Anchor::region:
        return region_address(place_, region(static_cast<Region>(value.part)));
    case cases::Anchor::code_offset:
        return 0 - code_base();
    case cases::Anchor::low_handlers:
        return place_.low_handlers;
    case cases::Anchor::low_handlers_selector:
        return place_.low_handlers / 16;
    case cases::Anchor::fresh:
        break;
    }
    svm::Vmcb vmcb{};
    fresh_vmcb(vmcb, place_, start_);
    std::uint64_t field = 0;
    std::memcpy(&field, reinterpret_cast<const std::uint8_t*>(&vmcb) + value.part, value.size);
    return field;
}

std::uint64_t Resolver::operator()(const cases::Value& value) const {
    return ((anchor(value) + value.number) & ~value.cleared) | value.set;
}

} // namespace vmrunit::runner
