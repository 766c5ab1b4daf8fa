// SPDX-License-Identifier: GPL-2.0-only
// __svm_vmrun as its documentation describes it: a physical address, a minimum of state, and every
// general register of the caller kept. APM2 15.5.1, docs/intrinsics.md.

#include "guest_payloads/l1/routines/bad_address.hpp"
#include "guest_payloads/l1/routines/page_split.hpp"
#include "guest_payloads/l1/routines/vmload_state.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"

#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

std::uint64_t address_of(const svm::Vmcb& vmcb) {
    return reinterpret_cast<std::uintptr_t>(&vmcb);
}

} // namespace

/// Reports 0, or the vector + 1 of the fault that the VMRUN took; the exit code.
VMRUNIT_ROUTINE(vmrun_hidden_vmcb) {
    std::memcpy(&call.arena.spare_vmcb, &call.arena.vmcb, sizeof(svm::Vmcb));
    std::optional<Fault> fault;
    {
        PageSplit split{&call.arena.spare_vmcb};
        split.hide(&call.arena.spare_vmcb);
        const std::uint64_t vmcb = address_of(call.arena.spare_vmcb);
        fault = catch_fault([vmcb] { __svm_vmrun(vmcb); });
        split.show(&call.arena.spare_vmcb);
    }
    call.report(vector_plus_1(fault));
    call.report(static_cast<std::uint64_t>(call.arena.spare_vmcb.control.exit_code));
    std::memset(&call.arena.spare_vmcb, 0, sizeof(svm::Vmcb));
}

/// The VMCB's program stores the state it sees in L2's data. Reports how that differs from L1's
/// own, then how L1's differs afterwards.
VMRUNIT_ROUTINE(vmrun_minimum_state) {
    const VmloadState own = set_own_vmload_state();
    __svm_vmrun(address_of(call.arena.vmcb));
    VmloadState seen{};
    std::memcpy(seen.data(), call.arena.l2.data, sizeof seen);
    const VmloadState after = read_vmload_state();
    for (unsigned i = 0; i < vmload_state_size; ++i) {
        call.report(seen[i] ^ own[i]);
    }
    for (unsigned i = 0; i < vmload_state_size; ++i) {
        call.report(after[i] ^ own[i]);
    }
}

/// Reports of FS, GS, LDTR and TR: how their parts in the CPU differ after a VMRUN from what they
/// were before it (selector, attributes and limit; the base), and how many bytes of the VMCB's have
/// changed.
VMRUNIT_ROUTINE(vmrun_hidden_parts) {
    struct Segments {
        svm::Segment parts[4];
        explicit Segments(const svm::Vmcb& vmcb)
            : parts{vmcb.save.fs, vmcb.save.gs, vmcb.save.ldtr, vmcb.save.tr} {}
    };
    svm::Vmcb& own = call.arena.spare_vmcb;
    __svm_vmsave(address_of(own));
    const Segments before{own};
    const Segments written{call.arena.vmcb};
    __svm_vmrun(address_of(call.arena.vmcb));
    const Segments left{call.arena.vmcb};
    __svm_vmsave(address_of(own));
    const Segments after{own};
    for (unsigned i = 0; i < 4; ++i) {
        const auto visible = [](const svm::Segment& segment) {
            return segment.selector | std::uint64_t{segment.attributes.value} << 16 |
                   std::uint64_t{segment.limit} << 32;
        };
        call.report(visible(before.parts[i]) ^ visible(after.parts[i]));
        call.report(before.parts[i].base ^ after.parts[i].base);
        const auto* const was = reinterpret_cast<const std::uint8_t*>(&written.parts[i]);
        const auto* const is = reinterpret_cast<const std::uint8_t*>(&left.parts[i]);
        std::uint64_t changed = 0;
        for (unsigned j = 0; j < sizeof(svm::Segment); ++j) {
            changed += was[j] != is[j] ? 1 : 0;
        }
        call.report(changed);
    }
    own = {};
}

#ifdef __x86_64__
/// Reports what 14 registers that held 1 to 14 hold after a VMRUN whose L2 changed all of them.
VMRUNIT_ROUTINE(vmrun_keeps_registers) {
    const std::uint64_t vmcb = address_of(call.arena.vmcb);
    std::uint64_t values[14];
    // The first assembly puts the numbers there and the second takes them away; between the two is
    // nothing but the intrinsic, and no register is left in which to hide one.
    // NOLINTBEGIN(cppcoreguidelines-init-variables): so it is with them
    register std::uint64_t rbx asm("rbx");
    register std::uint64_t rcx asm("rcx");
    register std::uint64_t rdx asm("rdx");
    register std::uint64_t rsi asm("rsi");
    register std::uint64_t rdi asm("rdi");
    register std::uint64_t rbp asm("rbp");
    register std::uint64_t r8 asm("r8");
    register std::uint64_t r9 asm("r9");
    register std::uint64_t r10 asm("r10");
    register std::uint64_t r11 asm("r11");
    register std::uint64_t r12 asm("r12");
    register std::uint64_t r13 asm("r13");
    register std::uint64_t r14 asm("r14");
    register std::uint64_t r15 asm("r15");
    // NOLINTEND(cppcoreguidelines-init-variables)
    register std::uint64_t rax asm("rax") = vmcb;
    asm volatile("mov $1, %0; mov $2, %1; mov $3, %2; mov $4, %3; mov $5, %4; mov $6, %5;"
                 "mov $7, %6; mov $8, %7; mov $9, %8; mov $10, %9; mov $11, %10; mov $12, %11;"
                 "mov $13, %12; mov $14, %13"
                 : "=r"(rbx), "=r"(rcx), "=r"(rdx), "=r"(rsi), "=r"(rdi), "=r"(rbp), "=r"(r8),
                   "=r"(r9), "=r"(r10), "=r"(r11), "=r"(r12), "=r"(r13), "=r"(r14), "=r"(r15),
                   "+r"(rax));
    __svm_vmrun(rax);
    asm volatile(""
                 : "+r"(rbx), "+r"(rcx), "+r"(rdx), "+r"(rsi), "+r"(rdi), "+r"(rbp), "+r"(r8),
                   "+r"(r9), "+r"(r10), "+r"(r11), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15));
    const std::uint64_t now[14] = {rbx, rcx, rdx, rsi, rdi, rbp, r8,
                                   r9,  r10, r11, r12, r13, r14, r15};
    std::memcpy(values, now, sizeof values);
    for (const std::uint64_t value : values) {
        call.report(value);
    }
}
#else
/// The same of six registers, which held 1 to 6.
VMRUNIT_ROUTINE(vmrun_keeps_registers) {
    const std::size_t vmcb = address_of(call.arena.vmcb);
    std::uint32_t values[6];
    // NOLINTBEGIN(cppcoreguidelines-init-variables): so it is with them
    register std::uint32_t ebx asm("ebx");
    register std::uint32_t ecx asm("ecx");
    register std::uint32_t edx asm("edx");
    register std::uint32_t esi asm("esi");
    register std::uint32_t edi asm("edi");
    register std::uint32_t ebp asm("ebp");
    // NOLINTEND(cppcoreguidelines-init-variables)
    register std::size_t eax asm("eax") = vmcb;
    asm volatile("mov $1, %0; mov $2, %1; mov $3, %2; mov $4, %3; mov $5, %4; mov $6, %5"
                 : "=r"(ebx), "=r"(ecx), "=r"(edx), "=r"(esi), "=r"(edi), "=r"(ebp), "+r"(eax));
    __svm_vmrun(eax);
    asm volatile("" : "+r"(ebx), "+r"(ecx), "+r"(edx), "+r"(esi), "+r"(edi), "+r"(ebp));
    const std::uint32_t now[6] = {ebx, ecx, edx, esi, edi, ebp};
    std::memcpy(values, now, sizeof values);
    for (const std::uint32_t value : values) {
        call.report(value);
    }
}
#endif

/// VMRUN of an address that is no VMCB's; see bad_address.hpp.
VMRUNIT_ROUTINE(vmrun_bad_address) {
    __svm_vmrun(bad_address(call));
}

} // namespace vmrunit::guest
