// SPDX-License-Identifier: GPL-2.0-only
// From 32-bit protected mode without paging to 64-bit mode (APM vol. 2, 14.6). Both functions are
// called by boot.S; a second CPU joins at guest_enter_l1_mode (second_cpu_trampoline.S).
#include "harness/guest/l1_baseline.hpp"

    .section .boot_text, "ax", @progbits
    .code32

// Puts the upper two levels above the page directories. Changes eax, ecx, edi.
    .globl guest_finish_identity_map
guest_finish_identity_map:
    movl $(identity_page_directory_pointers + 0x23), identity_page_map
    movl $identity_page_directories + 0x23, %eax
    movl $identity_page_directory_pointers, %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 1b
    ret

// In: 32-bit protected mode without paging, esp = stack top, esi = 64-bit function,
// ebp and ebx = its first and second parameter. Does not return.
    .globl guest_enter_l1_mode
guest_enter_l1_mode:
    lgdt boot_gdt_pointer
    movl $VMRUNIT_L1_CR4, %eax
    movl %eax, %cr4
    movl $identity_page_map, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    movl $VMRUNIT_L1_EFER, %eax
    xorl %edx, %edx
    wrmsr
    movl $VMRUNIT_L1_CR0, %eax
    movl %eax, %cr0
    ljmp $VMRUNIT_SELECTOR_CODE_64, $in_long_mode

    .code64
in_long_mode:
    movl $VMRUNIT_SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    // The upper halves of registers are undefined after 32-bit mode.
    movl %esp, %esp
    movl %esi, %eax
    movl %ebp, %edi
    movl %ebx, %esi
    xorl %ebp, %ebp
    pushq $2
    popfq
    call *%rax
    ud2

    .section .rodata, "a", @progbits
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff                // 64-bit code
    .quad 0x00cf93000000ffff                // data
boot_gdt_pointer:
    .short boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt

    .section .bss, "aw", @nobits
    .balign 0x1000
    .globl identity_page_map
identity_page_map:                .skip 0x1000
identity_page_directory_pointers: .skip 0x1000

    .section .note.GNU-stack, "", @progbits
