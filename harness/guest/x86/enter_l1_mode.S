// SPDX-License-Identifier: GPL-2.0-only
// From 32-bit protected mode without paging to the same with PAE paging (APM vol. 2, 5.2.3). Both
// functions are called by boot.S. A second CPU joins at guest_enter_l1_mode
// (second_cpu_trampoline.S), with the paging that paging.hpp has changed to by then: tables of
// 2-level paging lie ready for it.
#include "harness/guest/l1_baseline.hpp"

#define SELECTOR_BOOT_CODE 0x08

    .section .boot_text, "ax", @progbits
    .code32

// Puts PAE's upper level above the page directories and builds the directory of 2-level paging.
// Changes eax, ecx, edi.
    .globl guest_finish_identity_map
guest_finish_identity_map:
    movl $identity_page_directories + 1, %eax   // all other bits of a PDPTE are reserved
    movl $identity_page_directory_pointers, %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 1b

    movl $0xe3, %eax                        // present, writable, accessed, dirty, 4 MiB
    movl $identity_legacy_directory, %edi
    movl $1024, %ecx
2:  movl %eax, (%edi)
    addl $0x400000, %eax
    addl $4, %edi
    loop 2b
    orl $0x18, identity_legacy_directory + (0xfec00000 >> 22) * 4   // both APICs: uncached
    ret

    .data
    .balign 4
    .globl guest_paging_root
guest_paging_root: .long identity_page_directory_pointers
    .globl guest_paging_cr4
guest_paging_cr4:  .long VMRUNIT_L1_CR4

    .section .boot_text, "ax", @progbits
// In: 32-bit protected mode without paging, esp = stack top, esi = function,
// ebp and ebx = its first and second parameter. Does not return.
    .globl guest_enter_l1_mode
guest_enter_l1_mode:
    lgdt boot_gdt_pointer
    movl guest_paging_cr4, %eax
    movl %eax, %cr4
    movl guest_paging_root, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    movl $VMRUNIT_L1_EFER, %eax
    xorl %edx, %edx
    wrmsr
    movl $VMRUNIT_L1_CR0, %eax
    movl %eax, %cr0
    ljmp $SELECTOR_BOOT_CODE, $1f
1:  movl $VMRUNIT_SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    pushl $2
    popfl
    subl $8, %esp                           // the compiler counts on 16 bytes alignment at a call
    pushl %ebx
    pushl %ebp
    xorl %ebp, %ebp
    call *%esi
    ud2

    .section .rodata, "a", @progbits
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff                // 32-bit code
    .quad 0x00cf93000000ffff                // data
boot_gdt_pointer:
    .short boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt

    .section .bss, "aw", @nobits
    .balign 0x1000
    .globl identity_page_directory_pointers
identity_page_directory_pointers: .skip 0x1000
    .globl identity_legacy_directory
identity_legacy_directory:        .skip 0x1000

    .section .note.GNU-stack, "", @progbits
