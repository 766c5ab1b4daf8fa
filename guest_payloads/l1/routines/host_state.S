/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A VMRUN with flags, stack pointer and data segments of the caller's choice; see host_state.cpp, whose
 * structure this reads and writes. Between the loads of the segments and their being put back nothing is accessed
 * but by CS, for each of them may be null. APM2 15.5.1, 15.6.
 */
#ifdef __x86_64__
#define WORD 8
#define AX %rax
#define DX %rdx
#define BP %rbp
#define SP %rsp
#else
#define WORD 4
#define AX %eax
#define DX %edx
#define BP %ebp
#define SP %esp
#endif

        .equ    vmcb, 0
        .equ    own_stack, WORD
        .equ    stack, 2 * WORD
        .equ    flags, 3 * WORD
        .equ    es_selector, 4 * WORD
        .equ    ds_selector, 5 * WORD
        .equ    ss_selector, 6 * WORD
        .equ    rax_after, 7 * WORD
        .equ    stack_after, 8 * WORD
        .equ    flags_after, 9 * WORD
        .equ    es_after, 10 * WORD
        .equ    ds_after, 11 * WORD
        .equ    ss_after, 12 * WORD

        .text
/* void vmrunit_vmrun_with_host_state(HostState* state) */
        .globl  vmrunit_vmrun_with_host_state
        .type   vmrunit_vmrun_with_host_state, @function
vmrunit_vmrun_with_host_state:
#ifdef __x86_64__
        push    %rbx
        push    %rbp
        mov     %rdi, %rbp
#else
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        mov     20(%esp), %ebp
#endif
        mov     SP, own_stack(BP)
        mov     %ds, %ecx
        mov     vmcb(BP), AX
        mov     stack(BP), DX
        mov     es_selector(BP), %edi
        mov     ds_selector(BP), %ebx
        mov     ss_selector(BP), %esi
        push    flags(BP)
        popf
        mov     %edi, %es
        mov     %ebx, %ds
        mov     %esi, %ss               /* events wait for the instruction behind it */
        mov     DX, SP
        .byte   0x0f, 0x01, 0xd8        /* vmrun */
        mov     SP, DX
        mov     %es, %edi
        mov     %ds, %ebx
        mov     %ss, %esi
        mov     %ecx, %ds
        mov     %ecx, %es
        mov     %ecx, %ss
        mov     own_stack(BP), SP
        pushf
        pop     flags_after(BP)
        push    $2
        popf
        mov     AX, rax_after(BP)
        mov     DX, stack_after(BP)
        movzwl  %di, %edi
        movzwl  %bx, %ebx
        movzwl  %si, %esi
        mov     %edi, es_after(BP)
        mov     %ebx, ds_after(BP)
        mov     %esi, ss_after(BP)
#ifdef __x86_64__
        pop     %rbp
        pop     %rbx
#else
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
#endif
        ret
        .size   vmrunit_vmrun_with_host_state, . - vmrunit_vmrun_with_host_state

        .section .note.GNU-stack, "", @progbits
