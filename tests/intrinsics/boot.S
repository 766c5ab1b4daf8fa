/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of the intrinsics payload: PVH entry, paging, and on x64 long mode. Linear addresses are
 * physical ones for the first 64 MiB and the local APIC; nothing else is mapped, so that a broken
 * variant which runs off to a wrong address faults. Also built for 32 bits, with 4 MiB pages.
 */

#define ram_size  0x4000000
#define lapic     0xfee00000
#define cr0_value 0x80010033    /* PG WP NE ET MP PE */

        .section .note.pvh, "a", @note
        .balign 4
        .long 2f - 1f, 4f - 3f, 18      /* XEN_ELFNOTE_PHYS32_ENTRY */
1:      .asciz "Xen"
2:      .balign 4
3:      .long pvh_entry, 0
4:      .balign 4

        .section .text.boot, "ax", @progbits
        .code32
        .globl pvh_entry
pvh_entry:
        cli
        cld
        lgdt boot_gdt_pointer
        mov %cr4, %eax
#ifdef __x86_64__
        or $0x620, %eax                 /* OSXMMEXCPT OSFXSR PAE */
#else
        or $0x610, %eax                 /* OSXMMEXCPT OSFXSR PSE */
#endif
        mov %eax, %cr4
        mov $page_tables, %eax
        mov %eax, %cr3
#ifdef __x86_64__
        mov $0xc0000080, %ecx
        rdmsr
        or $0x100, %eax                 /* EFER.LME */
        wrmsr
#endif
        mov $cr0_value, %eax
        mov %eax, %cr0
        ljmp $8, $started

#ifdef __x86_64__
        .code64
#endif
started:
        mov $16, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        xor %eax, %eax
        mov %eax, %fs
        mov %eax, %gs
        fninit
#ifdef __x86_64__
        lea stack_top(%rip), %rsp
#else
        mov $stack_top, %esp
#endif
        xor %ebp, %ebp
        call payload_main
        ud2

        .section .data.boot, "aw", @progbits
        .balign 8
/* The payload's own table, which replaces this one, has the same two selectors. */
boot_gdt:
        .quad 0
#ifdef __x86_64__
        .quad 0x00af9b000000ffff
#else
        .quad 0x00cf9b000000ffff
#endif
        .quad 0x00cf93000000ffff
boot_gdt_pointer:
        .word . - boot_gdt - 1
        .long boot_gdt

        .globl page_tables, low_directory
        .balign 4096
page_tables:
#ifdef __x86_64__
        .quad directory_pointers + 3
        .fill 511, 8, 0
directory_pointers:
        .quad low_directory + 3
        .quad 0
        .quad 0
        .quad lapic_directory + 3
        .fill 508, 8, 0
low_directory:
        .set address, 0
        .rept ram_size / 0x200000
        .quad address + 0x83            /* PS W P */
        .set address, address + 0x200000
        .endr
        .fill 512 - ram_size / 0x200000, 8, 0
lapic_directory:
        .fill (lapic & 0x3fffffff) / 0x200000, 8, 0
        .quad lapic + 0x93              /* PS PCD W P */
        .fill 511 - (lapic & 0x3fffffff) / 0x200000, 8, 0
#else
low_directory:
        .set address, 0
        .rept ram_size / 0x400000
        .long address + 0x83
        .set address, address + 0x400000
        .endr
        .fill lapic / 0x400000 - ram_size / 0x400000, 4, 0
        .long (lapic & 0xffc00000) + 0x93
        .fill 1023 - lapic / 0x400000, 4, 0
#endif

        .section .bss.boot, "aw", @nobits
        .balign 16
        .skip 16384
stack_top:

        .section .note.GNU-stack, "", @progbits
