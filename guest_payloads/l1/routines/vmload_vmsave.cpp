// SPDX-License-Identifier: GPL-2.0-only
// __svm_vmload and __svm_vmsave: what they move and what they leave, by physical address. APM2
// 15.5.2; APM3, VMLOAD, VMSAVE.

#include "guest_payloads/l1/routines/bad_address.hpp"
#include "guest_payloads/l1/routines/page_split.hpp"
#include "guest_payloads/l1/routines/vmload_state.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <array>
#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr std::uint8_t filling = 0xa5;

std::uint64_t address_of(const svm::Vmcb& vmcb) {
    return reinterpret_cast<std::uintptr_t>(&vmcb);
}

void fill(svm::Vmcb& vmcb) {
    std::memset(&vmcb, filling, sizeof vmcb);
}

/// So many bytes of a filled VMCB changed that VMSAVE has no business with.
std::uint64_t changed_elsewhere(const svm::Vmcb& vmcb) {
    struct Run {
        std::uint32_t begin, end;
    };
    constexpr Run moved[] = {
        {svm::field::fs_selector.offset, svm::field::fs_selector.offset + 16u},
        {svm::field::gs_selector.offset, svm::field::gs_selector.offset + 16u},
        {svm::field::ldtr_selector.offset, svm::field::ldtr_selector.offset + 16u},
        {svm::field::tr_selector.offset, svm::field::tr_selector.offset + 16u},
        {svm::field::star.offset, svm::field::sysenter_eip.offset + 8u},
    };
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&vmcb);
    std::uint64_t count = 0;
    for (std::uint32_t i = 0; i < sizeof vmcb; ++i) {
        bool is_moved = false;
        for (const Run& run : moved) {
            is_moved = is_moved || (i >= run.begin && i < run.end);
        }
        count += !is_moved && bytes[i] != filling ? 1 : 0;
    }
    return count;
}

/// Selector, attributes and limit as the VMCB has them, and the base.
void report_segment(RoutineCall& call, const svm::Segment& segment) {
    call.report(segment.selector | std::uint64_t{segment.attributes.value} << 16 |
                std::uint64_t{segment.limit} << 32);
    call.report(segment.base);
}

struct RestOfState {
    std::uint64_t values[15];
};

RestOfState read_rest() {
    return {{read_cr0(), read_cr2(), read_cr3(), read_cr4(), has_cr8() ? read_cr8() : 0, read_dr6(),
             read_dr7(), read_msr(Msr::efer), read_rflags(), read_cs(), read_ss(), read_ds(),
             read_es(), read_gdtr().base, read_idtr().base}};
}

} // namespace

/// Reports the state L1 has after VMLOAD of the arena's VMCB, then the hidden parts of FS, GS, LDTR
/// and TR as VMSAVE stores them.
VMRUNIT_ROUTINE(vmload_state) {
    (void)set_own_vmload_state();
    __svm_vmload(address_of(call.arena.vmcb));
    for (const std::uint64_t value : read_vmload_state()) {
        call.report(value);
    }
    __svm_vmsave(address_of(call.arena.spare_vmcb));
    const auto& save = call.arena.spare_vmcb.save;
    for (const svm::Segment* segment : {&save.fs, &save.gs, &save.ldtr, &save.tr}) {
        report_segment(call, *segment);
    }
    std::memset(&call.arena.spare_vmcb, 0, sizeof(svm::Vmcb));
}

/// Reports how the rest of L1's state differs after VMLOAD.
VMRUNIT_ROUTINE(vmload_rest) {
    const RestOfState before = read_rest();
    __svm_vmload(address_of(call.arena.vmcb));
    const RestOfState after = read_rest();
    for (unsigned i = 0; i < std::size(before.values); ++i) {
        call.report(before.values[i] ^ after.values[i]);
    }
}

/// Reports how what VMSAVE stored differs from L1's state: the ten MSRs and bases, the selectors of
/// TR, LDTR, FS and GS, the base of TR; then how many other bytes of the page changed.
VMRUNIT_ROUTINE(vmsave_state) {
    const VmloadState own = set_own_vmload_state();
    svm::Vmcb& vmcb = call.arena.spare_vmcb;
    fill(vmcb);
    __svm_vmsave(address_of(vmcb));
    const auto& save = vmcb.save;
    const VmloadState stored{save.fs.base,      save.gs.base,     save.kernel_gs_base,
                             save.star,         save.lstar,       save.cstar,
                             save.sfmask,       save.sysenter_cs, save.sysenter_esp,
                             save.sysenter_eip, save.tr.selector, save.ldtr.selector,
                             save.fs.selector,  save.gs.selector};
    for (unsigned i = 0; i < vmload_state_size; ++i) {
        call.report(stored[i] ^ own[i]);
    }
    call.report(save.tr.base ^ reinterpret_cast<std::uintptr_t>(&current_cpu().task_state));
    call.report(changed_elsewhere(vmcb));
    std::memset(&vmcb, 0, sizeof vmcb);
}

/// The VMCB's page is not mapped. Reports 0 or the vector + 1 of VMLOAD's fault, KernelGSBase, then
/// the same of VMSAVE and what it stored.
VMRUNIT_ROUTINE(vmload_vmsave_hidden_vmcb) {
    svm::Vmcb& vmcb = call.arena.spare_vmcb;
    std::memcpy(&vmcb, &call.arena.vmcb, sizeof vmcb);
    std::optional<Fault> of_vmload;
    std::optional<Fault> of_vmsave;
    std::uint64_t loaded = 0;
    {
        const std::uint64_t address = address_of(vmcb);
        PageSplit split{&vmcb};
        split.hide(&vmcb);
        of_vmload = catch_fault([address] { __svm_vmload(address); });
        loaded = read_msr(Msr::kernel_gs_base);
        write_msr(Msr::kernel_gs_base, ~loaded & 0xffff'fff0);
        of_vmsave = catch_fault([address] { __svm_vmsave(address); });
        split.show(&vmcb);
    }
    call.report(vector_plus_1(of_vmload));
    call.report(loaded);
    call.report(vector_plus_1(of_vmsave));
    call.report(vmcb.save.kernel_gs_base ^ (~loaded & 0xffff'fff0));
    std::memset(&vmcb, 0, sizeof vmcb);
}

VMRUNIT_ROUTINE(vmload_bad_address) {
    __svm_vmload(bad_address(call));
}

VMRUNIT_ROUTINE(vmsave_bad_address) {
    __svm_vmsave(bad_address(call));
}

} // namespace vmrunit::guest
