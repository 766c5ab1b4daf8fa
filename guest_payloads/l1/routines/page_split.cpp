// SPDX-License-Identifier: GPL-2.0-only
#include "guest_payloads/l1/routines/page_split.hpp"

#include "harness/arena.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/per_cpu.hpp"

namespace vmrunit::guest {

namespace {

constinit PageTable tables[maximum_cpus]{};

constexpr std::uint64_t large = 0x80;
constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;
constexpr unsigned entries = 512;

std::uint64_t* next_table(std::uint64_t entry) {
    return reinterpret_cast<std::uint64_t*>(entry & address_bits);
}

std::uint64_t address_of(const void* address) {
    return reinterpret_cast<std::uintptr_t>(address);
}

void flush() {
    write_cr3(read_cr3());
}

} // namespace

PageSplit::PageSplit(const void* address) : table_(tables[current_cpu().index].entries) {
    const std::uint64_t linear = address_of(address);
    const std::uint64_t* const pml4 = next_table(read_cr3());
    const std::uint64_t* const pdpt = next_table(pml4[linear >> 39 & (entries - 1)]);
    directory_entry_ =
        next_table(pdpt[linear >> 30 & (entries - 1)]) + (linear >> 21 & (entries - 1));
    large_page_ = *directory_entry_;
    for (unsigned i = 0; i < entries; ++i) {
        table_[i] = (large_page_ & ~large) + i * page_size;
    }
    *directory_entry_ = address_of(table_) | (large_page_ & 7);
    flush();
}

PageSplit::~PageSplit() {
    *directory_entry_ = large_page_;
    flush();
}

std::uint64_t& PageSplit::entry(const void* address) {
    return table_[address_of(address) >> 12 & (entries - 1)];
}

void PageSplit::hide(const void* address) {
    entry(address) &= ~present;
    invalidate_page(address);
}

void PageSplit::show(const void* address) {
    entry(address) |= present;
    invalidate_page(address);
}

} // namespace vmrunit::guest
