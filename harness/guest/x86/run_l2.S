/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The case runner's VMRUN in 32-bit code: see x64/run_l2.S. Of L2's registers there are eight here,
 * and their lower halves; in L2Registers and RunEdge the rest stays as it is.
 */
        .text
        .code32

/* void vmrunit_run_l2(u64 vmcb, L2Registers*, RunEdge*) */
        .globl  vmrunit_run_l2
        .type   vmrunit_run_l2, @function
vmrunit_run_l2:
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        mov     28(%esp), %esi
        mov     32(%esp), %edx
        mov     20(%esp), %eax
        push    %edx
        push    %esi
        pushfl
        pop     24(%edx)                /* rflags_before */
        mov     %esp, 8(%edx)           /* rsp_before */
        mov     8(%esi), %ecx
        mov     16(%esi), %edx
        mov     24(%esi), %ebx
        mov     40(%esi), %ebp
        mov     56(%esi), %edi
        mov     48(%esi), %esi
        vmrun   %eax
        pushfl
        xchg    %esi, 4(%esp)           /* the register block in, L2's esi on the stack */
        mov     %ecx, 8(%esi)
        mov     %edx, 16(%esi)
        mov     %ebx, 24(%esi)
        mov     %ebp, 40(%esi)
        mov     %edi, 56(%esi)
        pop     %edi                    /* eflags after */
        mov     %esp, %ecx              /* esp after, as it was before the push */
        pop     48(%esi)
        pop     %edx
        mov     %eax, 0(%edx)
        mov     %ecx, 16(%edx)
        mov     %edi, 32(%edx)
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
        ret
        .size   vmrunit_run_l2, . - vmrunit_run_l2

/* u64 vmrunit_measure_runs(u64 vmcb, u64 count, u64* rip_field, u64 rip) */
        .globl  vmrunit_measure_runs
        .type   vmrunit_measure_runs, @function
vmrunit_measure_runs:
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        rdtsc
        push    %edx                    /* start */
        push    %eax
        mov     28(%esp), %eax
1:      mov     44(%esp), %edx
        mov     48(%esp), %ecx
        mov     %ecx, (%edx)
        vmrun   %eax
        decl    36(%esp)                /* runs left */
        jnz     1b
        rdtsc
        pop     %ecx
        pop     %ebx
        sub     %ecx, %eax
        sbb     %ebx, %edx
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
        ret
        .size   vmrunit_measure_runs, . - vmrunit_measure_runs
        .section .note.GNU-stack, "", @progbits
