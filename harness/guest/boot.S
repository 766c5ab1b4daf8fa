// SPDX-License-Identifier: GPL-2.0-only
// The two doors into a payload. PVH (Xen's HVM direct boot: note type 18, 32-bit protected mode,
// ebx = hvm_start_info) and Multiboot 2 (eax = magic, ebx = information). Both arrive in flat 32-bit
// protected mode without paging; from here on there is one way: clear .bss, build the identity map
// of the first 4 GiB, enter the mode L1 runs in on CPU 0's stack, call guest_start(door, information).
// What depends on the width of L1 is in x64/ and x86/enter_l1_mode.S.
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
    .long pvh_entry, 0

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

    // A CPU without long mode has no SVM, and there is NX in PAE tables too.
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
    movl $0xe3, %eax                        // present, writable, accessed, dirty, 2 MiB
    movl $identity_page_directories, %edi
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b
    // The I/O and local APICs are uncached whatever the MTRRs say.
    orl $0x18, identity_page_directories + (0xfec00000 >> 21) * 8
    orl $0x18, identity_page_directories + (0xfee00000 >> 21) * 8

    movl $(guest_stacks + VMRUNIT_STACK_SIZE), %esp
    call guest_finish_identity_map
    movl $guest_start, %esi
    jmp guest_enter_l1_mode

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

    .section .rodata, "a", @progbits
no_long_mode_text:
    .asciz "vmrunit: this CPU has no long mode or no NX\n"
unknown_loader_text:
    .asciz "vmrunit: entered by a loader that is not Multiboot 2\n"

    .section .bss, "aw", @nobits
    .balign 0x1000
    .globl identity_page_directories
identity_page_directories: .skip 4 * 0x1000
    .globl guest_stacks
guest_stacks:              .skip VMRUNIT_MAXIMUM_CPUS * VMRUNIT_STACK_SIZE

    .section .note.GNU-stack, "", @progbits
