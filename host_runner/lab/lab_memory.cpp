// SPDX-License-Identifier: GPL-2.0-only
// Where the windows are.
#include "host_runner/lab/lab_memory.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

// In the middle of memory: a kernel image is loaded and unpacked at its front, and QEMU puts the
// initramfs at its end.
constexpr std::uint64_t first_window = std::uint64_t{256} << 20;
constexpr std::uint32_t reserved = 8u << 20;

constexpr LabWindows place_windows() {
    std::uint64_t at = first_window;
    const auto place = [&at](std::uint32_t data_size) {
        const Window window{at, static_cast<std::uint32_t>(sizeof(wire::RingHeader)) + data_size};
        at += window.size;
        return window;
    };
    // clang-format off
    return {.guest_ring = place(4u << 20),
            .requests   = place(1u << 20),
            .output     = place(1u << 20),
            .status     = place(64u << 10)};
    // clang-format on
}
static_assert(place_windows().status.address + place_windows().status.size <=
              first_window + reserved);

} // namespace

const LabWindows lab_windows = place_windows();

std::string Window::for_worker() const {
    return fmt::format("/dev/mem@{:#x}+{:#x}", address, size);
}

Result<LabMemory> LabMemory::create(unsigned mebibytes) {
    if (std::uint64_t{mebibytes} << 20 < first_window + reserved) {
        return failure("a lab machine needs more memory than " + std::to_string(mebibytes) +
                       " MiB");
    }
    auto file = MemoryFile::create("vmrunit-lab", std::uint64_t{mebibytes} << 20);
    if (!file) {
        return tl::unexpected(file.error());
    }
    return LabMemory{std::move(*file)};
}

std::string LabMemory::reservation() {
    return fmt::format("memmap={:#x}${:#x}", reserved, first_window);
}

Result<SharedMapping> LabMemory::map(const Window& window) const {
    return SharedMapping::of(descriptor(), window.address, window.size);
}

} // namespace vmrunit::runner
