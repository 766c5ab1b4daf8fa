// SPDX-License-Identifier: GPL-2.0-only
// VMRUN and #VMEXIT leave the moved state to VMLOAD and VMSAVE (APM volume 2, 15.5.1): L2 runs with
// L1's, L1 gets back what L2 has, and the VMCB's stays as it is.
#include "tests/intrinsics/behaviour.hpp"
#include "tests/intrinsics/moved_state.hpp"

#include <intrin.h>

namespace {

VmcbPage before;
VmcbPage after;

} // namespace

BEHAVIOUR(vmrun_leaves_moved_state_of_l1) {
    write_moved_msrs();
    main_vmcb.prepare(l2_trash_everything);
    fill_moved_state(main_vmcb);
    __svm_vmsave(before.physical_address());
    const bool ran = main_vmcb.runs_to_vmmcall();
    __svm_vmsave(after.physical_address());
    return finding(ran && same_moved_state(before, after));
}

BEHAVIOUR(vmexit_leaves_moved_state_in_vmcb) {
    main_vmcb.prepare(l2_trash_everything);
    fill_moved_state(main_vmcb);
    before = main_vmcb;
    return finding(main_vmcb.runs_to_vmmcall() && same_moved_state(before, main_vmcb));
}

BEHAVIOUR(l2_sees_moved_state_of_l1) {
    write_moved_msrs();
    main_vmcb.prepare(l2_read_msr);
    fill_moved_state(main_vmcb);
    for (const MovedMsr& moved : moved_msrs) {
        l2_msr = moved.msr;
        main_vmcb.at<uint64_t>(vmcb_offset::rip) = reinterpret_cast<size_t>(l2_read_msr);
        if (!main_vmcb.runs_to_vmmcall() ||
            main_vmcb.at<uint32_t>(vmcb_offset::rax) != static_cast<uint32_t>(moved.value)) {
            return Finding::fails;
        }
    }
    return Finding::holds;
}
