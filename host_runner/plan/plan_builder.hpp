// SPDX-License-Identifier: GPL-2.0-only
// Encodes cases as the plan of one machine.
#pragma once

#include "cases/model/case.hpp"
#include "harness/svm/features.hpp"
#include "harness/wire/plan.hpp"
#include "host_runner/payload/payload_image.hpp"
#include "host_runner/plan/resolver.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmrunit::runner {

/// A case as it goes onto the wire.
struct EncodedCase {
    wire::PlanCase head{};
    std::vector<wire::Op> ops;
};

/// Fails if a row asks for what the payload does not have, or reaches outside a region.
[[nodiscard]] Result<EncodedCase> encode_case(const cases::Case& subject, std::uint32_t index,
                                              const Resolver& resolve);

struct RingPlace {
    std::uint64_t address = 0;
    std::uint32_t size = 0; ///< Bytes, header page included; 0: no ring.
};

/// The bytes of the plan. `flags` are wire::PlanFlags; all cases have this mode of L1; of `machine`
/// count the features that CPUID does not tell.
[[nodiscard]] std::vector<std::byte> build_plan(const PayloadImage& image,
                                                std::span<const EncodedCase* const> cases,
                                                const RingPlace& ring, std::uint32_t flags,
                                                L1Mode l1_mode = L1Mode::long64,
                                                const svm::Features& machine = {});

} // namespace vmrunit::runner
