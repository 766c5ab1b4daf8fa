// SPDX-License-Identifier: GPL-2.0-only
// Port 0xE9: a byte written is a byte of output (QEMU's isa-debugcon, Bochs' port_e9_hack, Xen).
// The device answers a read with the port's own number, which is how its presence is told.
#pragma once

#include "harness/guest/cpu.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vmrunit::guest {

inline constexpr std::uint16_t debug_port = 0xe9;

[[nodiscard]] inline bool debug_port_present() {
    return read_port_8(debug_port) == 0xe9;
}

inline void write_debug_port(std::span<const std::byte> bytes) {
    write_port_bytes(debug_port, bytes.data(), bytes.size());
}

inline void write_debug_port(std::string_view text) {
    write_port_bytes(debug_port, text.data(), text.size());
}

} // namespace vmrunit::guest
