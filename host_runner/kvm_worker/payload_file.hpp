// SPDX-License-Identifier: GPL-2.0-only
// A payload as a loader sees it: pieces for guest physical addresses, and the PVH entry.
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::worker {

class PayloadFile {
public:
    /// `bytes` of the file belong at `address`; zeros follow up to `size`.
    struct Segment {
        std::uint64_t address = 0;
        std::uint64_t size = 0;
        std::span<const std::byte> bytes;
    };

    [[nodiscard]] static runner::Result<PayloadFile> read(const std::string& path);
    [[nodiscard]] static runner::Result<PayloadFile> parse(std::vector<std::byte> data);

    [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
    /// Of the note XEN_ELFNOTE_PHYS32_ENTRY.
    [[nodiscard]] std::uint32_t entry() const { return entry_; }
    /// One past the last byte that any segment occupies.
    [[nodiscard]] std::uint64_t memory_end() const;

private:
    [[nodiscard]] bool find_entry(std::span<const std::byte> notes);

    std::vector<std::byte> data_;
    std::vector<Segment> segments_;
    std::uint32_t entry_ = 0;
};

/// All of a file.
[[nodiscard]] runner::Result<std::vector<std::byte>> read_file(const std::string& path);

} // namespace vmrunit::worker
