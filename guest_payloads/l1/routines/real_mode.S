/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A 64-bit L1 goes to real mode and back: by compatibility mode out of paging, and out of protection. EFER.LME stays
 * set. See unprotected.cpp. APM2 14.7.
 */
#include "guest_payloads/l1/routines/unprotected.inc"
#include "harness/guest/x64/callee_saved.inc"

        real_mode_visit protected

        .text
        .code64
/* u32 vmrunit_in_real_mode(u32 instruction, u32 eax, u32* ip): the vector + 1 of the fault, and its IP. */
        .globl  vmrunit_in_real_mode
        .type   vmrunit_in_real_mode, @function
vmrunit_in_real_mode:
        push_callee_saved
        mov     %rdx, %rbp              /* all of L1 lies below 4 GiB */
        mov     %rsp, real_saved_rsp
        sidt    real_saved_idtr
        mov     %edi, %ebx
        shl     $4, %ebx
        add     $unprotected_instructions - 0xd80, %ebx
        mov     %esi, %eax
        pushq   $VMRUNIT_SELECTOR_CODE_32
        pushq   $1f
        lretq

        .code32
1:      mov     $VMRUNIT_SELECTOR_DATA, %ecx
        mov     %ecx, %ss
        mov     %cr0, %ecx
        and     $~cr0_paging, %ecx
        mov     %ecx, %cr0
        ljmp    $selector_code_16, $real_entry

protected:
        mov     $VMRUNIT_SELECTOR_DATA, %eax
        mov     %eax, %ss
        mov     %eax, %ds
        mov     %eax, %es
        mov     %ecx, (%ebp)
        mov     %cr0, %eax
        or      $cr0_paging, %eax
        mov     %eax, %cr0
        ljmp    $VMRUNIT_SELECTOR_CODE_64, $2f

        .code64
2:      mov     real_saved_rsp, %rsp
        lidt    real_saved_idtr
        mov     %edi, %eax
        pop_callee_saved
        ret
        .size   vmrunit_in_real_mode, . - vmrunit_in_real_mode

        .bss
        .balign 8
real_saved_rsp:
        .skip   8
real_saved_idtr:
        .skip   10

        .section .note.GNU-stack, "", @progbits
