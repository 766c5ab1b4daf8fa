// SPDX-License-Identifier: GPL-2.0-only
// One 2 MiB page of L1's identity map as 512 pages of 4 KiB, while the object lives: for routines
// that take a page away or put another in its place. APM2 5.3.
#pragma once

#include <cstdint>

namespace vmrunit::guest {

class PageSplit {
public:
    static constexpr std::uint64_t present = 1;

    /// Splits the page that `address` lies in.
    explicit PageSplit(const void* address);
    ~PageSplit();
    PageSplit(const PageSplit&) = delete;
    PageSplit& operator=(const PageSplit&) = delete;

    /// The entry of the page at `address`, which lies in the split page. Whoever changes it sees to
    /// the TLB.
    [[nodiscard]] std::uint64_t& entry(const void* address);

    /// The page at `address` is not there until show().
    void hide(const void* address);
    void show(const void* address);

private:
    std::uint64_t* table_;
    std::uint64_t* directory_entry_;
    std::uint64_t large_page_;
};

} // namespace vmrunit::guest
