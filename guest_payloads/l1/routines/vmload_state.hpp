// SPDX-License-Identifier: GPL-2.0-only
// The state that VMRUN leaves to VMLOAD and VMSAVE, as L1 reads it. APM2 15.5.2; APM3, VMLOAD.
#pragma once

#include <array>
#include <cstdint>

namespace vmrunit::guest {

/// In the order in which the L2 program store_vmload_state writes them and the cases name them: FS
/// and GS base, KernelGSBase, STAR, LSTAR, CSTAR, SFMASK, SYSENTER_CS, _ESP, _EIP, TR, LDTR, FS,
/// GS.
inline constexpr unsigned vmload_state_msrs = 10;
inline constexpr unsigned vmload_state_size = 14;
using VmloadState = std::array<std::uint64_t, vmload_state_size>;

[[nodiscard]] VmloadState read_vmload_state();

/// Gives the MSRs of this CPU values that no VMCB of a case has, and returns the state.
VmloadState set_own_vmload_state();

} // namespace vmrunit::guest
