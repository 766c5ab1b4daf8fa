// SPDX-License-Identifier: GPL-2.0-only
// All images of one payload: L1 in 64-bit mode and L1 in 32-bit mode are two ELF files.
#pragma once

#include "harness/l1_mode.hpp"
#include "host_runner/error.hpp"
#include "host_runner/payload/payload_image.hpp"

#include <filesystem>
#include <utility>
#include <vector>

namespace vmrunit::runner {

class PayloadImages {
public:
    /// `file`, and beside it the image for a 32-bit L1 where there is one: NAME_x86.elf of
    /// NAME.elf.
    [[nodiscard]] static Result<PayloadImages> load(const std::filesystem::path& file);

    explicit PayloadImages(PayloadImage main) { images_.push_back(std::move(main)); }
    PayloadImages(PayloadImage main, PayloadImage other) : PayloadImages(std::move(main)) {
        images_.push_back(std::move(other));
    }

    /// The one that was named.
    [[nodiscard]] const PayloadImage& main() const { return images_.front(); }
    [[nodiscard]] const std::vector<PayloadImage>& all() const { return images_; }
    /// The image that runs L1 in this mode; nullptr if there is none.
    [[nodiscard]] const PayloadImage* of(L1Mode mode) const;

private:
    std::vector<PayloadImage> images_; ///< One or two.
};

} // namespace vmrunit::runner
