// SPDX-License-Identifier: GPL-2.0-only
// A window: memory of the machine the worker runs in that the runner outside maps as well.
// "PATH@OFFSET+SIZE" names one: /dev/mem@0x7f000000+0x101000, a PCI resource file, any file.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/kvm_worker/pages.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace vmrunit::worker {

struct Range {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

/// "OFFSET+SIZE", each decimal or, with 0x, hexadecimal.
[[nodiscard]] std::optional<Range> read_range(std::string_view text);

/// Offset and size are multiples of a page.
[[nodiscard]] runner::Result<Pages> open_window(std::string_view name);

/// The same, and the size must be that of a ring: a header page and a power of two.
[[nodiscard]] runner::Result<Pages> open_ring_window(std::string_view name);

} // namespace vmrunit::worker
