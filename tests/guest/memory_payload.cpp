// SPDX-License-Identifier: GPL-2.0-only
// Runs the library's memory functions over all small sizes, alignments and overlaps against a byte
// loop, and prints how many results differ.

#include "harness/guest/start.hpp"
#include "tests/guest/print.hpp"

#include <cstring>

using namespace vmrunit::guest;
using vmrunit::guest_test::print;

namespace {

constexpr std::size_t area = 96;
constexpr std::size_t longest = 40;
constexpr std::size_t offsets = 9;

struct Buffer {
    volatile unsigned char bytes[area];

    void fill() {
        for (std::size_t at = 0; at < area; ++at)
            bytes[at] = static_cast<unsigned char>(at * 7 + 3);
    }
    [[nodiscard]] void* at(std::size_t offset) {
        return const_cast<unsigned char*>(&bytes[offset]);
    }
};

constinit Buffer actual{};
constinit Buffer expected{};
constinit std::uint64_t calls = 0;

bool differ() {
    for (std::size_t at = 0; at < area; ++at) {
        if (actual.bytes[at] != expected.bytes[at])
            return true;
    }
    return false;
}

void slow_move(std::size_t to, std::size_t from, std::size_t count) {
    unsigned char copy[longest];
    for (std::size_t at = 0; at < count; ++at)
        copy[at] = expected.bytes[from + at];
    for (std::size_t at = 0; at < count; ++at)
        expected.bytes[to + at] = copy[at];
}

std::uint64_t wrong_moves() {
    std::uint64_t wrong = 0;
    for (std::size_t to = 0; to < 2 * offsets; ++to) {
        for (std::size_t from = 0; from < 2 * offsets; ++from) {
            for (std::size_t count = 0; count <= longest; ++count) {
                actual.fill();
                expected.fill();
                slow_move(to, from, count);
                const void* result = std::memmove(actual.at(to), actual.at(from), count);
                wrong += differ() || result != actual.at(to);
                ++calls;
            }
        }
    }
    return wrong;
}

std::uint64_t wrong_copies() {
    std::uint64_t wrong = 0;
    for (std::size_t to = 0; to < offsets; ++to) {
        for (std::size_t count = 0; count <= longest; ++count) {
            constexpr std::size_t from = area - longest;
            actual.fill();
            expected.fill();
            slow_move(to, from, count);
            const void* result = std::memcpy(actual.at(to), actual.at(from), count);
            wrong += differ() || result != actual.at(to);
            ++calls;
        }
    }
    return wrong;
}

std::uint64_t wrong_fills() {
    std::uint64_t wrong = 0;
    for (std::size_t to = 0; to < offsets; ++to) {
        for (std::size_t count = 0; count <= longest; ++count) {
            actual.fill();
            expected.fill();
            for (std::size_t at = 0; at < count; ++at)
                expected.bytes[to + at] = 0xa5;
            // Of the value only the low byte counts.
            // NOLINTNEXTLINE(bugprone-suspicious-memset-usage)
            const void* result = std::memset(actual.at(to), 0x3a5, count);
            wrong += differ() || result != actual.at(to);
            ++calls;
        }
    }
    return wrong;
}

std::uint64_t wrong_comparisons() {
    std::uint64_t wrong = 0;
    for (std::size_t to = 0; to < offsets; ++to) {
        for (std::size_t count = 0; count <= longest; ++count) {
            actual.fill();
            expected.fill();
            wrong += std::memcmp(actual.at(to), expected.at(to), count) != 0;
            for (std::size_t at = 0; at < count; ++at) {
                actual.bytes[to + at] = 0xff;
                expected.bytes[to + at] = 0x7f; // greater only if bytes are unsigned
                wrong += !(std::memcmp(actual.at(to), expected.at(to), count) > 0);
                wrong += !(std::memcmp(expected.at(to), actual.at(to), count) < 0);
                wrong += std::memcmp(actual.at(to), expected.at(to), at) != 0;
                actual.bytes[to + at] = expected.bytes[to + at];
                calls += 3;
            }
        }
    }
    return wrong;
}

} // namespace

extern "C" void l1_main(const BootInfo&) {
    print("wrong_moves", wrong_moves());
    print("wrong_copies", wrong_copies());
    print("wrong_fills", wrong_fills());
    print("wrong_comparisons", wrong_comparisons());
    print("calls", calls);
    vmrunit::guest_test::print_end();
}
