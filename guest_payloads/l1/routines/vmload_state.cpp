// SPDX-License-Identifier: GPL-2.0-only
#include "guest_payloads/l1/routines/vmload_state.hpp"

#include "harness/guest/cpu.hpp"

namespace vmrunit::guest {

namespace {

struct OwnMsr {
    Msr number;
    std::uint64_t value;
};

// clang-format off
constexpr OwnMsr own_msrs[vmload_state_msrs] = {
    {Msr::fs_base,        0x0000'00f5'f5f5'f000},
    {Msr::gs_base,        0x0000'0065'6565'6000},
    {Msr::kernel_gs_base, 0x0000'006b'6b6b'6000},
    {Msr::star,           0x001b'0008'0000'0000},
    {Msr::lstar,          0x0000'0015'1515'1000},
    {Msr::cstar,          0x0000'00c5'c5c5'c000},
    {Msr::syscall_mask,   0x0000'0000'0004'7700},
    {Msr::sysenter_cs,    0x08},
    {Msr::sysenter_esp,   0x0000'0000'0e5e'5000},
    {Msr::sysenter_eip,   0x0000'0000'0e1e'1000},
};
// clang-format on

} // namespace

VmloadState read_vmload_state() {
    VmloadState state{};
    for (unsigned i = 0; i < vmload_state_msrs; ++i) {
        state[i] = read_msr(own_msrs[i].number);
    }
    state[10] = read_tr();
    state[11] = read_ldtr();
    state[12] = read_fs();
    state[13] = read_gs();
    return state;
}

VmloadState set_own_vmload_state() {
    for (const OwnMsr& msr : own_msrs) {
        write_msr(msr.number, msr.value);
    }
    return read_vmload_state();
}

} // namespace vmrunit::guest
