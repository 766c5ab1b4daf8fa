// SPDX-License-Identifier: GPL-2.0-only
// One large page of L1's identity map as pages of 4 KiB, while the object lives: for routines that
// take a page away or put another in its place. Whatever L1's paging is. APM2 5.2, 5.3.
#pragma once

#include <cstdint>

namespace vmrunit::guest {

class PageSplit {
public:
    /// Splits the page that `address` lies in.
    explicit PageSplit(const void* address);
    ~PageSplit();
    PageSplit(const PageSplit&) = delete;
    PageSplit& operator=(const PageSplit&) = delete;

    /// The page at `address`, which lies in the split one, is that at `other` from now on. Who
    /// calls this sees to the TLB.
    void lead(const void* address, const void* other);

    /// The page at `address` is not there until show().
    void hide(const void* address);
    void show(const void* address);

private:
    /// Of L1's paging: 1024 entries of 4 bytes, or 512 of 8 bytes.
    struct Form {
        unsigned entry_size;
        unsigned page_shift; ///< Of a large page.
    };
    [[nodiscard]] static Form form_now();
    [[nodiscard]] std::uint64_t read(const std::uint8_t* entry) const;
    void write(std::uint8_t* entry, std::uint64_t value) const;
    [[nodiscard]] std::uint8_t* directory_entry(const void* address) const;
    [[nodiscard]] std::uint8_t* entry(const void* address) const;

    Form form_;
    std::uint8_t* table_;
    std::uint8_t* directory_entry_;
    std::uint64_t large_page_;
};

} // namespace vmrunit::guest
