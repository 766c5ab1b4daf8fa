/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs that execute SVM's own instructions. The address operand is rAX. APM2 15.5, 15.9, 15.17.
 */
#include "harness/guest/l2_program.inc"

        l2_programs vmrun, ".byte 0x0f, 0x01, 0xd8"
/*
 * The address is as much of rAX as the address size has, so 16-bit code needs a prefix to reach a VMCB
 * above 64 KiB (without, Bochs takes AX, QEMU EAX). rCX names an MSR that VMLOAD loads.
 */
        l2_program vmload, 64, ".byte 0x0f, 0x01, 0xda", behind="rdmsr"
        l2_program vmload, 32, ".byte 0x0f, 0x01, 0xda", behind="rdmsr"
        l2_program vmload, 16, ".byte 0x67, 0x0f, 0x01, 0xda", behind="rdmsr"
        l2_program vmsave, 64, ".byte 0x0f, 0x01, 0xdb"
        l2_program vmsave, 32, ".byte 0x0f, 0x01, 0xdb"
        l2_program vmsave, 16, ".byte 0x67, 0x0f, 0x01, 0xdb"
/* The address in EAX of 64-bit code, and in AX. */
        .macro  narrow_address name, opcode, behind=""
        l2_program \name\()_eax, 64, ".byte 0x67, 0x0f, 0x01, \opcode", behind="\behind"
        l2_program \name\()_ax, 32, ".byte 0x67, 0x0f, 0x01, \opcode", behind="\behind"
        l2_program \name\()_ax, 16, ".byte 0x0f, 0x01, \opcode", behind="\behind"
        .endm
        l2_program vmrun_eax, 64, ".byte 0x67, 0x0f, 0x01, 0xd8"
        narrow_address vmload, 0xda, rdmsr
        narrow_address vmsave, 0xdb
/* With rDI at what it has stored. */
        l2_program vmsave_ax_read_back, 32, ".byte 0x67, 0x0f, 0x01, 0xdb", behind="mov (%edi), %ebx"
        l2_programs stgi, "stgi"
/* Whether an interrupt shadow follows STGI nobody says, so there is room for one. */
        l2_programs stgi_nops, "stgi", behind="nop; nop; nop"
        l2_programs clgi_sti_nops, "sti", before="clgi", behind="nop; nop; nop"
        l2_programs clgi_sti_stgi, "stgi", before="clgi; sti", behind="nop; nop; nop"
        l2_programs clgi, "clgi"
        l2_programs skinit, ".byte 0x0f, 0x01, 0xde"
        l2_programs invlpga, ".byte 0x0f, 0x01, 0xdf"
        l2_programs vmmcall, "vmmcall"

/*
 * Writes to (rAX) what VMRUN leaves to VMLOAD and VMSAVE: FS and GS base, KernelGSBase, STAR, LSTAR,
 * CSTAR, SFMASK, SYSENTER_CS, _ESP and _EIP, then the selectors of TR, LDTR, FS and GS.
 */
        .macro  store_msrs
        .irp    number, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0x174, 0x175, 0x176
        mov     $\number, %ecx
        rdmsr
        mov     %eax, (%rbx)
        mov     %edx, 4(%rbx)
        add     $8, %rbx
        .endr
        .endm
        .macro  store_selectors
        str     %ecx
        mov     %rcx, (%rbx)
        sldt    %ecx
        mov     %rcx, 8(%rbx)
        mov     %fs, %ecx
        mov     %rcx, 16(%rbx)
        mov     %gs, %ecx
        mov     %rcx, 24(%rbx)
        .endm
        l2_program store_vmload_state, 64, "vmmcall", before="mov %rax, %rbx; store_msrs; store_selectors"

        .section .note.GNU-stack, "", @progbits
