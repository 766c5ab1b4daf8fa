// SPDX-License-Identifier: GPL-2.0-only
// The two parsers of boot information, compiled for the host, on well-formed and broken structures.

#include "harness/guest/boot_info.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace vmrunit::guest {
namespace {

constexpr std::size_t memory_size = 4 << 20;

class Memory {
public:
    Memory() : bytes_(memory_size) {}

    template<class Value>
    void put(std::size_t at, Value value) {
        std::memcpy(&bytes_.at(at), &value, sizeof(value));
    }
    void put_text(std::size_t at, const std::string& text) {
        std::memcpy(&bytes_.at(at), text.c_str(), text.size() + 1);
    }
    [[nodiscard]] std::vector<unsigned char>& bytes() { return bytes_; }
    [[nodiscard]] PhysicalMemory view() const {
        return {reinterpret_cast<std::uintptr_t>(bytes_.data()), memory_size};
    }

private:
    std::vector<unsigned char> bytes_;
};

constexpr std::size_t start_at = 0x1000;
constexpr std::size_t text_at = 0x2000;
constexpr std::size_t modules_at = 0x3000;
constexpr std::size_t map_at = 0x4000;

void put_map_entry(Memory& memory, std::size_t at, std::uint64_t base, std::uint64_t size,
                   std::uint32_t type) {
    memory.put(at, base);
    memory.put(at + 8, size);
    memory.put(at + 16, std::uint64_t{type});
}

void put_pvh(Memory& memory) {
    memory.put(start_at + 0, std::uint32_t{0x336ec578});
    memory.put(start_at + 4, std::uint32_t{1});  // version
    memory.put(start_at + 12, std::uint32_t{2}); // modules
    memory.put(start_at + 16, std::uint64_t{modules_at});
    memory.put(start_at + 24, std::uint64_t{text_at});
    memory.put(start_at + 32, std::uint64_t{0xf'5a20}); // RSDP
    memory.put(start_at + 40, std::uint64_t{map_at});
    memory.put(start_at + 48, std::uint32_t{3});
    memory.put_text(text_at, "a=1 b");
    memory.put(modules_at + 0, std::uint64_t{0x20'0000});
    memory.put(modules_at + 8, std::uint64_t{0x123});
    memory.put(modules_at + 32, std::uint64_t{0x30'0000});
    memory.put(modules_at + 40, std::uint64_t{0x1});
    put_map_entry(memory, map_at, 0, 0x9'fc00, 1);
    put_map_entry(memory, map_at + 24, 0x10'0000, 0x28'0000, 1);
    put_map_entry(memory, map_at + 48, 0x38'0000, 0x8'0000, 2);
}

TEST(PvhInformation, IsRead) {
    Memory memory;
    put_pvh(memory);
    BootInfo info{};
    ASSERT_TRUE(parse_pvh(memory.view(), start_at, info));
    EXPECT_EQ(info.door, Door::pvh);
    EXPECT_EQ(info.arguments(), "a=1 b");
    EXPECT_EQ(info.module_begin, 0x20'0000u);
    EXPECT_EQ(info.module_end, 0x20'0123u);
    EXPECT_EQ(info.memory_end, 0x38'0000u);
    EXPECT_EQ(info.rsdp, 0xf'5a20u);
}

TEST(PvhInformation, OfVersion0HasNoMap) {
    Memory memory;
    put_pvh(memory);
    memory.put(start_at + 4, std::uint32_t{0});
    BootInfo info{};
    ASSERT_TRUE(parse_pvh(memory.view(), start_at, info));
    EXPECT_EQ(info.memory_end, 0u);
    EXPECT_EQ(info.module_begin, 0x20'0000u);
}

TEST(PvhInformation, WithoutMagicIsRefused) {
    Memory memory;
    put_pvh(memory);
    memory.put(start_at, std::uint32_t{0x336ec579});
    BootInfo info{};
    EXPECT_FALSE(parse_pvh(memory.view(), start_at, info));
    EXPECT_FALSE(parse_pvh(memory.view(), memory_size - 39, info));
    EXPECT_FALSE(parse_pvh(memory.view(), ~std::uint64_t{0}, info));
}

TEST(PvhInformation, LeavesOutAModuleThatDoesNotFit) {
    const std::uint64_t bad[][2] = {
        {0x20'0000, memory_size},       {memory_size, 1}, {~std::uint64_t{0}, 2},
        {0x20'0000, ~std::uint64_t{0}}, {0x20'0000, 0},
    };
    for (const auto& [begin, size] : bad) {
        Memory memory;
        put_pvh(memory);
        memory.put(modules_at, begin);
        memory.put(modules_at + 8, size);
        BootInfo info{};
        ASSERT_TRUE(parse_pvh(memory.view(), start_at, info));
        EXPECT_EQ(info.module_begin, 0u) << begin << " " << size;
        EXPECT_EQ(info.module_end, 0u) << begin << " " << size;
        EXPECT_EQ(info.arguments(), "a=1 b");
    }
}

TEST(PvhInformation, CutsAnEndlessCommandLine) {
    Memory memory;
    put_pvh(memory);
    memory.put_text(text_at, std::string(maximum_command_line + 1, 'y'));
    BootInfo info{};
    ASSERT_TRUE(parse_pvh(memory.view(), start_at, info));
    EXPECT_EQ(info.arguments(), std::string(maximum_command_line, 'y'));
    EXPECT_EQ(info.command_line[maximum_command_line], '\0');

    memory.put(start_at + 24, std::uint64_t{memory_size - 3});
    memory.bytes()[memory_size - 3] = memory.bytes()[memory_size - 2] =
        memory.bytes()[memory_size - 1] = 'z';
    ASSERT_TRUE(parse_pvh(memory.view(), start_at, info));
    EXPECT_EQ(info.arguments(), "zzz");
}

TEST(PvhInformation, MapMayLie) {
    Memory memory;
    put_pvh(memory);
    memory.put(start_at + 48, ~std::uint32_t{0});
    put_map_entry(memory, map_at + 24, 0x10'0000, ~std::uint64_t{0}, 1);
    BootInfo info{};
    ASSERT_TRUE(parse_pvh(memory.view(), start_at, info));
    EXPECT_EQ(info.memory_end, 0u);
    put_map_entry(memory, map_at + 24, 0, std::uint64_t{1} << 40, 1);
    ASSERT_TRUE(parse_pvh(memory.view(), start_at, info));
    EXPECT_EQ(info.memory_end, memory_size);
    memory.put(start_at + 40, ~std::uint64_t{0} - 16);
    ASSERT_TRUE(parse_pvh(memory.view(), start_at, info));
    EXPECT_EQ(info.memory_end, 0u);
}

// Builds Multiboot 2 information tag by tag.
class Tags {
public:
    explicit Tags(Memory& memory) : memory_{memory} {}

    // Returns the address of the content.
    std::size_t add(std::uint32_t type, std::uint32_t content_size) {
        memory_.put(at_, type);
        memory_.put(at_ + 4, content_size + 8);
        const std::size_t content = at_ + 8;
        at_ += (content_size + 8 + 7) / 8 * 8;
        memory_.put(start_at, static_cast<std::uint32_t>(at_ - start_at));
        return content;
    }

private:
    Memory& memory_;
    std::size_t at_ = start_at + 8;
};

struct Places {
    std::size_t command_line, module, map, rsdp;
};

Places put_multiboot2(Memory& memory) {
    Tags tags{memory};
    Places places{};
    places.command_line = tags.add(1, 6);
    memory.put_text(places.command_line, "a=1 b");
    tags.add(4, 8); // basic memory information: of no interest
    places.module = tags.add(3, 13);
    memory.put(places.module, std::uint32_t{0x20'0000});
    memory.put(places.module + 4, std::uint32_t{0x20'0123});
    memory.put_text(places.module + 8, "plan");
    const std::size_t second_module = tags.add(3, 9);
    memory.put(second_module, std::uint32_t{0x30'0000});
    memory.put(second_module + 4, std::uint32_t{0x30'0001});
    places.map = tags.add(6, 8 + 2 * 24);
    memory.put(places.map, std::uint32_t{24});
    put_map_entry(memory, places.map + 8, 0, 0x9'fc00, 1);
    put_map_entry(memory, places.map + 32, 0x10'0000, 0x28'0000, 1);
    places.rsdp = tags.add(14, 20);
    tags.add(0, 0);
    return places;
}

TEST(Multiboot2Information, IsRead) {
    Memory memory;
    const Places places = put_multiboot2(memory);
    BootInfo info{};
    ASSERT_TRUE(parse_multiboot2(memory.view(), start_at, info));
    EXPECT_EQ(info.door, Door::multiboot2);
    EXPECT_EQ(info.arguments(), "a=1 b");
    EXPECT_EQ(info.module_begin, 0x20'0000u);
    EXPECT_EQ(info.module_end, 0x20'0123u);
    EXPECT_EQ(info.memory_end, 0x38'0000u);
    EXPECT_EQ(info.rsdp, places.rsdp);
}

TEST(Multiboot2Information, PrefersTheNewerRootPointer) {
    for (const bool newer_first : {false, true}) {
        Memory memory;
        Tags tags{memory};
        const std::size_t first = tags.add(newer_first ? 15 : 14, 36);
        const std::size_t second = tags.add(newer_first ? 14 : 15, 36);
        tags.add(0, 0);
        BootInfo info{};
        ASSERT_TRUE(parse_multiboot2(memory.view(), start_at, info));
        EXPECT_EQ(info.rsdp, newer_first ? first : second);
    }
}

TEST(Multiboot2Information, LeavesOutAModuleThatDoesNotFit) {
    const std::uint32_t bad[][2] = {
        {0x20'0000, memory_size + 1}, {0x20'0123, 0x20'0122}, {0x20'0000, 0x20'0000}};
    for (const auto& [begin, end] : bad) {
        Memory memory;
        const Places places = put_multiboot2(memory);
        memory.put(places.module, begin);
        memory.put(places.module + 4, end);
        BootInfo info{};
        ASSERT_TRUE(parse_multiboot2(memory.view(), start_at, info));
        EXPECT_EQ(info.module_begin, 0x30'0000u) << "the next one is taken";
    }
}

TEST(Multiboot2Information, WithBrokenLengthsIsRefused) {
    Memory memory;
    const Places places = put_multiboot2(memory);
    BootInfo info{};
    for (const std::uint32_t size : {0u, 7u, 0x1000'0000u, ~0u}) {
        memory.put(places.command_line - 4, size);
        EXPECT_FALSE(parse_multiboot2(memory.view(), start_at, info)) << size;
    }
    memory.put(places.command_line - 4, std::uint32_t{14});
    for (const std::uint32_t size : {0u, 8u, 40u, ~0u}) {
        memory.put(start_at, size);
        EXPECT_FALSE(parse_multiboot2(memory.view(), start_at, info)) << size;
    }
    EXPECT_FALSE(parse_multiboot2(memory.view(), memory_size - 2, info));
}

// Random damage, and memory that ends in the middle: whatever comes out, a module lies in memory,
// the command line is bounded, and (under AddressSanitizer) nothing is read that is not there.
TEST(BootInformation, SurvivesDamage) {
    std::mt19937 random{20240611};
    const auto below = [&random](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
    };
    Memory pvh;
    put_pvh(pvh);
    Memory multiboot2;
    put_multiboot2(multiboot2);
    for (int round = 0; round < 20'000; ++round) {
        const bool first = below(2) == 0;
        Memory& memory = first ? pvh : multiboot2;
        const std::size_t at = first && below(2) == 0
                                   ? (below(2) == 0 ? modules_at + below(32) : map_at + below(72))
                                   : start_at + below(first ? 56 : 256);
        const unsigned char before = memory.bytes()[at];
        memory.bytes()[at] = static_cast<unsigned char>(below(256));
        BootInfo info{};
        std::size_t size = memory_size;
        std::vector<unsigned char> cut;
        PhysicalMemory view = memory.view();
        if (below(4) == 0) {
            size = start_at + below(0x4000);
            cut.assign(memory.bytes().begin(), memory.bytes().begin() + static_cast<long>(size));
            view = {reinterpret_cast<std::uintptr_t>(cut.data()), size};
        }
        const bool read =
            first ? parse_pvh(view, start_at, info) : parse_multiboot2(view, start_at, info);
        if (read) {
            EXPECT_LE(info.module_begin, info.module_end);
            EXPECT_LE(info.module_end, size);
            EXPECT_LE(info.memory_end, size);
            EXPECT_LE(info.command_line_length, maximum_command_line);
        }
        memory.bytes()[at] = before;
    }
}

} // namespace
} // namespace vmrunit::guest
