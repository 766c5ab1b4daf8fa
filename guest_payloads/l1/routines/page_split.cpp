// SPDX-License-Identifier: GPL-2.0-only
#include "guest_payloads/l1/routines/page_split.hpp"

#include "harness/arena.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/per_cpu.hpp"

#include <cstring>

namespace vmrunit::guest {

namespace {

constinit Page tables[maximum_cpus]{};

constexpr std::uint64_t present = 1;
constexpr std::uint64_t large = 0x80;
constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;
/// The PDPTEs of PAE are aligned to 32 bytes only.
constexpr std::uint64_t root_address_bits = 0x000f'ffff'ffff'ffe0;
constexpr unsigned small_shift = 12;
constexpr std::uint64_t cr4_pae = 1u << 5;

std::uint64_t address_of(const void* address) {
    return reinterpret_cast<std::uintptr_t>(address);
}

std::uint8_t* table_at(std::uint64_t address) {
    return reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(address));
}

void flush() {
    write_cr3(read_cr3());
}

} // namespace

PageSplit::Form PageSplit::form_now() {
    return (read_cr4() & cr4_pae) != 0 ? Form{8, 21} : Form{4, 22};
}

std::uint64_t PageSplit::read(const std::uint8_t* entry) const {
    std::uint64_t value = 0;
    std::memcpy(&value, entry, form_.entry_size);
    return value;
}

/// In one piece: the entry is in use.
void PageSplit::write(std::uint8_t* entry, std::uint64_t value) const {
    if (form_.entry_size == 4) {
        *reinterpret_cast<volatile std::uint32_t*>(entry) = static_cast<std::uint32_t>(value);
    } else {
        *reinterpret_cast<volatile std::uint64_t*>(entry) = value;
    }
}

/// Of the large page, by way of the levels that L1's paging has above it.
std::uint8_t* PageSplit::directory_entry(const void* address) const {
    const std::uint64_t linear = address_of(address);
    const auto step = [&](std::uint8_t* table, unsigned shift, std::uint64_t entries) {
        return table + (linear >> shift & (entries - 1)) * form_.entry_size;
    };
    std::uint8_t* table = table_at(read_cr3() & root_address_bits);
    if (form_.entry_size == 4) {
        return step(table, form_.page_shift, 1024);
    }
    if constexpr (sizeof(void*) == 8) {
        table = table_at(read(step(table, 39, 512)) & address_bits);
    }
    table = table_at(read(step(table, 30, 512)) & address_bits);
    return step(table, form_.page_shift, 512);
}

std::uint8_t* PageSplit::entry(const void* address) const {
    const std::uint64_t pages = std::uint64_t{1} << (form_.page_shift - small_shift);
    return table_ + (address_of(address) >> small_shift & (pages - 1)) * form_.entry_size;
}

PageSplit::PageSplit(const void* address)
    : form_(form_now()),
      table_(tables[current_cpu().index].bytes),
      directory_entry_(directory_entry(address)),
      large_page_(read(directory_entry_)) {
    for (unsigned i = 0; i < page_size / form_.entry_size; ++i) {
        write(table_ + i * form_.entry_size, (large_page_ & ~large) + i * page_size);
    }
    write(directory_entry_, address_of(table_) | (large_page_ & 7));
    flush();
}

PageSplit::~PageSplit() {
    write(directory_entry_, large_page_);
    flush();
}

void PageSplit::lead(const void* address, const void* other) {
    std::uint8_t* const at = entry(address);
    write(at, read(at) + address_of(other) - address_of(address));
}

void PageSplit::hide(const void* address) {
    write(entry(address), read(entry(address)) & ~present);
    invalidate_page(address);
}

void PageSplit::show(const void* address) {
    write(entry(address), read(entry(address)) | present);
    invalidate_page(address);
}

} // namespace vmrunit::guest
