/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Intercepted instructions behind prefixes that change nothing of them, behind LOCK, which is invalid
 * there, and as long as an instruction may be and longer. APM3 1.2.
 */
#include "harness/guest/l2_program.inc"

        .macro  prefixed name, length, opcode:vararg
        l2_programs "\name\()_cs", ".byte 0x2e, \opcode"
        l2_programs "\name\()_fs", ".byte 0x64, \opcode"
        l2_programs "\name\()_operand_size", ".byte 0x66, \opcode"
        l2_programs "\name\()_address_size", ".byte 0x67, \opcode"
        l2_programs "\name\()_repne", ".byte 0xf2, \opcode"
        l2_programs "\name\()_rep", ".byte 0xf3, \opcode"
        l2_programs "\name\()_lock", ".byte 0xf0, \opcode"
        l2_programs "\name\()_several", ".byte 0x66, 0x2e, 0x67, 0x64, 0x66, \opcode"
        l2_program "\name\()_rex", 64, ".byte 0x66, 0x4f, \opcode"
        l2_program "\name\()_rex_first", 64, ".byte 0x4f, 0x66, \opcode"
        l2_programs "\name\()_15_bytes", ".fill 15 - \length, 1, 0x2e; .byte \opcode"
        l2_programs "\name\()_16_bytes", ".fill 16 - \length, 1, 0x2e; .byte \opcode"
        .endm

        prefixed cpuid, 2, 0x0f, 0xa2
        prefixed rdtsc, 2, 0x0f, 0x31
        prefixed clts, 2, 0x0f, 0x06
        prefixed hlt, 1, 0xf4
        prefixed in_80, 2, 0xe4, 0x80
