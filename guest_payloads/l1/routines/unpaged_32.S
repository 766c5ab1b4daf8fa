/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A VMRUN of a 32-bit L1 that pages with neither two levels nor three: all it has is mapped one to one. See
 * without_paging.cpp. APM2 15.5.1.
 */
#include "harness/guest/l1_baseline.hpp"
#include "guest_payloads/l1/routines/unpaged.inc"

        .text
        .code32

/* As that of a 64-bit L1: without_paging.S. */
        .globl  vmrunit_vmrun_without_paging
        .type   vmrunit_vmrun_without_paging, @function
vmrunit_vmrun_without_paging:
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        mov     %esp, %ebp
        sidt    paged_idtr
        set_gates
        lidt    unpaged_idtr
        mov     24(%ebp), %esi
        xor     %edi, %edi              /* the fault */
        mov     %cr0, %eax
        and     $~cr0_paging, %eax
        mov     %eax, %cr0
        mov     %eax, 12(%esi)
        mov     20(%ebp), %eax
        .byte   0x0f, 0x01, 0xd8        /* vmrun */
        jmp     back
        .irp    vector, 6, 13
fault_\vector:
        mov     $\vector + 1, %edi
        jmp     back
        .endr
back:   tell_and_page
        lidt    paged_idtr
        mov     %edi, %eax
        mov     %ebp, %esp
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
        ret
        .size   vmrunit_vmrun_without_paging, . - vmrunit_vmrun_without_paging

        .data
        .balign 4
unpaged_idtr:
        .short  14 * 8 - 1
        .long   unpaged_idt

        .bss
        .balign 8
unpaged_idt:
        .skip   14 * 8
paged_idtr:
        .skip   6

        .section .note.GNU-stack, "", @progbits
