// SPDX-License-Identifier: GPL-2.0-only
// Pages with one owner: fresh ones that this process and its children share, or a part of a file
// (a memory window between a lab machine and the runner: /dev/mem, a PCI resource).
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace vmrunit::worker {

inline constexpr std::size_t page_size = 4096;

class Pages {
public:
    Pages() = default;
    /// Zeroed; taken from the machine as they are touched.
    [[nodiscard]] static runner::Result<Pages> shared(std::size_t size);
    [[nodiscard]] static runner::Result<Pages> of_file(const std::string& path,
                                                       std::uint64_t offset, std::size_t size);
    Pages(Pages&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}
    Pages& operator=(Pages&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    ~Pages();

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }

private:
    explicit Pages(std::span<std::byte> bytes) : bytes_{bytes} {}

    std::span<std::byte> bytes_;
};

} // namespace vmrunit::worker
