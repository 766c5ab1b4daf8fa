// SPDX-License-Identifier: GPL-2.0-only
// A payload that does what its plan says, one letter after the other, so that every way a machine
// can talk and end is tried without the guest library. Entered by PVH in 32-bit protected mode.
//
//   p  print "hello\n"          b  256 KiB by the port          f  flood the port for ever
//   r  format the ring          w  "ring\n" into the ring       W  256 KiB into the ring
//   c  corrupt the producer     m  mend it                      x  write a wrong ring size
//   t  triple fault             l  loop for ever                h  halt for ever
//   k  reset by the keyboard controller (q35)                   o  power off by ACPI (q35)
//   i  200 INITs to the second CPU                              s  run on at the plan's start
// The end of the plan halts.

#define DEBUG_PORT        0xe9
#define RING              0x01000000
#define RING_DATA_SIZE    0x10000
#define RING_DATA         (RING + 0x1000)
#define RING_MAGIC        0x676e6952
#define RING_VERSION      1
#define MAGIC             (RING + 0x000)
#define VERSION           (RING + 0x004)
#define DATA_SIZE         (RING + 0x008)
#define PRODUCER          (RING + 0x040)
#define CONSUMER          (RING + 0x080)
#define DOORBELL_EVERY    0x4000
#define MUCH              0x40000
#define APIC              0xfee00000

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18                          // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad entry

    .section .text, "ax", @progbits
    .code32
    .globl entry
entry:
    cli
    cld
    movl $stack_top, %esp
    movl 16(%ebx), %eax                     // hvm_start_info: list of modules
    movl (%eax), %esi                       // its first: address, size
    movl %esi, plan_begin
    movl 8(%eax), %edi
    addl %esi, %edi
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

much_by_port:
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

power_off:
    movw $0x604, %dx
    movw $0x2000, %ax
    outw %ax, %dx
    jmp halt

initialise_others:
    movl $0x1ff, APIC + 0xf0
    movl $200, %ecx
1:  movl $0xc4500, APIC + 0x300             // INIT to all but self
2:  testl $0x1000, APIC + 0x300             // delivery pending
    jnz 2b
    loop 1b
    ret

restart:
    movl plan_begin, %esi
    ret

format_ring:
    movl $0, MAGIC
    movl $RING_VERSION, VERSION
    movl $RING_DATA_SIZE, DATA_SIZE
    movl $0, PRODUCER
    movl $0, CONSUMER
    movl $RING_MAGIC, MAGIC
    ret

ring_text:
    pushl %esi
    movl $ring_words, %esi
1:  lodsb
    testb %al, %al
    jz 2f
    call put_byte
    jmp 1b
2:  popl %esi
    outb %al, $DEBUG_PORT
    ret

much_by_ring:
    movl $0, %ecx
1:  movb %cl, %al
    call put_byte
    incl %ecx
    cmpl $MUCH, %ecx
    jb 1b
    movb $0, %al
    outb %al, $DEBUG_PORT
    ret

// In: al. Waits for room. Changes edx, ebp.
put_byte:
    movl PRODUCER, %edx
    movl %edx, %ebp
    subl CONSUMER, %ebp
    cmpl $RING_DATA_SIZE, %ebp
    jb 1f
    pause
    jmp put_byte
1:  movl %edx, %ebp
    andl $(RING_DATA_SIZE - 1), %ebp
    movb %al, RING_DATA(%ebp)
    incl %edx
    movl %edx, PRODUCER
    testl $(DOORBELL_EVERY - 1), %edx
    jnz 2f
    pushl %eax
    movb $0, %al
    outb %al, $DEBUG_PORT
    popl %eax
2:  ret

corrupt:
    movl PRODUCER, %eax
    movl %eax, true_producer
    addl $(RING_DATA_SIZE * 4), PRODUCER
    ret

mend:
    movl true_producer, %eax
    movl %eax, PRODUCER
    ret

wrong_size:
    movl $0x12345, DATA_SIZE
    ret

commands:
    .byte 'p'; .long print
    .byte 'b'; .long much_by_port
    .byte 'f'; .long flood
    .byte 'r'; .long format_ring
    .byte 'w'; .long ring_text
    .byte 'W'; .long much_by_ring
    .byte 'c'; .long corrupt
    .byte 'm'; .long mend
    .byte 'x'; .long wrong_size
    .byte 't'; .long triple_fault
    .byte 'l'; .long loop_for_ever
    .byte 'h'; .long halt
    .byte 'k'; .long keyboard_reset
    .byte 'o'; .long power_off
    .byte 'i'; .long initialise_others
    .byte 's'; .long restart
    .byte 0

hello:              .asciz "hello\n"
ring_words:         .asciz "ring\n"
no_interrupt_table: .short 0; .long 0

    .section .bss, "aw", @nobits
    .balign 16
plan_begin:         .skip 4
true_producer:      .skip 4
    .skip 4096
stack_top:

    .section .note.GNU-stack, "", @progbits
