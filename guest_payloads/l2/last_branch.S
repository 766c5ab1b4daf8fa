/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs that branch where DBGCTL.LBR is set, or set it themselves. Nothing but the instruction under
 * test branches, and it goes over a byte, so that its target is the marker and not what stands behind it.
 * APM2 13.1.1, 15.23.
 */
#include "harness/guest/l2_program.inc"

        .macro  l2_branch name, before="", behind=""
        .irp    width, 64, 32
        l2_program \name, \width, "jmp 1f", before="\before", behind="ud2; 1: \behind"
        .endr
        .endm

        l2_branch branch
/* DBGCTL is 1 for the branch, and in the end what rAX was. */
        l2_branch record_branch, before="mov %eax, %ebx; mov $0x1d9, %ecx; mov $0, %edx; mov $1, %eax; wrmsr", behind="mov %ebx, %eax; wrmsr"
        .irp    width, 64, 32
        l2_program raise_ud_behind_branch, \width, "ud2", before="jmp 1f; ud2; 1:"
        .endr

        .section .note.GNU-stack, "", @progbits
