// SPDX-License-Identifier: GPL-2.0-only
// A part of a file mapped shared, unmapped when the owner goes.
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace vmrunit::runner {

class SharedMapping {
public:
    SharedMapping() = default;
    /// Readable and writable. `offset` must be page aligned and the range inside the file: touching
    /// a page behind its end is SIGBUS.
    [[nodiscard]] static Result<SharedMapping> of(int descriptor, std::uint64_t offset,
                                                  std::size_t size);
    SharedMapping(SharedMapping&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}
    SharedMapping& operator=(SharedMapping&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    SharedMapping(const SharedMapping&) = delete;
    SharedMapping& operator=(const SharedMapping&) = delete;
    ~SharedMapping();

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

private:
    explicit SharedMapping(std::span<std::byte> bytes) : bytes_{bytes} {}

    std::span<std::byte> bytes_;
};

} // namespace vmrunit::runner
