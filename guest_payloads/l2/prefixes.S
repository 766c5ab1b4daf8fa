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

/* MOV of control and debug registers takes its operand for a register whatever ModRM.mod says, with no
   displacement behind it. */
        .irp    mod, 0, 1, 2
        l2_programs read_cr0_mod_\mod, ".byte 0x0f, 0x20, (\mod << 6) | 0x03"
        l2_programs write_cr2_mod_\mod, ".byte 0x0f, 0x22, (\mod << 6) | 0x13"
        l2_programs read_dr7_mod_\mod, ".byte 0x0f, 0x21, (\mod << 6) | 0x3b"
        l2_programs write_dr6_mod_\mod, ".byte 0x0f, 0x23, (\mod << 6) | 0x33"
        .endr

/* The other operand size, where that is another width of the operand. */
        l2_programs smsw_16, "smsw %bx"
        l2_program  smsw_64, 64, "smsw %rbx"
        l2_programs sldt_16, "sldt %bx"
        l2_program  sldt_64, 64, "sldt %rbx"
        l2_programs str_16, "str %bx"
        l2_program  str_64, 64, "str %rbx"
        .irp    width, 64, 32, 16
        l2_program pushf_operand_size, \width, ".byte 0x66, 0x9c"
        l2_program popf_operand_size, \width, ".byte 0x66, 0x9d"
        l2_program iret_operand_size, \width, ".byte 0x66, 0xcf"
        .endr
        .irp    width, 64, 32
        l2_program sgdt_operand_size, \width, ".byte 0x66, 0x0f, 0x01, 0x07"
        l2_program sidt_operand_size, \width, ".byte 0x66, 0x0f, 0x01, 0x0f"
        l2_program lgdt_operand_size, \width, ".byte 0x66, 0x0f, 0x01, 0x17"
        l2_program lidt_operand_size, \width, ".byte 0x66, 0x0f, 0x01, 0x1f"
        .endr

/* LOCK alone, in front of everything else that has an intercept. Operands do not matter: registers, or
   memory at (rDI), which in 16-bit code reads (BX). LOCK MOV CR0 is another thing: control_registers.S. */
        .macro  locked name, opcode:vararg
        l2_programs "\name\()_lock", ".byte 0xf0, \opcode"
        .endm

        locked invd, 0x0f, 0x08
        locked wbinvd, 0x0f, 0x09
        locked wbnoinvd, 0xf3, 0x0f, 0x09
        locked mcommit, 0xf3, 0x0f, 0x01, 0xfa
        locked invlpgb, 0x0f, 0x01, 0xfe
        locked tlbsync, 0x0f, 0x01, 0xff
        locked rdtscp, 0x0f, 0x01, 0xf9
        locked rdpmc, 0x0f, 0x33
        locked rdpru, 0x0f, 0x01, 0xfd
        locked rsm, 0x0f, 0xaa
        locked pause, 0xf3, 0x90
        locked monitor, 0x0f, 0x01, 0xc8
        locked mwait, 0x0f, 0x01, 0xc9
        locked monitorx, 0x0f, 0x01, 0xfa
        locked mwaitx, 0x0f, 0x01, 0xfb
        locked xsetbv, 0x0f, 0x01, 0xd1
        locked rdmsr, 0x0f, 0x32
        locked wrmsr, 0x0f, 0x30
        locked pushf, 0x9c
        locked popf, 0x9d
        locked iret, 0xcf
        locked int_40, 0xcd, 0x40
        locked icebp, 0xf1
        locked invlpg, 0x0f, 0x01, 0x3f
        locked invpcid, 0x66, 0x0f, 0x38, 0x82, 0x1f
        locked vmrun, 0x0f, 0x01, 0xd8
        locked vmmcall, 0x0f, 0x01, 0xd9
        locked vmload, 0x0f, 0x01, 0xda
        locked vmsave, 0x0f, 0x01, 0xdb
        locked stgi, 0x0f, 0x01, 0xdc
        locked clgi, 0x0f, 0x01, 0xdd
        locked skinit, 0x0f, 0x01, 0xde
        locked invlpga, 0x0f, 0x01, 0xdf
        locked sgdt, 0x0f, 0x01, 0x07
        locked sidt, 0x0f, 0x01, 0x0f
        locked lgdt, 0x0f, 0x01, 0x17
        locked lidt, 0x0f, 0x01, 0x1f
        locked sldt, 0x0f, 0x00, 0xc3
        locked str, 0x0f, 0x00, 0xcb
        locked lldt, 0x0f, 0x00, 0xd3
        locked ltr, 0x0f, 0x00, 0xdb
        locked smsw, 0x0f, 0x01, 0xe3
        locked lmsw, 0x0f, 0x01, 0xf3
        locked read_cr2, 0x0f, 0x20, 0xd3
        locked write_cr2, 0x0f, 0x22, 0xd3
        locked read_cr3, 0x0f, 0x20, 0xdb
        locked write_cr3, 0x0f, 0x22, 0xdb
        locked read_cr4, 0x0f, 0x20, 0xe3
        locked write_cr4, 0x0f, 0x22, 0xe3
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7
        locked read_dr\number, 0x0f, 0x21, 0xc3 | (\number << 3)
        locked write_dr\number, 0x0f, 0x23, 0xc3 | (\number << 3)
        .endr
        locked out_80, 0xe6, 0x80
        locked in_dx_b, 0xec
        locked out_dx_b, 0xee
        locked ins_b, 0x6c
        locked outs_b, 0x6e
