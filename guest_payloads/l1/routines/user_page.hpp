// SPDX-License-Identifier: GPL-2.0-only
// Code that L1 runs above CPL 0, in pages that are otherwise its own.
#pragma once

#include "harness/guest/cpu.hpp"

#include <cstdint>
#include <initializer_list>

namespace vmrunit::guest {

/// The large page around an address is code of CPL 3 too, while the object lives. Whatever L1's
/// paging is.
class UserPage {
public:
    explicit UserPage(const void* address) {
        const std::uint64_t linear = reinterpret_cast<std::uintptr_t>(address);
        const bool is_pae = (read_cr4() & cr4_pae) != 0;
        std::uint64_t table = read_cr3() & (is_pae ? root_address_bits : address_bits);
        if (!is_pae) {
            add(table + (linear >> 22) * 4);
        } else {
            for (const unsigned shift : {39u, 30u, 21u}) {
                if (shift == 39 && !is_64bit) {
                    continue;
                }
                const std::uint64_t entry = table + (linear >> shift & 0x1ff) * 8;
                table = *reinterpret_cast<std::uint64_t*>(static_cast<std::uintptr_t>(entry)) &
                        address_bits;
                if (shift != 30 || is_64bit) { // A PDPTE of PAE has no such bit.
                    add(entry);
                }
            }
        }
        write_cr3(read_cr3());
    }
    ~UserPage() {
        for (unsigned i = 0; i < count_; ++i) {
            *entries_[i] &= ~user;
        }
        write_cr3(read_cr3());
    }
    UserPage(const UserPage&) = delete;
    UserPage& operator=(const UserPage&) = delete;

private:
    static constexpr std::uint64_t user = 4;
    static constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;
    /// The PDPTEs of PAE are aligned to 32 bytes only.
    static constexpr std::uint64_t root_address_bits = 0x000f'ffff'ffff'ffe0;
    static constexpr std::uint64_t cr4_pae = 1u << 5;
    static constexpr bool is_64bit = sizeof(void*) == 8;

    /// The bit lies in the lower half of entries of any size.
    void add(std::uint64_t entry) {
        entries_[count_] = reinterpret_cast<std::uint32_t*>(static_cast<std::uintptr_t>(entry));
        *entries_[count_++] |= user;
    }

    unsigned count_ = 0;
    std::uint32_t* entries_[3]{};
};

} // namespace vmrunit::guest
