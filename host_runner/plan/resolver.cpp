// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/plan/resolver.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {

namespace {
constexpr std::uint64_t vmmcall_length = 3;
}

Result<Resolver> Resolver::make(const PayloadImage& image, const cases::Case& subject,
                                unsigned cpu) {
    const unsigned bits = code_bits(subject.start.mode);
    const L2Program* program = image.program(subject.program, bits);
    if (program == nullptr) {
        return failure(fmt::format("the payload has no {}-bit L2 program {}, which {} needs", bits,
                                   subject.program, subject.name),
                       "write it in guest_payloads/l2/ or mend the row");
    }
    return Resolver{image, *program, image.arena_address(cpu)};
}

std::uint64_t Resolver::operator()(const cases::Value& value) const {
    switch (value.anchor) {
    case cases::Anchor::zero:
        return value.number;
    case cases::Anchor::start:
        return program_->start + value.number;
    case cases::Anchor::insn:
        return program_->insn + value.number;
    case cases::Anchor::after:
        return program_->after + value.number;
    case cases::Anchor::marker:
        return program_->end - vmmcall_length + value.number;
    case cases::Anchor::handler:
        return image_->handler_address(value.part) + value.number;
    case cases::Anchor::region:
        return arena_ + region_places[value.part].offset + value.number;
    }
    return 0;
}

} // namespace vmrunit::runner
