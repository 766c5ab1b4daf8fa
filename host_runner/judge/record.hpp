// SPDX-License-Identifier: GPL-2.0-only
// A record decoded: what one case's frame says, every count and index checked. The bytes come from
// a guest under a hypervisor that may be broken, so nothing in them is believed.
#pragma once

#include "harness/arena.hpp"
#include "harness/svm/features.hpp"
#include "harness/wire/record.hpp"
#include "host_runner/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmrunit::runner {

struct MemoryChange {
    Region region;
    std::uint32_t offset; ///< In the region, a multiple of 8.
    std::uint64_t value;
};

struct Change {
    std::uint32_t where;
    std::uint64_t value;
};

struct Observation {
    wire::ObservationKind kind{};
    bool faulted = false;
    std::uint8_t fault_vector = 0;
    std::uint32_t fault_error = 0;
    std::vector<Change> vmcb{}; ///< `where`: byte offset, a multiple of 8, below 4096.
    std::vector<MemoryChange> memory{};
    std::vector<Change> registers{}; ///< `where`: Register.
    std::vector<Change> l1{};        ///< `where`: wire::L1State.
    std::vector<std::uint64_t> values{};
};

struct Record {
    std::uint32_t index = 0;
    wire::CaseOutcome outcome{};
    std::uint64_t detail[2]{};
    std::vector<Observation> observations;
};

/// Why a record cannot be true is in the error.
[[nodiscard]] Result<Record> decode_record(std::span<const std::byte> payload);

struct HelloRecord {
    wire::Hello head{};
    std::vector<wire::CpuidLeaf> cpuid;
    svm::Features features;
};

[[nodiscard]] Result<HelloRecord> decode_hello(std::span<const std::byte> payload);

} // namespace vmrunit::runner
