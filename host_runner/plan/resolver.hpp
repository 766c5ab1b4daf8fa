// SPDX-License-Identifier: GPL-2.0-only
// Turns the symbolic values of a case into numbers, against the payload that will run it.
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/payload/payload_images.hpp"

#include <cstdint>
#include <optional>

namespace vmrunit::runner {

class Resolver {
public:
    /// Fails if the payload has no program of that name for the case's code width.
    [[nodiscard]] static Result<Resolver> make(const PayloadImage& image,
                                               const cases::Case& subject, unsigned cpu = 0);

    /// Against the image for the case's mode of L1; fails if there is none.
    [[nodiscard]] static Result<Resolver> make(const PayloadImages& images,
                                               const cases::Case& subject);

    [[nodiscard]] std::uint64_t operator()(const cases::Value& value) const;
    /// The case's program, where it runs.
    [[nodiscard]] const L2Program& program() const { return copy_ ? *copy_ : *program_; }
    [[nodiscard]] const ArenaPlace& place() const { return place_; }
    [[nodiscard]] const PayloadImage& image() const { return *image_; }
    /// The region that a row of this case means.
    [[nodiscard]] Region region(Region named) const { return region_in(start_.mode, named); }
    /// The base of CS while the case's program runs: added to RIP, it gives the linear address.
    [[nodiscard]] std::uint64_t code_base() const { return code_base_; }
    /// What RIP holds at the beginning of a handler.
    [[nodiscard]] std::uint64_t handler(unsigned vector) const;

private:
    Resolver(const PayloadImage& image, const L2Program& program, const L2Start& start,
             unsigned cpu)
        : image_(&image),
          program_(&program),
          start_(start),
          place_(arena_place(image.layout(), cpu)),
          code_base_(is_16bit(start.mode) ? place_.low_code : 0) {}

    [[nodiscard]] std::uint64_t anchor(const cases::Value& value) const;

    const PayloadImage* image_;
    const L2Program* program_;
    std::optional<L2Program> copy_; ///< Of Case::code_copy.
    L2Start start_;
    ArenaPlace place_;
    std::uint64_t code_base_;
};

} // namespace vmrunit::runner
