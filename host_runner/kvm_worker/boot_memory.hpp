// SPDX-License-Identifier: GPL-2.0-only
// Guest memory as a PVH loader leaves it: the payload at its physical addresses, and at the top the
// plan as its module and the start info that leads to it.
#pragma once

#include "harness/svm/features.hpp"
#include "host_runner/error.hpp"
#include "host_runner/kvm_worker/pages.hpp"
#include "host_runner/kvm_worker/payload_file.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace vmrunit::worker {

/// A piece of guest physical memory for KVM.
struct MemoryPiece {
    std::uint64_t address = 0;
    std::span<std::byte> bytes;
};

/// Where a payload puts its ring: guest physical, header page included; size 0: there is none.
struct RingPlace {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
};

/// What a plan says; none if it is no plan. The payload checks the rest of it: it must be able to
/// say what is wrong.
[[nodiscard]] RingPlace ring_of_plan(std::span<const std::byte> plan);

/// Takes features back that the runner promised of the machine and this KVM does not have. A file
/// that is no plan stays as it is.
void withdraw_machine_features(std::span<std::byte> plan, const svm::Features& absent);

class BootMemory {
public:
    /// `window` replaces the memory where the ring is, or is empty.
    [[nodiscard]] static runner::Result<BootMemory> build(const PayloadFile& payload,
                                                          std::span<const std::byte> plan,
                                                          std::uint64_t size, RingPlace ring,
                                                          std::span<std::byte> window);

    [[nodiscard]] std::uint32_t entry() const { return entry_; }
    [[nodiscard]] std::uint32_t start_info() const { return start_info_; }
    /// All of guest memory, in ascending pieces.
    [[nodiscard]] const std::vector<MemoryPiece>& pieces() const { return pieces_; }
    /// The plan where the guest finds it; empty: there is none.
    [[nodiscard]] std::span<std::byte> plan() const { return plan_; }
    /// The ring's memory, header page included; empty: there is none, or it does not fit.
    [[nodiscard]] std::span<std::byte> ring() const { return ring_; }

private:
    Pages pages_;
    std::vector<MemoryPiece> pieces_;
    std::span<std::byte> plan_;
    std::span<std::byte> ring_;
    std::uint32_t entry_ = 0;
    std::uint32_t start_info_ = 0;
};

} // namespace vmrunit::worker
