/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs for the instruction intercepts of words 00Ch, 010h and 014h: one instruction each.
 * Memory operands are at rDI, which rows point at L2's data. APM2 15.9, 15.13.
 */
#include "harness/guest/l2_program.inc"

/* A marker and nothing else: the shortest VMRUN there is. */
        l2_program nothing, 64, "vmmcall", marker=0
        l2_program nothing, 32, "vmmcall", marker=0
        l2_program nothing, 16, "vmmcall", marker=0

        l2_programs sti, "sti"
        l2_programs sti_nops, "sti", behind="nop; nop; nop"
        l2_program popf_nops, 64, "popfq", behind="nop; nop; nop"
        l2_program popf_nops, 32, "popfl", behind="nop; nop; nop"
        l2_program popf_nops, 16, "popfw", behind="nop; nop; nop"

/* Says that it runs and waits for an event. */
        l2_program waits, 64, "jmp .", before="movb $1, (%rax)"
        l2_program waits_for_word, 64, "cmpb $2, (%rax)", before="movb $1, (%rax); 771:", behind="jne 771b"
        l2_program clgi_waits_for_word, 64, "cmpb $2, (%rax)", before="clgi; movb $1, (%rax); 771:", behind="jne 771b"
        l2_program waits_in_hlt, 64, "hlt", before="movb $1, (%rax)"
        l2_legacy_programs waits, "jmp .", before="movb $1, (%eax)"
        l2_legacy_programs waits_for_word, "cmpb $2, (%eax)", before="movb $1, (%eax); 771:", behind="jne 771b"
        l2_program writes_dr7, 64, "mov %rax, %dr7"

        l2_programs cpuid, "cpuid"
        l2_programs hlt, "hlt"
        l2_programs pause, "pause"
/* The last two of these PAUSEs lie so that their addresses differ in bit 1 alone. */
        l2_programs fourth_pause, "pause", before="pause; pause; pause"
        l2_programs fifth_pause, "pause", before="nop; nop; pause; pause; pause; pause"
/* With a gap before them that is longer than any threshold of the PAUSE filter. Changes rAX, rBX, rDX. */
        l2_programs late_pause, "pause", before="pause; pause; rdtsc; mov %eax, %ebx; 771: rdtsc; sub %ebx, %eax; cmp $0x200000, %eax; jb 771b; .balign 4, 0x90; pause"
        l2_programs invd, "invd"
        l2_programs wbinvd, "wbinvd"
        l2_programs wbnoinvd, ".byte 0xf3, 0x0f, 0x09"
        l2_programs rdtsc, "rdtsc"
        l2_programs rdtscp, "rdtscp"
        l2_programs rdpmc, "rdpmc"
        l2_programs rsm, "rsm"
/* What was written is read back: EDX:EAX is cleared between, so that the value can only be XCR0's. */
        l2_programs xsetbv, "xsetbv", behind="mov $0, %eax; mov $0, %edx; xgetbv"
        l2_programs rdpru, ".byte 0x0f, 0x01, 0xfd"
        l2_programs mcommit, ".byte 0xf3, 0x0f, 0x01, 0xfa"
        l2_programs monitor, ".byte 0x0f, 0x01, 0xc8"
        l2_programs mwait, ".byte 0x0f, 0x01, 0xc9"
/* STI holds a pending interrupt off for the one instruction under test, which it then wakes. */
        l2_programs sti_hlt, "hlt", before="sti"
        l2_programs sti_mwait, ".byte 0x0f, 0x01, 0xc9", before="sti"
        l2_programs sti_mwaitx, ".byte 0x0f, 0x01, 0xfb", before="sti"
/* Behind a far jump by the pointer at rDI, to STI, which disarms what MONITOR has armed before. */
        l2_program jump_mwait, 64, ".byte 0x0f, 0x01, 0xc9", before="ljmpl *(%rdi); sti"
        l2_legacy_programs jump_mwait, ".byte 0x0f, 0x01, 0xc9", before="ljmpl *(%edi); sti"
        l2_program jump_mwaitx, 64, ".byte 0x0f, 0x01, 0xfb", before="ljmpl *(%rdi); sti"
        l2_legacy_programs jump_mwaitx, ".byte 0x0f, 0x01, 0xfb", before="ljmpl *(%edi); sti"
        l2_programs monitor_mwait, ".byte 0x0f, 0x01, 0xc9", before=".byte 0x0f, 0x01, 0xc8; mov $0, %eax; sti"
        l2_programs monitorx_mwaitx, ".byte 0x0f, 0x01, 0xfb", before=".byte 0x0f, 0x01, 0xfa; mov $0, %eax; sti"
        l2_programs monitorx, ".byte 0x0f, 0x01, 0xfa"
        l2_programs mwaitx, ".byte 0x0f, 0x01, 0xfb"
        l2_programs rdmsr, "rdmsr"
        l2_programs wrmsr, "wrmsr", behind="mov $0, %eax; mov $0, %edx; rdmsr"
        l2_program invlpg, 64, "invlpg (%rdi)"
        l2_legacy_programs invlpg, "invlpg (%edi)"
/* Through segments whose base counts in 64-bit mode too, and with the address size of the other prefix. */
        .irp    segment, fs, gs
        l2_program invlpg_\segment, 64, "invlpg %\segment:(%rdi)"
        l2_legacy_programs invlpg_\segment, "invlpg %\segment:(%edi)"
        .endr
        l2_program invlpg_short, 64, "invlpg (%edi)"
        l2_legacy_programs invlpg_short, "invlpg (%di)"
        l2_program invpcid, 64, "invpcid (%rdi), %rbx"
        l2_legacy_programs invpcid, "invpcid (%edi), %ebx"
/* L2 changes the entry (rSI) of a page that it has used (rDI), to EDX, and uses the page again. */
        l2_program  remap_invlpg, 64, "invlpg (%rdi)", before="mov (%rdi), %ebx; mov %edx, (%rsi)", behind="mov (%rdi), %ecx"
        l2_program  remap_invlpg, 32, "invlpg (%edi)", before="mov (%edi), %ebx; mov %edx, (%esi)", behind="mov (%edi), %ecx"
        l2_program  remap_cr3, 64, "mov %rax, %cr3", before="mov (%rdi), %ebx; mov %edx, (%rsi); mov %cr3, %rax", behind="mov (%rdi), %ecx"
        l2_program  remap_cr3, 32, "mov %eax, %cr3", before="mov (%edi), %ebx; mov %edx, (%esi); mov %cr3, %eax", behind="mov (%edi), %ecx"
/* The same by INVLPGA, of L2's own ASID; and with an address that is complete only without what lies above EAX or AX. */
        l2_program  remap_invlpga, 64, ".byte 0x0f, 0x01, 0xdf", before="mov (%rdi), %ebx; mov %edx, (%rsi); mov %rdi, %rax; mov $1, %ecx", behind="mov (%rdi), %ecx"
        l2_program  remap_invlpga, 32, ".byte 0x0f, 0x01, 0xdf", before="mov (%edi), %ebx; mov %edx, (%esi); mov %edi, %eax; mov $1, %ecx", behind="mov (%edi), %ecx"
        l2_program  remap_invlpga_narrow, 64, ".byte 0x67, 0x0f, 0x01, 0xdf", before="mov (%rdi), %ebx; mov %edx, (%rsi); movabs $0x5a5a5a5a00000000, %rax; lea (%rax,%rdi), %rax; mov $1, %ecx", behind="mov (%rdi), %ecx"
        l2_program  remap_invlpga_narrow, 32, ".byte 0x67, 0x0f, 0x01, 0xdf", before="mov (%edi), %ebx; mov %edx, (%esi); mov $0x5a5a0000, %eax; lea (%eax,%edi), %eax; mov $1, %ecx", behind="mov (%edi), %ecx"
        l2_program  restrict_page, 64, "mov %ebx, (%rdi)", before="mov %ebx, (%rdi); mov %edx, (%rsi); invlpg (%rdi)"
        l2_program  restrict_page, 32, "mov %ebx, (%edi)", before="mov %ebx, (%edi); mov %edx, (%esi); invlpg (%edi)"
/* A locked access that crosses a cache line: rDI. */
        l2_program lock_inc, 64, "lock incl (%rdi)"
        l2_legacy_programs lock_inc, "lock incl (%edi)"
        l2_programs lock_inc_register, ".byte 0xf0, 0xff, 0xc3"
        l2_programs invlpgb, ".byte 0x0f, 0x01, 0xfe"
        l2_programs tlbsync, ".byte 0x0f, 0x01, 0xff"

        l2_program pushf, 64, "pushfq"
        l2_program pushf, 32, "pushfl"
        l2_program pushf, 16, "pushfw"
        l2_program popf, 64, "popfq"
        l2_program popf, 32, "popfl"
        l2_program popf, 16, "popfw"
        l2_program iret, 64, "iretq"
        l2_program iret, 32, "iretl"
        l2_program iret, 16, "iretw"

/* Ports. rDX names the port of all but the first two. */
        l2_programs in_80, "inb $0x80, %al"
        l2_programs out_80, "outb %al, $0x80"
        .irp    width, b, w, l
        l2_programs in_dx_\width, "in\width (%dx)"
        l2_programs out_dx_\width, "out\width (%dx)"
        l2_programs ins_\width, "ins\width"
        l2_programs outs_\width, "outs\width"
        .endr
        l2_programs rep_in_b, ".byte 0xf3, 0xec"                /* the prefix means nothing */
        .irp    width, b, w, l
        l2_programs rep_ins_\width, "rep ins\width"
        l2_programs rep_outs_\width, "rep outs\width"
        .endr
/* OUTS with each segment prefix: ES, CS, SS, DS, FS, GS. */
        l2_programs outs_es_b, ".byte 0x26, 0x6e"
        l2_programs outs_cs_b, ".byte 0x2e, 0x6e"
        l2_programs outs_ss_b, ".byte 0x36, 0x6e"
        l2_programs outs_ds_b, ".byte 0x3e, 0x6e"
        l2_programs outs_fs_b, ".byte 0x64, 0x6e"
        l2_programs outs_gs_b, ".byte 0x65, 0x6e"
/* INS stores by ES whatever its prefix. */
        l2_programs ins_ds_b, ".byte 0x3e, 0x6c"
        l2_programs ins_fs_b, ".byte 0x64, 0x6c"
        l2_program  outs_ss_w, 16, ".byte 0x36, 0x6f"
        l2_programs outs_other_size_b, ".byte 0x67, 0x6e"       /* the other address size */

/* Descriptor tables. With 16-bit operands LIDT and LGDT would load 24 bits of base. */
        l2_program sidt, 64, "sidt (%rdi)"
        l2_program sidt, 32, "sidt (%edi)"
        l2_program sidt, 16, "sidtl (%edi)"
        l2_program sgdt, 64, "sgdt (%rdi)"
        l2_program sgdt, 32, "sgdt (%edi)"
        l2_program sgdt, 16, "sgdtl (%edi)"
        l2_programs sldt, "sldt %ebx"
        l2_programs str, "str %ebx"
        l2_program lidt, 64, "lidt (%rdi)"
        l2_program lidt, 32, "lidt (%edi)"
        l2_program lidt, 16, "lidtl (%edi)"
        l2_program lgdt, 64, "lgdt (%rdi)"
        l2_program lgdt, 32, "lgdt (%edi)"
        l2_program lgdt, 16, "lgdtl (%edi)"
        l2_programs lldt, "lldt %bx", behind="sldt %ecx"
        l2_programs ltr, "ltr %bx", behind="str %ecx"
        l2_program sldt_memory, 64, "sldt (%rdi)"
        l2_legacy_programs sldt_memory, "sldt (%edi)"
        l2_program str_memory, 64, "str (%rdi)"
        l2_legacy_programs str_memory, "str (%edi)"
        l2_program lldt_memory, 64, "lldt (%rdi)", behind="sldt %ecx"
        l2_legacy_programs lldt_memory, "lldt (%edi)", behind="sldt %ecx"
        l2_program ltr_memory, 64, "ltr (%rdi)", behind="str %ecx"
        l2_legacy_programs ltr_memory, "ltr (%edi)", behind="str %ecx"

/* A hardware task switch, which only code outside long mode can ask for: to idle_tss32 and idle_tss16. */
        l2_program jump_to_tss, 32, "ljmp $0x70, $0"
        l2_program call_tss, 32, "lcall $0x70, $0"
        l2_program jump_to_tss, 16, "ljmp $0xd0, $0"
        l2_program call_tss, 16, "lcall $0xd0, $0"
/* The same through the task gate that rows put into a free entry of the GDT. */
        l2_legacy_programs jump_to_task_gate, "ljmp $0x90, $0"
        l2_legacy_programs call_task_gate, "lcall $0x90, $0"

/* Software interrupts. */
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        l2_programs int_\number, ".byte 0xcd, \number"
        .endr
        .irp    number, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 85, 170
        l2_programs int_\number, ".byte 0xcd, \number"
        .endr
        l2_programs int_40, "int $0x40"
        l2_programs int_ff, "int $0xff"
        l2_programs icebp, ".byte 0xf1"

        .section .note.GNU-stack, "", @progbits
