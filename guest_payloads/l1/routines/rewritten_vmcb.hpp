// SPDX-License-Identifier: GPL-2.0-only
// The second CPU at work on a VMCB that this one runs: it flips one bit of it, again and again, at
// intervals that have no rhythm. APM2 15.5.1.
#pragma once

#include "harness/svm/vmcb.hpp"

#include <cstdint>

namespace vmrunit::guest {

class VmcbRewriter {
public:
    /// The bit in the 32-bit word at `offset`.
    VmcbRewriter(svm::Vmcb& vmcb, std::uint32_t offset, std::uint32_t bit);
    VmcbRewriter(const VmcbRewriter&) = delete;
    VmcbRewriter& operator=(const VmcbRewriter&) = delete;
    /// Returns once the other CPU writes no more.
    ~VmcbRewriter();

    /// False if the CPU does not answer.
    [[nodiscard]] bool start();
    [[nodiscard]] std::uint32_t writes() const;

    [[nodiscard]] std::uint32_t word() const;
    void set_word(std::uint32_t value);
    [[nodiscard]] std::uint32_t bit() const { return bit_; }

private:
    static void run(void* self);

    // By __atomic builtins while the other CPU runs.
    std::uint32_t* word_;
    std::uint32_t bit_;
    std::uint32_t legal_; ///< The word as the case has made it.
    std::uint32_t writes_ = 0;
    std::uint32_t stop_ = 0;
};

} // namespace vmrunit::guest
