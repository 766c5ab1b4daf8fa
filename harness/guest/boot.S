// SPDX-License-Identifier: GPL-2.0-only
// The two doors into a payload. PVH (Xen's HVM direct boot: note type 18, 32-bit protected mode,
// ebx = hvm_start_info) and Multiboot 2 (eax = magic, ebx = information). Both arrive in flat 32-bit
// protected mode without paging; from here on there is one way: clear .bss, build the identity map
// of the first 4 GiB, enter long mode on CPU 0's stack, call guest_start(door, information).
// A second CPU joins at guest_enter_long_mode (second_cpu_trampoline.S).
#include "harness/guest/l1_baseline.hpp"

#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define MULTIBOOT2_LOADER_MAGIC 0x36d76289

    .section .boot_header, "a", @progbits
    .balign 8
multiboot2_header:
    .long MULTIBOOT2_HEADER_MAGIC
    .long 0                                 // architecture: i386, 32-bit protected mode
    .long multiboot2_header_end - multiboot2_header
    .long -(MULTIBOOT2_HEADER_MAGIC + 0 + (multiboot2_header_end - multiboot2_header))
    .short 3, 0                             // entry address
    .long 12
    .long multiboot2_entry
    .balign 8
    .short 6, 0                             // modules on page boundaries
    .long 8
    .short 0, 0                             // end
    .long 8
multiboot2_header_end:

    .section .note.Xen, "a", @note
    .balign 4
    .long 4                                 // name size
    .long 8                                 // descriptor size: QEMU reads eight bytes of an ELF64
    .long 18                                // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry

    .section .boot_text, "ax", @progbits
    .code32
    .globl pvh_entry
pvh_entry:
    movl $VMRUNIT_DOOR_PVH, %ebp
    jmp clear_memory

    .globl multiboot2_entry
multiboot2_entry:
    movl $VMRUNIT_DOOR_MULTIBOOT2, %ebp
    cmpl $MULTIBOOT2_LOADER_MAGIC, %eax
    movl $unknown_loader_text, %esi
    jne stop

clear_memory:
    cli
    cld
    movl $bss_begin, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    movl %ebx, %edi                         // CPUID overwrites ebx
    movl $0x80000000, %eax
    cpuid
    movl $no_long_mode_text, %esi
    cmpl $0x80000001, %eax
    jb stop
    movl $0x80000001, %eax
    cpuid
    andl $((1 << 29) | (1 << 20)), %edx     // LM and NX
    cmpl $((1 << 29) | (1 << 20)), %edx
    jne stop
    movl %edi, %ebx

    // Accessed and dirty are set from the start, so that walks never write to these tables.
    movl $(identity_page_directory_pointers + 0x23), identity_page_map
    movl $identity_page_directories + 0x23, %eax
    movl $identity_page_directory_pointers, %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 1b

    movl $0xe3, %eax                        // present, writable, accessed, dirty, 2 MiB
    movl $identity_page_directories, %edi
    movl $2048, %ecx
2:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b
    // The I/O and local APICs are uncached whatever the MTRRs say.
    orl $0x18, identity_page_directories + (0xfec00000 >> 21) * 8
    orl $0x18, identity_page_directories + (0xfee00000 >> 21) * 8

    movl $(guest_stacks + VMRUNIT_STACK_SIZE), %esp
    movl $guest_start, %esi

// In: 32-bit protected mode without paging, esp = stack top, esi = 64-bit function,
// ebp and ebx = its first and second parameter. Does not return.
    .globl guest_enter_long_mode
guest_enter_long_mode:
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

// Says why on the debug port, with nothing set up. esi = text.
stop:
    cli
    cld
3:  lodsb
    testb %al, %al
    jz 4f
    outb %al, $0xe9
    jmp 3b
4:  hlt
    jmp 4b

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
no_long_mode_text:
    .asciz "vmrunit: this CPU has no long mode or no NX\n"
unknown_loader_text:
    .asciz "vmrunit: entered by a loader that is not Multiboot 2\n"

    .section .bss, "aw", @nobits
    .balign 0x1000
    .globl identity_page_map
identity_page_map:                .skip 0x1000
identity_page_directory_pointers: .skip 0x1000
identity_page_directories:        .skip 4 * 0x1000
    .globl guest_stacks
guest_stacks:                     .skip VMRUNIT_MAXIMUM_CPUS * VMRUNIT_STACK_SIZE

    .section .note.GNU-stack, "", @progbits
