// SPDX-License-Identifier: GPL-2.0-only
// Parsers of the two boot protocols. A loader is trusted to be there, not to be right: every
// address and length is checked, and a module or map entry that does not fit is left out.

#include "harness/guest/boot_info.hpp"

#include <algorithm>

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t image_address = 0x10'0000;

void take_module(const PhysicalMemory& memory, std::uint64_t begin, std::uint64_t size,
                 BootInfo& info) {
    if (info.module_end != 0 || size == 0 || !memory.contains(begin, size))
        return;
    info.module_begin = begin;
    info.module_end = begin + size;
}

void take_command_line(const PhysicalMemory& memory, std::uint64_t address, std::uint64_t limit,
                       BootInfo& info) {
    std::size_t length = 0;
    while (length < maximum_command_line && length < limit) {
        const auto character = memory.read<char>(address + length);
        if (!character || *character == '\0')
            break;
        info.command_line[length++] = *character;
    }
    info.command_line[length] = '\0';
    info.command_line_length = length;
}

void take_usable_memory(std::uint64_t begin, std::uint64_t size, std::uint64_t limit,
                        BootInfo& info) {
    if (begin > image_address || size > ~begin || begin + size <= image_address)
        return;
    info.memory_end = std::min(begin + size, limit);
}

constexpr std::uint32_t usable_memory = 1; // the same number in both protocols

constexpr std::uint32_t pvh_magic = 0x336e'c578;

struct PvhStartInfo {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t flags;
    std::uint32_t module_count;
    std::uint64_t module_list;
    std::uint64_t command_line;
    std::uint64_t rsdp;
};
static_assert(sizeof(PvhStartInfo) == 40);

// Behind the above from version 1 on.
struct PvhMemoryMap {
    std::uint64_t address;
    std::uint32_t entries;
    std::uint32_t reserved;
};
static_assert(sizeof(PvhMemoryMap) == 16);

struct PvhModule {
    std::uint64_t address;
    std::uint64_t size;
    std::uint64_t command_line;
    std::uint64_t reserved;
};
static_assert(sizeof(PvhModule) == 32);

struct PvhMemoryMapEntry {
    std::uint64_t address;
    std::uint64_t size;
    std::uint32_t type;
    std::uint32_t reserved;
};
static_assert(sizeof(PvhMemoryMapEntry) == 24);

enum class Multiboot2Tag : std::uint32_t {
    // clang-format off
    end          = 0,
    command_line = 1,
    module       = 3,
    memory_map   = 6,
    acpi_1       = 14,
    acpi_2       = 15,
    // clang-format on
};

struct Multiboot2Header {
    std::uint32_t type;
    std::uint32_t size;
};

struct Multiboot2Module {
    std::uint32_t begin;
    std::uint32_t end;
};

struct Multiboot2MapHeader {
    std::uint32_t entry_size;
    std::uint32_t entry_version;
};

struct Multiboot2MapEntry {
    std::uint64_t address;
    std::uint64_t size;
    std::uint32_t type;
    std::uint32_t reserved;
};
static_assert(sizeof(Multiboot2MapEntry) == 24);

// Enough for any firmware's map; a larger number is a broken loader.
constexpr std::uint32_t maximum_map_entries = 1024;
constexpr std::uint32_t maximum_multiboot2_size = 1u << 20;

void take_multiboot2_map(const PhysicalMemory& memory, std::uint64_t address, std::uint64_t size,
                         BootInfo& info) {
    const auto header = memory.read<Multiboot2MapHeader>(address);
    if (!header || size < sizeof(*header) || header->entry_size < sizeof(Multiboot2MapEntry))
        return;
    const std::uint64_t end = address + size;
    address += sizeof(*header);
    while (address + sizeof(Multiboot2MapEntry) <= end) {
        const auto entry = memory.read<Multiboot2MapEntry>(address);
        if (!entry)
            return;
        if (entry->type == usable_memory)
            take_usable_memory(entry->address, entry->size, memory.size(), info);
        address += header->entry_size;
    }
}

} // namespace

bool parse_pvh(const PhysicalMemory& memory, std::uint64_t address, BootInfo& info) {
    info = {};
    info.door = Door::pvh;
    const auto start = memory.read<PvhStartInfo>(address);
    if (!start || start->magic != pvh_magic)
        return false;
    info.rsdp = start->rsdp;
    if (start->command_line != 0)
        take_command_line(memory, start->command_line, maximum_command_line, info);
    if (start->module_count != 0) {
        if (const auto module = memory.read<PvhModule>(start->module_list))
            take_module(memory, module->address, module->size, info);
    }
    if (start->version == 0)
        return true;
    const auto map = memory.read<PvhMemoryMap>(address + sizeof(PvhStartInfo));
    if (!map)
        return true;
    const std::uint32_t entries = std::min(map->entries, maximum_map_entries);
    for (std::uint32_t index = 0; index < entries; ++index) {
        const std::uint64_t offset = std::uint64_t{index} * sizeof(PvhMemoryMapEntry);
        if (offset > ~map->address)
            break;
        const auto entry = memory.read<PvhMemoryMapEntry>(map->address + offset);
        if (!entry)
            break;
        if (entry->type == usable_memory)
            take_usable_memory(entry->address, entry->size, memory.size(), info);
    }
    return true;
}

bool parse_multiboot2(const PhysicalMemory& memory, std::uint64_t address, BootInfo& info) {
    info = {};
    info.door = Door::multiboot2;
    const auto total_size = memory.read<std::uint32_t>(address);
    if (!total_size || *total_size > maximum_multiboot2_size ||
        !memory.contains(address, *total_size))
        return false;
    const std::uint64_t end = address + *total_size;
    std::uint64_t at = address + 8;
    while (at + sizeof(Multiboot2Header) <= end) {
        const auto header = memory.read<Multiboot2Header>(at);
        if (!header || header->size < sizeof(Multiboot2Header) || header->size > end - at)
            return false;
        const std::uint64_t content = at + sizeof(Multiboot2Header);
        const std::uint64_t content_size = header->size - sizeof(Multiboot2Header);
        switch (static_cast<Multiboot2Tag>(header->type)) {
        case Multiboot2Tag::end:
            return true;
        case Multiboot2Tag::command_line:
            take_command_line(memory, content, content_size, info);
            break;
        case Multiboot2Tag::module: {
            const auto module = memory.read<Multiboot2Module>(content);
            if (module && content_size >= sizeof(*module) && module->begin <= module->end)
                take_module(memory, module->begin, module->end - module->begin, info);
            break;
        }
        case Multiboot2Tag::memory_map:
            take_multiboot2_map(memory, content, content_size, info);
            break;
        case Multiboot2Tag::acpi_1:
            if (info.rsdp == 0)
                info.rsdp = content;
            break;
        case Multiboot2Tag::acpi_2:
            info.rsdp = content;
            break;
        default:
            break;
        }
        at += (std::uint64_t{header->size} + 7) & ~std::uint64_t{7};
    }
    return false;
}

} // namespace vmrunit::guest
