/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The case runner's VMRUN: L2's registers in, VMRUN, L2's registers out. VMRUN moves only RAX, RSP and
 * RFLAGS of these (APM2 15.5.1); everything else is L2's after the #VMEXIT, so the only safe places
 * are the stack, which #VMEXIT restores, and what is found from there.
 */
#include "harness/guest/x64/callee_saved.inc"

        .text
        .code64

/* void vmrunit_run_l2(u64 vmcb, L2Registers*, RunEdge*) */
        .globl  vmrunit_run_l2
        .type   vmrunit_run_l2, @function
vmrunit_run_l2:
        push_callee_saved
        push    %rdx
        push    %rsi
        pushfq
        pop     24(%rdx)                /* rflags_before */
        mov     %rsp, 8(%rdx)           /* rsp_before */
        mov     %rdi, %rax
        mov     8(%rsi), %rcx
        mov     16(%rsi), %rdx
        mov     24(%rsi), %rbx
        mov     40(%rsi), %rbp
        mov     56(%rsi), %rdi
        mov     64(%rsi), %r8
        mov     72(%rsi), %r9
        mov     80(%rsi), %r10
        mov     88(%rsi), %r11
        mov     96(%rsi), %r12
        mov     104(%rsi), %r13
        mov     112(%rsi), %r14
        mov     120(%rsi), %r15
        mov     48(%rsi), %rsi
        vmrun   %rax
        pushfq
        xchg    %rsi, 8(%rsp)           /* the register block in, L2's rsi on the stack */
        mov     %rcx, 8(%rsi)
        mov     %rdx, 16(%rsi)
        mov     %rbx, 24(%rsi)
        mov     %rbp, 40(%rsi)
        mov     %rdi, 56(%rsi)
        mov     %r8, 64(%rsi)
        mov     %r9, 72(%rsi)
        mov     %r10, 80(%rsi)
        mov     %r11, 88(%rsi)
        mov     %r12, 96(%rsi)
        mov     %r13, 104(%rsi)
        mov     %r14, 112(%rsi)
        mov     %r15, 120(%rsi)
        pop     %rdi                    /* rflags after */
        mov     %rsp, %rcx              /* rsp after, as it was before the push */
        pop     48(%rsi)
        pop     %rdx
        mov     %rax, 0(%rdx)
        mov     %rcx, 16(%rdx)
        mov     %rdi, 32(%rdx)
        pop_callee_saved
        ret
        .size   vmrunit_run_l2, . - vmrunit_run_l2

/* u64 vmrunit_measure_runs(u64 vmcb, u64 count, u64* rip_field, u64 rip) */
        .globl  vmrunit_measure_runs
        .type   vmrunit_measure_runs, @function
vmrunit_measure_runs:
        push_callee_saved
        push    %rsi                    /* runs left */
        push    %rdx
        push    %rcx
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        push    %rax                    /* start */
        mov     %rdi, %rax
1:      mov     16(%rsp), %rdx
        mov     8(%rsp), %rcx
        mov     %rcx, (%rdx)
        vmrun   %rax
        decq    24(%rsp)
        jnz     1b
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        pop     %rcx
        sub     %rcx, %rax
        add     $24, %rsp
        pop_callee_saved
        ret
        .size   vmrunit_measure_runs, . - vmrunit_measure_runs
        .section .note.GNU-stack, "", @progbits
