/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs with an instruction breakpoint on an instruction that may be intercepted. rDI is the
 * address, which goes to DR0 here because no VMCB holds it; rows enable it. APM2 8.5, 13.1.3.
 */
#include "harness/guest/l2_program.inc"

        .macro  breakpoint_on name, insn
        l2_program breakpoint_on_\name, 64, "\insn", before="mov %rdi, %db0"
        l2_program breakpoint_on_\name, 32, "\insn", before="mov %edi, %db0"
        .endm

        breakpoint_on cpuid, "cpuid"
        breakpoint_on hlt, "hlt"
        breakpoint_on pause, "pause"
        breakpoint_on rdtsc, "rdtsc"
        breakpoint_on rdmsr, "rdmsr"
        breakpoint_on in_80, "inb $0x80, %al"
        breakpoint_on int_40, "int $0x40"
        breakpoint_on vmmcall, "vmmcall"
        l2_program breakpoint_on_write_cr0, 64, "mov %rbx, %cr0", before="mov %rdi, %db0"
        l2_program breakpoint_on_write_cr0, 32, "mov %ebx, %cr0", before="mov %edi, %db0"

        .section .note.GNU-stack, "", @progbits
