// SPDX-License-Identifier: GPL-2.0-only
// How the payloads of these tests report: lines "name=value" on the debug port, numbers in hex.
#pragma once

#include "harness/guest/debug_port.hpp"

#include <cstdint>
#include <string_view>

namespace vmrunit::guest_test {

inline void print(std::string_view name, std::string_view text) {
    guest::write_debug_port(name);
    guest::write_debug_port("=");
    guest::write_debug_port(text);
    guest::write_debug_port("\n");
}

inline void print(std::string_view name, std::uint64_t value) {
    char digits[16];
    std::size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[value % 16];
        value /= 16;
    } while (value != 0);
    print(name, std::string_view{digits + at, sizeof(digits) - at});
}

// The test stops waiting when this line arrives.
inline void print_end() {
    guest::write_debug_port("end\n");
}

} // namespace vmrunit::guest_test
