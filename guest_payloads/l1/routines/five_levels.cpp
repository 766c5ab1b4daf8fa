// SPDX-License-Identifier: GPL-2.0-only
// L1 with tables of five levels for the time of one VMRUN. CR4.LA57 cannot change in long mode, so
// the way there and back leads through 32-bit code without paging. APM2 5.3.3, 15.25.3.

#ifdef __x86_64__ // A 32-bit L1 has no such tables.

#include "harness/guest/cpu.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <intrin.h>

namespace vmrunit::guest {

// All of L1 is mapped one to one below 4 GiB. What lies above 32 bits of a register does not
// survive, so the registers of the caller wait on the stack. RDI: CR3, RSI: CR4.
#define VMRUNIT_TEXT_OF(number) #number
#define VMRUNIT_TEXT(macro) VMRUNIT_TEXT_OF(macro)
asm(R"(
        .pushsection .text.change_tables, "ax", @progbits
        .code64
vmrunit_change_tables:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        pushq   $)" VMRUNIT_TEXT(VMRUNIT_SELECTOR_CODE_32) R"(
        lea     1f(%rip), %rax
        push    %rax
        lretq
        .code32
1:      mov     %cr0, %eax
        and     $0x7fffffff, %eax
        mov     %eax, %cr0
        mov     %esi, %cr4
        mov     %edi, %cr3
        or      $0x80000000, %eax
        mov     %eax, %cr0
        ljmp    $)" VMRUNIT_TEXT(VMRUNIT_SELECTOR_CODE_64) R"(, $2f
        .code64
2:      mov     %esp, %esp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
        .popsection
)");
#undef VMRUNIT_TEXT
#undef VMRUNIT_TEXT_OF
extern "C" void vmrunit_change_tables(std::uint64_t cr3, std::uint64_t cr4);

/// Reports whether L1 had five levels then, the exit code, and L2's RIP.
VMRUNIT_ROUTINE(vmrun_with_five_levels) {
    const std::uint64_t cr3 = read_cr3();
    const std::uint64_t cr4 = read_cr4();
    auto& root = reinterpret_cast<PageTable&>(call.arena.spare_vmcb);
    root = {};
    root.entries[0] = cr3 | world::present | world::writable | world::accessed;
    vmrunit_change_tables(reinterpret_cast<std::uintptr_t>(&root), cr4 | svm::cr4::la57);
    const bool has_five = (read_cr4() & svm::cr4::la57) != 0;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    vmrunit_change_tables(cr3, cr4);
    call.report(has_five ? 1 : 0);
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code));
    call.report(call.arena.vmcb.save.rip);
    root = {};
}

} // namespace vmrunit::guest

#endif
