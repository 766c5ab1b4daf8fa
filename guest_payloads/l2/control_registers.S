/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs that read and write control registers. The register moved is rBX (encoding 3), so that a
 * decode assist which names the wrong GPR shows. APM2 15.8.1, 15.9.
 */
#include "harness/guest/l2_program.inc"

        .irp    number, 0, 2, 3, 4, 8
        l2_program read_cr\number, 64, "mov %cr\number, %rbx"
        .endr
        .irp    number, 0, 2, 3, 4
        l2_legacy_programs read_cr\number, "mov %cr\number, %ebx"
        l2_program write_cr\number, 64, "mov %rbx, %cr\number"
        l2_legacy_programs write_cr\number, "mov %ebx, %cr\number"
        .endr

/* CR8 is read back into rCX: with V_INTR_MASKING clear that is the APIC's TPR, which no VMCB shows. */
        l2_program write_cr8, 64, "mov %rbx, %cr8", behind="mov %cr8, %rcx"

/* The TPR in memory, at rDI; what CR8 is then goes to rCX. */
        l2_program write_apic_tpr, 64, "mov %ebx, (%rdi)", behind="mov %cr8, %rcx"

/* A GPR whose number needs all four bits. */
        l2_program read_cr0_r11, 64, "mov %cr0, %r11"
        l2_program write_cr0_r11, 64, "mov %r11, %cr0"

/* The complement of rBX's number, so that each bit of a decode assist is seen set and clear. */
        .irp    number, 0, 2, 3, 4, 8
        l2_program read_cr\number\()_r12, 64, "mov %cr\number, %r12"
        .endr
        .irp    number, 0, 2, 3, 4
        l2_program write_cr\number\()_r12, 64, "mov %r12, %cr\number"
        .endr
        l2_program write_cr8_r12, 64, "mov %r12, %cr8", behind="mov %cr8, %rcx"

/* CR1, CR5 to CR7 and CR9 to CR15 do not exist: #UD before any intercept. 44h is REX.R. */
        .irp    number, 1, 5, 6, 7
        l2_programs read_cr\number, ".byte 0x0f, 0x20, 0xc3 | (\number << 3)"
        l2_programs write_cr\number, ".byte 0x0f, 0x22, 0xc3 | (\number << 3)"
        .endr
        .irp    number, 9, 10, 11, 12, 13, 14, 15
        l2_program read_cr\number, 64, ".byte 0x44, 0x0f, 0x20, 0xc3 | ((\number - 8) << 3)"
        l2_program write_cr\number, 64, ".byte 0x44, 0x0f, 0x22, 0xc3 | ((\number - 8) << 3)"
        .endr

/* AltMovCr8: LOCK MOV CR0 reaches CR8 outside 64-bit mode too. The write reads back into rCX. */
        l2_programs lock_read_cr0, ".byte 0xf0, 0x0f, 0x20, 0xc3"
        l2_programs lock_write_cr0, ".byte 0xf0, 0x0f, 0x22, 0xc3", behind=".byte 0xf0, 0x0f, 0x20, 0xc1"

/* Behind a write of CR8, from rAX, by either way: an interrupt that waited is admitted... */
        l2_program write_cr8_sti_nops, 64, "sti", before="mov %rax, %cr8", behind="nop; nop; nop"
        l2_programs lock_write_cr0_sti_nops, "sti", before=".byte 0xf0, 0x0f, 0x22, 0xc0", behind="nop; nop; nop"
/* ...or L2 sends one to its own CPU, by the APIC's command register at rDI, and waits for it, not for ever. */
        .macro  sends_itself name, bits, write_priority, command
        l2_program \name, \bits, "loop .", before="\write_priority; mov $0x20000, %ecx; movl $0x44051, \command"
        .endm
        sends_itself write_cr8_send, 64, "mov %rax, %cr8", "(%rdi)"
        sends_itself lock_write_cr0_send, 64, ".byte 0xf0, 0x0f, 0x22, 0xc0", "(%rdi)"
        sends_itself lock_write_cr0_send, 32, ".byte 0xf0, 0x0f, 0x22, 0xc0", "(%edi)"
        sends_itself send, 64, "", "(%rdi)"
        sends_itself send, 32, "", "(%edi)"

        l2_programs clts, "clts"
        l2_programs lmsw, "lmsw %bx"
        l2_programs smsw, "smsw %ebx"
        l2_program lmsw_memory, 64, "lmsw (%rdi)"
        l2_legacy_programs lmsw_memory, "lmsw (%edi)"
        l2_program smsw_memory, 64, "smsw (%rdi)"
        l2_legacy_programs smsw_memory, "smsw (%edi)"

        .section .note.GNU-stack, "", @progbits
