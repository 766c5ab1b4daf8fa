/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What L2 runs, for both widths. Programs end with VMMCALL; #VMEXIT leaves RIP at it, so whoever
 * runs a program again sets RIP again. The values it leaves are addresses of nothing: an L1 that
 * takes one for a pointer faults.
 */

        .text

/* Leaves a value of its own in every general register, vector register and status flag. */
        .globl l2_trash_everything
l2_trash_everything:
        incl l2_runs
#ifdef __x86_64__
        mov $l2_stack_top, %esp         /* a second run begins with the RSP the first one left */
        pushq $0x247cd5                 /* ID AC NT IOPL=3 OF DF SF ZF AF PF CF */
        popfq
        movabs $0xb000b0b0b0b0b0b0, %rax
        movabs $0xb001b1b1b1b1b1b1, %rbx
        movabs $0xb002b2b2b2b2b2b2, %rcx
        movabs $0xb003b3b3b3b3b3b3, %rdx
        movabs $0xb004b4b4b4b4b4b4, %rsi
        movabs $0xb005b5b5b5b5b5b5, %rdi
        movabs $0xb006b6b6b6b6b6b6, %rbp
        movabs $0xb007b7b7b7b7b7b7, %rsp
        movabs $0xb008b8b8b8b8b8b8, %r8
        movabs $0xb009b9b9b9b9b9b9, %r9
        movabs $0xb00ababababababa, %r10
        movabs $0xb00bbbbbbbbbbbbb, %r11
        movabs $0xb00cbcbcbcbcbcbc, %r12
        movabs $0xb00dbdbdbdbdbdbd, %r13
        movabs $0xb00ebebebebebebe, %r14
        movabs $0xb00fbfbfbfbfbfbf, %r15
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movq %rbx, %xmm\n
        .endr
#else
        mov $l2_stack_top, %esp
        pushl $0x247cd5
        popfl
        mov $0xb0b0b0b0, %eax
        mov $0xb1b1b1b1, %ebx
        mov $0xb2b2b2b2, %ecx
        mov $0xb3b3b3b3, %edx
        mov $0xb4b4b4b4, %esi
        mov $0xb5b5b5b5, %edi
        mov $0xb6b6b6b6, %ebp
        mov $0xb7b7b7b7, %esp
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7
        movd %ebx, %xmm\n
        .endr
#endif
        vmmcall

/* Leaves the low half of an MSR in RAX; its number comes from L1, as RCX does not pass VMRUN by way
 * of the VMCB. */
        .globl l2_read_msr
l2_read_msr:
        incl l2_runs
        mov l2_msr, %ecx
        rdmsr
        vmmcall

        .bss
        .balign 16
        .skip 256
l2_stack_top:
        .globl l2_runs, l2_msr
l2_runs:
        .skip 4
l2_msr:
        .skip 4

        .section .note.GNU-stack, "", @progbits
