// SPDX-License-Identifier: GPL-2.0-only
// Turns the symbolic values of a case into numbers, against the payload that will run it.
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/payload/payload_image.hpp"

#include <cstdint>

namespace vmrunit::runner {

class Resolver {
public:
    /// Fails if the payload has no program of that name for the case's code width.
    [[nodiscard]] static Result<Resolver> make(const PayloadImage& image,
                                               const cases::Case& subject, unsigned cpu = 0);

    [[nodiscard]] std::uint64_t operator()(const cases::Value& value) const;
    [[nodiscard]] const L2Program& program() const { return *program_; }
    [[nodiscard]] std::uint64_t arena() const { return arena_; }
    [[nodiscard]] const PayloadImage& image() const { return *image_; }

private:
    Resolver(const PayloadImage& image, const L2Program& program, std::uint64_t arena)
        : image_(&image), program_(&program), arena_(arena) {}

    const PayloadImage* image_;
    const L2Program* program_;
    std::uint64_t arena_;
};

} // namespace vmrunit::runner
