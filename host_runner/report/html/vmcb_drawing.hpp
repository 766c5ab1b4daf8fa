// SPDX-License-Identifier: GPL-2.0-only
// A picture of the VMCB, byte by byte: what a run touched of it, or what of it is covered. Who
// draws says what the bands of a byte are; the colours are those of the page's style.
#pragma once

#include "harness/svm/vmcb.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner::html {

struct DrawnByte {
    std::vector<std::string_view> bands; ///< Classes, from the top down; as many in each byte.
    std::string hint;
    std::string link{}; ///< Empty: it leads nowhere.

    bool operator==(const DrawnByte&) const = default;
};

using DrawnVmcb = std::array<DrawnByte, svm::vmcb_size>;

/// An SVG element: 32 bytes to a row, up to the last field there is. Rows in which nothing changes
/// are drawn once. Text is escaped.
[[nodiscard]] std::string vmcb_drawing(const DrawnVmcb& page, std::string_view label);

} // namespace vmrunit::runner::html
