// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/payload/payload_images.hpp"

#include <algorithm>
#include <system_error>

namespace vmrunit::runner {

Result<PayloadImages> PayloadImages::load(const std::filesystem::path& file) {
    auto main = PayloadImage::load(file);
    if (!main) {
        return tl::unexpected(main.error());
    }
    auto beside = file;
    beside.replace_filename(file.stem().string() + "_x86" + file.extension().string());
    std::error_code error;
    if (!std::filesystem::exists(beside, error)) {
        return PayloadImages{std::move(*main)};
    }
    auto other = PayloadImage::load(beside);
    if (!other) {
        return tl::unexpected(other.error());
    }
    return PayloadImages{std::move(*main), std::move(*other)};
}

const PayloadImage* PayloadImages::of(L1Mode mode) const {
    const auto found = std::ranges::find_if(images_, [mode](const PayloadImage& image) {
        return image.layout().l1_bits == l1_bits(mode);
    });
    return found == images_.end() ? nullptr : &*found;
}

} // namespace vmrunit::runner
