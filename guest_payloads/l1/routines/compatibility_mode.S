/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A VMRUN of 32-bit code of a 64-bit L1. Behind it stands an instruction that is another one in 64-bit code. See
 * compatibility_mode.cpp. APM2 15.5.1, 15.6.
 */
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/x64/callee_saved.inc"

        .text
        .code64

/* u32 vmrunit_vmrun_in_compatibility_mode(u32 vmcb, u16* cs): EAX as the instruction leaves it. */
        .globl  vmrunit_vmrun_in_compatibility_mode
        .type   vmrunit_vmrun_in_compatibility_mode, @function
vmrunit_vmrun_in_compatibility_mode:
        push_callee_saved
        mov     %rsp, caller_stack(%rip)
        pushq   $VMRUNIT_SELECTOR_CODE_32
        lea     1f(%rip), %rax
        push    %rax
        lretq
        .code32
1:      mov     %edi, %eax
        .byte   0x0f, 0x01, 0xd8        /* vmrun */
        .byte   0x48                    /* dec %eax, or in 64-bit code a prefix */
        nop
        mov     %cs, %ecx
        cmp     %edi, %eax
        je      2f                      /* it was one: this is 64-bit code already */
        ljmp    $VMRUNIT_SELECTOR_CODE_64, $2f
        .code64
2:      mov     caller_stack(%rip), %rsp
        mov     %cx, (%rsi)
        pop_callee_saved
        ret
        .size   vmrunit_vmrun_in_compatibility_mode, . - vmrunit_vmrun_in_compatibility_mode

        .bss
        .balign 8
caller_stack:
        .skip   8

        .section .note.GNU-stack, "", @progbits
