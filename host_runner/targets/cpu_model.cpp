// SPDX-License-Identifier: GPL-2.0-only
// CPU models of QEMU.
#include "host_runner/targets/cpu_model.hpp"

#include "host_runner/targets/nearest_names.hpp"

#include <algorithm>

namespace vmrunit::runner {

std::string CpuModel::argument() const {
    // Not "+svm": QEMU lets that form win over a later "svm=off" without a word.
    std::string text = name + ",svm=on";
    for (const auto& [feature, on] : features) {
        text += "," + feature + (on ? "=on" : "=off");
    }
    return text;
}

Result<void> check(const CpuModel& model, const CpuOffer& offer) {
    if (std::ranges::find(offer.models, model.name) == offer.models.end()) {
        const auto hint = did_you_mean(model.name, offer.models);
        return failure("unknown CPU model '" + model.name + "'",
                       hint.empty() ? "see qemu-system-x86_64 -cpu help" : hint);
    }
    for (const auto& [feature, on] : model.features) {
        if (std::ranges::find(offer.features, feature) == offer.features.end()) {
            const auto hint = did_you_mean(feature, offer.features);
            return failure("unknown key or CPU feature '" + feature + "'",
                           hint.empty() ? "see qemu-system-x86_64 -cpu help" : hint);
        }
    }
    return {};
}

} // namespace vmrunit::runner
