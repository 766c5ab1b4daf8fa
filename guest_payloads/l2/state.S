/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs that show the state VMRUN loaded, in rBX or in memory at rDI, and that change it. What one
 * register can show stands with the others of its kind (control_registers.S, debug_registers.S).
 */
#include "harness/guest/l2_program.inc"

        l2_program copy_rax, 64, "mov %rax, %rbx"
        l2_legacy_programs copy_rax, "mov %eax, %ebx"
        l2_program copy_rsp, 64, "mov %rsp, %rbx"
        l2_legacy_programs copy_rsp, "mov %esp, %ebx"
        l2_program set_rax, 64, "mov %rbx, %rax"
        l2_legacy_programs set_rax, "mov %ebx, %eax"
        l2_program set_rsp, 64, "mov %rbx, %rsp"
        l2_legacy_programs set_rsp, "mov %ebx, %esp"
        .irp    segment, es, cs, ss, ds
        l2_programs copy_\segment, "mov %\segment, %ebx"
        .endr
        .irp    segment, es, ss, ds, fs, gs
        l2_programs set_\segment, "mov %ebx, %\segment"
        .endr
        l2_legacy_programs pop_ss, "pop %ss"
        l2_programs set_ss_pause, "mov %ebx, %ss", behind="pause; nop; nop"
        l2_programs set_ds_pause, "mov %ebx, %ds", behind="pause; nop; nop"
        l2_legacy_programs pop_ss_pause, "pop %ss", behind="pause; nop; nop"
        l2_program rdssp, 64, ".byte 0xf3, 0x48, 0x0f, 0x1e, 0xcb"      /* rdsspq %rbx */
        l2_programs set_ldtr, "lldt %bx"
        l2_programs set_tr, "ltr %bx"

/* All 32 bits of the flags, where PUSHF and POPF alone move 16. */
        l2_program pushfd, 16, "pushfl"
        l2_program popfd, 16, "popfl"

/* Through a segment: what base, limit and type VMRUN took from the VMCB. The offset is in rDI. */
        .irp    segment, es, cs, ss, ds, fs, gs
        l2_program read_through_\segment, 64, "mov %\segment:(%rdi), %ebx"
        l2_legacy_programs read_through_\segment, "mov %\segment:(%edi), %ebx"
        l2_program write_through_\segment, 64, "mov %ebx, %\segment:(%rdi)"
        l2_program write_through_\segment, 32, "mov %ebx, %\segment:(%edi)"
        .endr

/* PUSH shows the stack size of SS.B: 16 or 32 bits of rSP move. */
        l2_program push_rbx, 64, "push %rbx"
        l2_program push_rbx, 32, "push %ebx"

/* The same to memory at rAX, for routines: of L2's registers they see RAX alone. */
        .irp    register, cr0, cr3, cr4, dr6, dr7
        l2_program store_\register, 64, "mov %\register, %rbx", behind="mov %rbx, (%rax)"
        l2_program store_\register, 32, "mov %\register, %ebx", behind="mov %ebx, (%eax)"
        .endr
        l2_program store_efer, 64, "rdmsr", before="mov %rax, %rbx; mov $0xc0000080, %ecx", behind="mov %eax, (%rbx)"
        l2_program store_efer, 32, "rdmsr", before="mov %eax, %ebx; mov $0xc0000080, %ecx", behind="mov %eax, (%ebx)"

/* Time stamps: EDX goes to memory at rBX, which the routine that compares them reads; EAX is in the VMCB. */
        l2_program store_rdtsc, 64, "rdtsc", before="mov %rax, %rbx", behind="mov %edx, (%rbx)"
        l2_program store_rdtscp, 64, "rdtscp", before="mov %rax, %rbx", behind="mov %edx, (%rbx)"
        l2_program store_rdmsr_tsc, 64, "rdmsr", before="mov %rax, %rbx; mov $0x10, %ecx", behind="mov %edx, (%rbx)"
        l2_program store_rdmsr_mperf, 64, "rdmsr", before="mov %rax, %rbx; mov $0xe7, %ecx", behind="mov %edx, (%rbx)"

/* Writes it from memory at rAX, and reads it back likewise. */
        l2_program store_tsc_written, 64, "wrmsr", before="mov %rax, %rbx; mov (%rbx), %eax; mov 4(%rbx), %edx; mov $0x10, %ecx", behind="rdtsc; mov %edx, (%rbx)"

/*
 * What neither VMRUN nor #VMEXIT moves: the program stores it at rAX and loads another value from 16 bytes
 * behind. For routines.
 */
        l2_program exchange_xmm0, 64, "movups 16(%rax), %xmm0", before="movups %xmm0, (%rax)"
        l2_program exchange_st0, 64, "fldl 16(%rax)", before="fstpl (%rax)"
        l2_program exchange_mxcsr, 64, "ldmxcsr 16(%rax)", before="stmxcsr (%rax)"
        l2_program exchange_xcr0, 64, "xsetbv", before="mov %rax, %rbx; mov $0, %ecx; xgetbv; mov %eax, (%rbx); mov 16(%rbx), %eax; mov $0, %edx"

/* 20h to memory at rAX: where the local APIC has its task priority. */
        l2_program write_20h, 64, "movl $0x20, (%rax)"
        l2_program write_20h, 32, "movl $0x20, (%eax)"

/* To rAX. */
        l2_program set_spec_ctrl, 64, "wrmsr", before="mov $0x48, %ecx; mov $0, %edx"
        l2_program set_spec_ctrl, 32, "wrmsr", before="mov $0x48, %ecx; mov $0, %edx"

        .section .note.GNU-stack, "", @progbits
