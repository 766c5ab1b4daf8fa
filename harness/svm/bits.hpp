// SPDX-License-Identifier: GPL-2.0-only
// A run of bits inside a hardware word, and a word whose runs have names. The layout's own type is
// part of a run's type, so a run of one word cannot be used on another.
#pragma once

#include <concepts>
#include <cstdint>

namespace vmrunit::svm {

// The `count` lowest bits set; 64 is allowed, which a plain shift is not.
constexpr std::uint64_t low_bits(unsigned count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

template<class Layout>
struct BitRange {
    std::uint8_t low;
    std::uint8_t count = 1;

    constexpr std::uint64_t mask() const { return low_bits(count) << low; }
    constexpr bool operator==(const BitRange&) const = default;
};

template<class Layout, std::unsigned_integral Word>
struct BitWord {
    using Range = BitRange<Layout>;

    Word value;

    static constexpr Layout of(Word value) {
        Layout layout{};
        layout.value = value;
        return layout;
    }

    constexpr std::uint64_t get(Range range) const {
        return (std::uint64_t{value} & range.mask()) >> range.low;
    }
    constexpr bool test(Range range) const { return get(range) != 0; }

    // Bits of `content` that do not fit into the run are dropped, as the hardware would.
    constexpr void set(Range range, std::uint64_t content = ~std::uint64_t{0}) {
        const std::uint64_t kept = std::uint64_t{value} & ~range.mask();
        value = static_cast<Word>(kept | ((content << range.low) & range.mask()));
    }
    constexpr void clear(Range range) { set(range, 0); }

    constexpr Layout with(Range range, std::uint64_t content = ~std::uint64_t{0}) const {
        Layout changed = of(value);
        changed.set(range, content);
        return changed;
    }

    friend constexpr bool operator==(const BitWord&, const BitWord&) = default;
};

} // namespace vmrunit::svm
