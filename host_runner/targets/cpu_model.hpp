// SPDX-License-Identifier: GPL-2.0-only
// A CPU model of QEMU with features switched on and off, and its check against what a QEMU offers.
#pragma once

#include "host_runner/error.hpp"

#include <string>
#include <utility>
#include <vector>

namespace vmrunit::runner {

struct CpuModel {
    std::string name = "max";
    std::vector<std::pair<std::string, bool>> features; ///< As asked for; SVM is on anyway.

    /// For QEMU's -cpu: "EPYC,svm=on,npt=off".
    [[nodiscard]] std::string argument() const;
};

/// The names a QEMU knows.
struct CpuOffer {
    std::vector<std::string> models;
    std::vector<std::string> features;
};

/// An error names the model or feature that does not exist, and those whose names are near.
[[nodiscard]] Result<void> check(const CpuModel& model, const CpuOffer& offer);

} // namespace vmrunit::runner
