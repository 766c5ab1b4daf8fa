/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A VMRUN of 64-bit L1 code that has left long mode and paging for it: 32-bit code at the addresses it is
 * linked at, which are mapped one to one, with EFER.LME left set. See without_paging.cpp. APM2 14.7, 15.5.1.
 */
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/x64/callee_saved.inc"
#include "guest_payloads/l1/routines/unpaged.inc"

        .text
        .code64

/* u32 vmrunit_vmrun_without_paging(u32 vmcb, UnpagedState* behind): 0, or the vector + 1 of VMRUN's fault. What L1 has
 * behind it goes to `behind`: CR0, CR3 and CR4, and the CR0 it had before. */
        .globl  vmrunit_vmrun_without_paging
        .type   vmrunit_vmrun_without_paging, @function
vmrunit_vmrun_without_paging:
        push_callee_saved
        mov     %rsp, saved_rsp
        sidt    saved_idtr
        set_gates
        lidt    unpaged_idtr
        pushq   $VMRUNIT_SELECTOR_CODE_32
        pushq   $1f
        lretq

        .code32
1:      mov     $VMRUNIT_SELECTOR_DATA, %eax
        mov     %eax, %ss
        mov     %eax, %ds
        mov     %eax, %es
        mov     %cr0, %eax
        and     $~cr0_paging, %eax
        mov     %eax, %cr0
        jmp     2f
2:      movl    $0, fault
        mov     %eax, 12(%esi)
        mov     %edi, %eax
        .byte   0x0f, 0x01, 0xd8        /* vmrun */
        jmp     back
        .irp    vector, 6, 13
fault_\vector:
        movl    $\vector + 1, fault
        jmp     back
        .endr
back:   tell_and_page
        ljmp    $VMRUNIT_SELECTOR_CODE_64, $3f

        .code64
3:      mov     saved_rsp, %rsp
        lidt    saved_idtr
        mov     fault, %eax
        pop_callee_saved
        ret
        .size   vmrunit_vmrun_without_paging, . - vmrunit_vmrun_without_paging

        .data
        .balign 8
unpaged_idtr:
        .short  14 * 8 - 1
        .quad   unpaged_idt

        .bss
        .balign 8
unpaged_idt:
        .skip   14 * 8
saved_rsp:
        .skip   8
saved_idtr:
        .skip   10
        .balign 4
fault:  .skip   4

        .section .note.GNU-stack, "", @progbits
