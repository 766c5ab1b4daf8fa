// SPDX-License-Identifier: GPL-2.0-only
// A payload that does what its plan says, one letter after the other, so that every way a machine
// can talk and end is tried without the guest library. Entered by Multiboot 2.
//
//   p  print "hello\n"     b  64 KiB by the port     f  flood the port for ever
//   t  triple fault        l  loop for ever          k  reset by the keyboard controller
// The end of the plan halts, and so does the start without one.

#define DEBUG_PORT      0xe9
#define HEADER_MAGIC    0xe85250d6
#define TAG_MODULE      3
#define TAG_END         0
#define MUCH            0x10000

    .section .text, "ax", @progbits
    .code32
    .balign 8
header:
    .long HEADER_MAGIC, 0, header_end - header, -(HEADER_MAGIC + header_end - header)
    .short 0, 0
    .long 8
header_end:

    .globl entry
entry:
    cli
    cld
    movl $stack_top, %esp
    leal 8(%ebx), %eax                      // tags behind the size of all
find_plan:
    cmpl $TAG_END, (%eax)
    je halt
    cmpl $TAG_MODULE, (%eax)
    je found_plan
    movl 4(%eax), %ecx
    addl $7, %ecx
    andl $~7, %ecx
    addl %ecx, %eax
    jmp find_plan
found_plan:
    movl 8(%eax), %esi
    movl 12(%eax), %edi
next:
    cmpl %edi, %esi
    jae halt
    lodsb
    movl $commands, %edx
1:  cmpb $0, (%edx)
    je halt
    cmpb (%edx), %al
    je 2f
    addl $5, %edx
    jmp 1b
2:  call *1(%edx)
    jmp next

halt:
    hlt
    jmp halt

print:
    pushl %esi
    movl $hello, %esi
1:  lodsb
    testb %al, %al
    jz 2f
    outb %al, $DEBUG_PORT
    jmp 1b
2:  popl %esi
    ret

much:
    movl $0, %ecx
1:  movb %cl, %al
    outb %al, $DEBUG_PORT
    incl %ecx
    cmpl $MUCH, %ecx
    jb 1b
    ret

flood:
    outb %al, $DEBUG_PORT
    jmp flood

triple_fault:
    lidt no_interrupt_table
    ud2

loop_for_ever:
    jmp loop_for_ever

keyboard_reset:
    movb $0xfe, %al
    outb %al, $0x64
    jmp halt

commands:
    .byte 'p'; .long print
    .byte 'b'; .long much
    .byte 'f'; .long flood
    .byte 't'; .long triple_fault
    .byte 'l'; .long loop_for_ever
    .byte 'k'; .long keyboard_reset
    .byte 0

hello:              .asciz "hello\n"
no_interrupt_table: .short 0; .long 0

    .section .bss, "aw", @nobits
    .balign 16
    .skip 4096
stack_top:

    .section .note.GNU-stack, "", @progbits
