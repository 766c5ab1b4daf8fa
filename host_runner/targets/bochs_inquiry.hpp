// SPDX-License-Identifier: GPL-2.0-only
// Asks a Bochs program what it is and what it has. A question starts it for some 20 ms.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/targets/bochs_program.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

struct BochsOffer {
    std::string version; ///< "2.7"
    std::vector<std::string> cpu_models;
};

/// From what `--help cpu` prints. An error if that is not a Bochs speaking.
[[nodiscard]] Result<BochsOffer> parse_bochs_offer(std::string_view output);
[[nodiscard]] Result<BochsOffer> ask_bochs_offer(const BochsProgram& program);

/// An error names the model that does not exist, those whose names are near, and all there are.
[[nodiscard]] Result<void> check_bochs_cpu(const std::string& model, const BochsOffer& offer);

} // namespace vmrunit::runner
