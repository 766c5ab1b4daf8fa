// SPDX-License-Identifier: GPL-2.0-only
// What a VM of kvm-worker has that CPUID does not tell its guest.
#pragma once

#include "harness/svm/features.hpp"
#include "harness/svm/inert_ports.hpp"

namespace vmrunit::runner {

/// No firmware has run in it, so SMBASE is as after reset, and the worker gives it memory there.
/// Where KVM has no SMM or no machine checks, the worker takes that back. All ports but its own two
/// answer 0.
[[nodiscard]] inline svm::Features machine_features_of_worker(unsigned cpus) {
    svm::Features features =
        svm::Features{svm::Feature::smm_in_memory, svm::Feature::machine_check_service} |
        svm::all_inert_ports;
    if (cpus > 1) {
        features.set(svm::Feature::second_cpu);
    }
    return features;
}

} // namespace vmrunit::runner
