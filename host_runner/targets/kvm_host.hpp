// SPDX-License-Identifier: GPL-2.0-only
// What this machine's KVM offers for nested SVM: looking (system calls, no judgement) and judging
// (data in, a reason and a cure out) are apart, so that every judgement can be tested anywhere.
#pragma once

#include "host_runner/targets/target.hpp"

#include <string>

namespace vmrunit::runner {

struct KvmHost {
    std::string cpu_vendor;        ///< "AuthenticAMD"
    bool cpu_has_svm = false;      ///< CPUID Fn8000_0001 ECX.SVM as this machine shows it.
    bool under_hypervisor = false; ///< CPUID Fn0000_0001 ECX bit 31.
    std::string kernel_release;    ///< As uname has it.

    int open_error = 0;        ///< errno of opening /dev/kvm; 0 if it opened.
    int api_version = 0;       ///< KVM_GET_API_VERSION; 12 is the only one there is.
    int create_vm_error = 0;   ///< errno of KVM_CREATE_VM; 0 if a VM could be created.
    bool guest_svm = false;    ///< KVM_GET_SUPPORTED_CPUID: Fn8000_0001 ECX.SVM.
    int nested_state_size = 0; ///< KVM_CAP_NESTED_STATE: 0 if L2 cannot be saved and restored.
};

[[nodiscard]] KvmHost look_at_kvm_host();

/// Can a guest of this KVM run guests of its own by SVM?
[[nodiscard]] Availability judge_nested_svm(const KvmHost& host);

} // namespace vmrunit::runner
