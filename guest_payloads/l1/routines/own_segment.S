/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A VMRUN of a 32-bit L1 whose ES is not flat, and one access by ES behind it. The handler of its #GP is one that does
 * without ES. See host_segments.cpp. APM2 15.6.
 */
#include "harness/guest/l1_baseline.hpp"

        .text
        .code32

/* u64 vmrunit_probe_es(u32 vmcb, u32 selector, u32 offset, u32 write): 0 or the vector + 1 of the access's fault; from
 * bit 32 on the byte read, and from bit 40 on the selector behind the #VMEXIT. */
        .globl  vmrunit_probe_es
        .type   vmrunit_probe_es, @function
vmrunit_probe_es:
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        mov     %esp, %ebp
        sidt    own_idtr
        mov     $general_protection, %eax
        mov     %ax, probe_idt + 13 * 8
        movw    $VMRUNIT_SELECTOR_CODE_32, probe_idt + 13 * 8 + 2
        movw    $0x8e00, probe_idt + 13 * 8 + 4
        shr     $16, %eax
        mov     %ax, probe_idt + 13 * 8 + 6
        lidt    probe_idtr
        mov     20(%ebp), %eax
        mov     24(%ebp), %ecx
        mov     28(%ebp), %edx
        mov     32(%ebp), %esi
        mov     %ecx, %es
        .byte   0x0f, 0x01, 0xd8        /* vmrun */
        mov     %es, %ecx
        xor     %eax, %eax
        xor     %ebx, %ebx
        test    %esi, %esi
        jnz     1f
        movb    %es:(%edx), %bl
        jmp     2f
1:      movb    $0, %es:(%edx)
        jmp     2f
general_protection:
        mov     $13 + 1, %eax
2:      mov     $VMRUNIT_SELECTOR_DATA, %edx
        mov     %edx, %es
        lidt    own_idtr
        movzwl  %cx, %edx
        shl     $8, %edx
        or      %ebx, %edx
        mov     %ebp, %esp
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
        ret
        .size   vmrunit_probe_es, . - vmrunit_probe_es

        .data
        .balign 4
probe_idtr:
        .short  14 * 8 - 1
        .long   probe_idt

        .bss
        .balign 8
probe_idt:
        .skip   14 * 8
own_idtr:
        .skip   6

        .section .note.GNU-stack, "", @progbits
