// SPDX-License-Identifier: GPL-2.0-only
// What EXITINFO1 and EXITINFO2 hold for each exit code that defines them, part by part. APM2 15.8
// to 15.14, 15.25.6, 15.29.
#pragma once

#include "harness/svm/exit_code.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace vmrunit::cases {

/// What has to be seen of a part.
enum class PartKind : std::uint8_t {
    bits,  ///< Each of its bits set in some case, and clear in some case.
    whole, ///< The part judged, whatever its value: addresses, selectors, numbers.
};

struct ExitInformationPart {
    svm::ExitCode first, last; ///< Every exit code from one to the other that defines the field.
    unsigned field;            ///< 1 or 2: EXITINFO1 or EXITINFO2.
    std::string_view name;
    std::uint8_t low, count; ///< Bits of the field.
    PartKind kind;
};

[[nodiscard]] std::span<const ExitInformationPart> exit_information_parts();

/// The exit code stores something in the field that can be judged.
[[nodiscard]] bool defines_exit_information(const svm::ExitCodeInfo& info, unsigned field);

} // namespace vmrunit::cases
