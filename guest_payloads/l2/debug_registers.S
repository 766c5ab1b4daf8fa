/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs that read and write debug registers by rBX. DR4 and DR5 are aliases of DR6 and DR7 while
 * CR4.DE is clear; DR8 to DR15 do not exist. DR0 to DR3 are in no VMCB, so a write of them is read back
 * into rCX. APM2 15.8.1, 13.1.1.
 */
#include "harness/guest/l2_program.inc"

        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7
        l2_programs read_dr\number, ".byte 0x0f, 0x21, 0xc3 | (\number << 3)"
        .endr
        .irp    number, 0, 1, 2, 3
        l2_programs write_dr\number, ".byte 0x0f, 0x23, 0xc3 | (\number << 3)", behind=".byte 0x0f, 0x21, 0xc1 | (\number << 3)"
        .endr
        .irp    number, 4, 5, 6, 7
        l2_programs write_dr\number, ".byte 0x0f, 0x23, 0xc3 | (\number << 3)"
        .endr
        .irp    number, 8, 9, 10, 11, 12, 13, 14, 15
        l2_program read_dr\number, 64, ".byte 0x44, 0x0f, 0x21, 0xc3 | ((\number - 8) << 3)"
        l2_program write_dr\number, 64, ".byte 0x44, 0x0f, 0x23, 0xc3 | ((\number - 8) << 3)"
        .endr

/* A GPR whose number needs all four bits. */
        l2_program read_dr6_r11, 64, "mov %db6, %r11"
        l2_program write_dr6_r11, 64, "mov %r11, %db6"

/* The complement of rBX's number, so that each bit of a decode assist is seen set and clear. 41h is
   REX.B. */
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7
        l2_program read_dr\number\()_r12, 64, ".byte 0x41, 0x0f, 0x21, 0xc4 | (\number << 3)"
        .endr
        .irp    number, 0, 1, 2, 3
        l2_program write_dr\number\()_r12, 64, ".byte 0x41, 0x0f, 0x23, 0xc4 | (\number << 3)", behind=".byte 0x0f, 0x21, 0xc1 | (\number << 3)"
        .endr
        .irp    number, 4, 5, 6, 7
        l2_program write_dr\number\()_r12, 64, ".byte 0x41, 0x0f, 0x23, 0xc4 | (\number << 3)"
        .endr

        .section .note.GNU-stack, "", @progbits
