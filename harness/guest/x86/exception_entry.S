// SPDX-License-Identifier: GPL-2.0-only
// 256 entry stubs of 16 bytes each, their common way into guest_handle_interrupt() and back
// (InterruptFrame in x86/interrupt_frame.hpp is the layout), and the call that a fault can end.
#include "harness/guest/l1_baseline.hpp"

    .section .text.exception_entry, "ax", @progbits
    .code32
    .balign 16
    .globl guest_exception_stubs
guest_exception_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    // #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX push an error code themselves.
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
          vector == 29 || vector == 30)
    pushl $0
    .endif
    pushl $vector
    jmp common_entry
    .set vector, vector + 1
    .endr

    .balign 16
common_entry:
    pushl %eax
    pushl %ecx
    pushl %edx
    pushl %ebx
    pushl %ebp
    pushl %esi
    pushl %edi
    leal 48(%esp), %eax                     // the CPU pushes no ESP where CPL stays the same
    pushl %eax
    cld
    movl %esp, %ebp
    andl $-16, %esp
    subl $12, %esp
    pushl %ebp
    call guest_handle_interrupt
    movl %ebp, %esp

    // IRET takes no ESP either. So EAX and what IRET takes go where the frame wants the stack, which
    // may overlap the frame itself: everything is read before anything is written. The slot of the
    // vector takes the address of them.
    movl (%esp), %edx
    subl $16, %edx
    movl 28(%esp), %ebx                     // EAX
    movl 40(%esp), %ecx                     // EIP
    movl 44(%esp), %esi                     // CS
    movl 48(%esp), %edi                     // EFLAGS
    movl %ebx, (%edx)
    movl %ecx, 4(%edx)
    movl %esi, 8(%edx)
    movl %edi, 12(%edx)
    movl %edx, 32(%esp)
    addl $4, %esp
    popl %edi
    popl %esi
    popl %ebp
    popl %ebx
    popl %edx
    popl %ecx
    addl $4, %esp
    movl (%esp), %esp
    popl %eax
    iretl

// bool guest_call_with_resume(void (*function)(void*), void* context, ResumePoint* resume)
// True if a fault ended the call. The general registers are taken from the stack either way, so
// they need not have survived the fault.
    .balign 16
    .globl guest_call_with_resume
guest_call_with_resume:
    pushl %ebx
    pushl %ebp
    pushl %esi
    pushl %edi
    movl 28(%esp), %edx
    movl %esp, 4(%edx)
    movl $1f, (%edx)                        // armed from here
    movl 20(%esp), %eax
    movl 24(%esp), %ecx
    subl $8, %esp
    pushl %ecx
    call *%eax
    addl $12, %esp
    movl 28(%esp), %edx
    movl $0, (%edx)
    xorl %eax, %eax
    jmp 2f
1:  movl $1, %eax
2:  popl %edi
    popl %esi
    popl %ebp
    popl %ebx
    ret

    .section .note.GNU-stack, "", @progbits
