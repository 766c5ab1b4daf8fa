// SPDX-License-Identifier: GPL-2.0-only
// What the boot loader told the payload, in one form for both doors: PVH's hvm_start_info (Xen,
// public/arch-x86/hvm/start_info.h) and Multiboot 2's tags (Multiboot2 specification 2.0, 3.6). The
// parsers work on any buffer, so that the host can test and fuzz them.
#pragma once

#include "harness/guest/physical_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmrunit::guest {

enum class Door : std::uint8_t { pvh = 1, multiboot2 = 2 };

inline constexpr std::size_t maximum_command_line = 1023;

struct BootInfo {
    Door door;
    // The first module; begin = end = 0 where there is none. Always inside the identity map.
    std::uint64_t module_begin;
    std::uint64_t module_end;
    // End of the usable memory that contains 1 MiB, at most 4 GiB; 0 where the loader gave no map.
    std::uint64_t memory_end;
    std::uint64_t rsdp; // physical address of ACPI's root pointer; 0 where not known
    // A copy, ended by a zero byte: the loader's memory is free once l1_main runs.
    std::size_t command_line_length;
    char command_line[maximum_command_line + 1];

    [[nodiscard]] std::string_view arguments() const { return {command_line, command_line_length}; }
};

// False where the structure is not what the door promises.
[[nodiscard]] bool parse_pvh(const PhysicalMemory& memory, std::uint64_t address, BootInfo& info);
[[nodiscard]] bool parse_multiboot2(const PhysicalMemory& memory, std::uint64_t address,
                                    BootInfo& info);

} // namespace vmrunit::guest
