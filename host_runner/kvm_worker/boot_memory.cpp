// SPDX-License-Identifier: GPL-2.0-only
// Lays out guest memory. PVH: docs/misc/pvh.pandoc of Xen; hvm_start_info of version 1.
#include "host_runner/kvm_worker/boot_memory.hpp"

#include "harness/wire/plan.hpp"
#include "harness/wire/ring.hpp"

#include <array>
#include <cstring>
#include <optional>

namespace vmrunit::worker {

using runner::failure;

namespace {

struct StartInfo {
    std::uint32_t magic = 0x336ec578;
    std::uint32_t version = 1;
    std::uint32_t flags = 0;
    std::uint32_t module_count = 0;
    std::uint64_t modules = 0;
    std::uint64_t command_line = 0;
    std::uint64_t rsdp = 0;
    std::uint64_t memory_map = 0;
    std::uint32_t memory_map_entries = 0;
    std::uint32_t reserved = 0;
};
static_assert(sizeof(StartInfo) == 56);

struct Module {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    std::uint64_t command_line = 0;
    std::uint64_t reserved = 0;
};

struct MapEntry {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    std::uint32_t type = 0;
    std::uint32_t reserved = 0;
};

constexpr std::uint32_t usable = 1;
constexpr std::uint32_t reserved = 2;

// The end of conventional memory and of the area that a PC's firmware and devices have.
constexpr std::uint64_t low_memory_end = 0x9f000;
constexpr std::uint64_t high_memory = 0x100000;

/// What the page at the top of memory holds.
struct StartPage {
    StartInfo info;
    std::array<Module, 1> modules;
    std::array<MapEntry, 3> map;
};
static_assert(sizeof(StartPage) <= page_size);

std::uint64_t page_below(std::uint64_t address) {
    return address & ~std::uint64_t{page_size - 1};
}

std::optional<wire::PlanHeader> header_of(std::span<const std::byte> plan) {
    wire::PlanHeader header{};
    if (plan.size() < sizeof header) {
        return std::nullopt;
    }
    std::memcpy(&header, plan.data(), sizeof header);
    return header.magic == wire::plan_magic ? std::optional{header} : std::nullopt;
}

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
    return a < b + b_size && b < a + a_size;
}

} // namespace

RingPlace ring_of_plan(std::span<const std::byte> plan) {
    const auto header = header_of(plan);
    return header ? RingPlace{header->ring_address, header->ring_size} : RingPlace{};
}

void withdraw_machine_features(std::span<std::byte> plan, const svm::Features& absent) {
    // The plan's check sum is over what lies behind its header.
    if (auto header = header_of(plan)) {
        header->machine &= static_cast<std::uint8_t>(~svm::machine_bits(absent));
        std::memcpy(plan.data(), &*header, sizeof *header);
    }
}

runner::Result<BootMemory> BootMemory::build(const PayloadFile& payload,
                                             std::span<const std::byte> plan, std::uint64_t size,
                                             RingPlace ring, std::span<std::byte> window) {
    const std::uint64_t image_end = payload.memory_end();
    if (size < high_memory + 2 * page_size || plan.size() > size / 2 ||
        image_end > page_below(size - page_size - plan.size())) {
        return failure("payload and plan do not fit into " + std::to_string(size >> 20) +
                           " MiB of guest memory",
                       "give it more by --memory");
    }
    const std::uint64_t start_page = size - page_size;
    const std::uint64_t plan_address = page_below(start_page - plan.size());

    auto pages = Pages::shared(size);
    if (!pages) {
        return tl::unexpected(pages.error());
    }
    BootMemory memory;
    memory.pages_ = std::move(*pages);
    const auto bytes = memory.pages_.bytes();
    for (const auto& segment : payload.segments()) {
        std::memcpy(bytes.data() + segment.address, segment.bytes.data(), segment.bytes.size());
    }
    if (!plan.empty()) {
        std::memcpy(bytes.data() + plan_address, plan.data(), plan.size());
        memory.plan_ = bytes.subspan(plan_address, plan.size());
    }
    StartPage page;
    page.info.module_count = plan.empty() ? 0 : 1;
    page.info.modules = start_page + offsetof(StartPage, modules);
    page.info.memory_map = start_page + offsetof(StartPage, map);
    page.info.memory_map_entries = page.map.size();
    page.modules[0].address = plan_address;
    page.modules[0].size = plan.size();
    page.map[0] = {0, low_memory_end, usable};
    page.map[1] = {low_memory_end, high_memory - low_memory_end, reserved};
    page.map[2] = {high_memory, size - high_memory, usable};
    std::memcpy(bytes.data() + start_page, &page, sizeof page);
    memory.entry_ = payload.entry();
    memory.start_info_ = static_cast<std::uint32_t>(start_page);

    const bool ring_fits = ring.size > sizeof(wire::RingHeader) &&
                           wire::is_ring_size(ring.size - sizeof(wire::RingHeader)) &&
                           ring.address % page_size == 0 && ring.address >= image_end &&
                           ring.address < size && ring.size <= size - ring.address &&
                           !overlap(ring.address, ring.size, plan_address, size - plan_address);
    if (!ring_fits) {
        memory.pieces_.push_back({0, bytes});
        return memory;
    }
    if (window.empty()) {
        memory.ring_ = bytes.subspan(ring.address, ring.size);
        memory.pieces_.push_back({0, bytes});
        return memory;
    }
    if (window.size() < ring.size) {
        return failure("the plan's ring is larger than the window for it");
    }
    memory.ring_ = window.first(ring.size);
    memory.pieces_.push_back({0, bytes.first(ring.address)});
    memory.pieces_.push_back({ring.address, memory.ring_});
    memory.pieces_.push_back({ring.address + ring.size, bytes.subspan(ring.address + ring.size)});
    return memory;
}

} // namespace vmrunit::worker
