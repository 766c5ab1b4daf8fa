// SPDX-License-Identifier: GPL-2.0-only
// Bounds-checked reading of memory by physical address: all of the identity map in a payload, a
// buffer in a test.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

namespace vmrunit::guest {

class PhysicalMemory {
public:
    // Physical address 0 is at `origin`.
    constexpr PhysicalMemory(std::uintptr_t origin, std::uint64_t size)
        : origin_{origin}, size_{size} {}

    [[nodiscard]] constexpr std::uint64_t size() const { return size_; }

    [[nodiscard]] constexpr bool contains(std::uint64_t address, std::uint64_t size) const {
        return address <= size_ && size <= size_ - address;
    }

    [[nodiscard]] const void* pointer(std::uint64_t address) const {
        return reinterpret_cast<const void*>(origin_ + address);
    }

    template<class Value>
    [[nodiscard]] std::optional<Value> read(std::uint64_t address) const {
        static_assert(std::is_trivially_copyable_v<Value>);
        if (!contains(address, sizeof(Value)))
            return std::nullopt;
        Value value;
        std::memcpy(&value, pointer(address), sizeof(value));
        return value;
    }

private:
    std::uintptr_t origin_;
    std::uint64_t size_;
};

} // namespace vmrunit::guest
