// SPDX-License-Identifier: GPL-2.0-only
// See vmcb_page.hpp. VMRUN and VMMCALL are intercepted: the first must be, the second ends L2. So
// are all exceptions and SHUTDOWN: an L2 that faults ends the run with another exit code, not the
// machine.
#include "tests/intrinsics/vmcb_page.hpp"

#include <intrin.h>

VmcbPage main_vmcb;

namespace {

#ifdef __x86_64__
constexpr uint16_t code_attributes = 0xa9b;
#else
constexpr uint16_t code_attributes = 0xc9b;
#endif
constexpr uint16_t data_attributes = 0xc93;
constexpr uint16_t code_selector = 0x08;
constexpr uint16_t data_selector = 0x10;

constexpr size_t intercepts_exceptions = 0x008;
constexpr uint32_t intercept_shutdown = 1u << 31;
constexpr uint32_t intercept_vmrun_vmmcall = 3;

void set_segment(VmcbPage& vmcb, size_t offset, uint16_t selector, uint16_t attributes) {
    vmcb.at<uint16_t>(offset) = selector;
    vmcb.at<uint16_t>(offset + vmcb_offset::in_segment_attributes) = attributes;
    vmcb.at<uint32_t>(offset + vmcb_offset::in_segment_limit) = 0xffff'ffff;
    vmcb.at<uint64_t>(offset + vmcb_offset::in_segment_base) = 0;
}

} // namespace

void VmcbPage::prepare(const char* program) {
    namespace offset = vmcb_offset;
    size_t cr0 = 0;
    size_t cr3 = 0;
    size_t cr4 = 0;
    asm volatile("mov %%cr0, %0" : "=r"(cr0));
    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    asm volatile("mov %%cr4, %0" : "=r"(cr4));

    fill(0);
    at<uint32_t>(intercepts_exceptions) = 0xffff'ffff;
    at<uint32_t>(offset::intercepts_misc_1) = intercept_shutdown;
    at<uint32_t>(offset::intercepts_misc_2) = intercept_vmrun_vmmcall;
    at<uint32_t>(offset::guest_asid) = 1;
    set_segment(*this, offset::cs, code_selector, code_attributes);
    constexpr size_t data_segments[] = {offset::es, offset::ss, offset::ds, offset::fs, offset::gs};
    for (size_t segment : data_segments) {
        set_segment(*this, segment, data_selector, data_attributes);
    }
    at<uint64_t>(offset::efer) = machine::read(machine::Msr::efer);
    at<uint64_t>(offset::cr0) = cr0;
    at<uint64_t>(offset::cr3) = cr3;
    at<uint64_t>(offset::cr4) = cr4;
    at<uint64_t>(offset::dr6) = 0xffff'0ff0;
    at<uint64_t>(offset::dr7) = 0x400;
    at<uint64_t>(offset::rflags) = 2;
    at<uint64_t>(offset::rip) = reinterpret_cast<size_t>(program);
    at<uint64_t>(offset::g_pat) = 0x0007'0406'0007'0406;
}

bool VmcbPage::runs_to_vmmcall() {
    const uint32_t before = l2_runs;
    __svm_vmrun(physical_address());
    return l2_runs == before + 1 && at<uint64_t>(vmcb_offset::exit_code) == exit_code_vmmcall;
}
