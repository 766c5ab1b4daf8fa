// SPDX-License-Identifier: GPL-2.0-only
// Where a started CPU wakes up: real mode, at the beginning of .lowtext, which is page-aligned and
// linked at the address it is copied to. It goes to flat 32-bit protected mode and from there the
// same way as the first CPU. Real mode and .lowtext share segment 0, so labels are offsets.
#include "harness/guest/l1_baseline.hpp"

#define SELECTOR_TRAMPOLINE_CODE_32 0x08
#define SELECTOR_TRAMPOLINE_DATA 0x10
#define SELECTOR_TRAMPOLINE_TASK_STATE 0x18
#define AVAILABLE_TASK_STATE_32 0x89

    .section .lowtext.trampoline, "ax", @progbits
    .code16
    .balign 16
    .globl guest_second_cpu_trampoline
guest_second_cpu_trampoline:
    cli
    cld
    ljmp $0, $1f                            // SIPI leaves CS:IP = page * 0x100 : 0
1:  xorw %ax, %ax
    movw %ax, %ds
    lgdtl trampoline_gdt_pointer
    movl $0x11, %eax                        // PE and ET: caches on, as INIT leaves CD and NW set
    movl %eax, %cr0
    ljmpl $SELECTOR_TRAMPOLINE_CODE_32, $2f

    .code32
2:  movl $SELECTOR_TRAMPOLINE_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    // INIT may leave a 16-bit TSS in TR, as KVM's does, and not every CPU enters long mode with one:
    // Intel's manual has #GP for it. Nothing switches tasks, so the TSS itself is never looked at.
    movb $AVAILABLE_TASK_STATE_32, trampoline_task_state_type   // LTR made it busy the last time
    movl $SELECTOR_TRAMPOLINE_TASK_STATE, %eax
    ltr %ax
    movl guest_second_cpu_stack_top, %esp
    movl guest_second_cpu_index, %ebp
    xorl %ebx, %ebx
    movl $guest_second_cpu_start, %esi
    movl $guest_enter_l1_mode, %eax
    jmp *%eax

trampoline_gdt_pointer:
    .short trampoline_gdt_end - trampoline_gdt - 1
    .long trampoline_gdt

    // LTR writes to it, and not into a page of code that L2 shares.
    .section .data.trampoline_gdt, "aw", @progbits
    .balign 8
trampoline_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff                // 32-bit code
    .quad 0x00cf93000000ffff                // data
    .long 0x00000067                        // 32-bit TSS at 0
    .byte 0
trampoline_task_state_type:
    .byte AVAILABLE_TASK_STATE_32, 0, 0
trampoline_gdt_end:

    .section .note.GNU-stack, "", @progbits
