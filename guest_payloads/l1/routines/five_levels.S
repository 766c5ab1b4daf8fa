/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Tables of another depth for 64-bit L1 code, by way of 32-bit code without paging: all of L1 is mapped one to
 * one below 4 GiB. See five_levels.cpp. APM2 5.3.3.
 */
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/x64/callee_saved.inc"

        .equ    cr0_paging, 0x80000000

        .text
        .code64

/* void vmrunit_change_tables(u64 cr3, u64 cr4) */
        .globl  vmrunit_change_tables
        .type   vmrunit_change_tables, @function
vmrunit_change_tables:
        push_callee_saved
        pushq   $VMRUNIT_SELECTOR_CODE_32
        lea     1f(%rip), %rax
        push    %rax
        lretq
        .code32
1:      mov     %cr0, %eax
        and     $~cr0_paging, %eax
        mov     %eax, %cr0
        mov     %esi, %cr4
        mov     %edi, %cr3
        or      $cr0_paging, %eax
        mov     %eax, %cr0
        ljmp    $VMRUNIT_SELECTOR_CODE_64, $2f
        .code64
2:      mov     %esp, %esp              /* what lies above 32 bits does not survive */
        pop_callee_saved
        ret
        .size   vmrunit_change_tables, . - vmrunit_change_tables

        .section .note.GNU-stack, "", @progbits
