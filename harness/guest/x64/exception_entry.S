// SPDX-License-Identifier: GPL-2.0-only
// 256 entry stubs of 16 bytes each, their common way into guest_handle_interrupt() and back
// (InterruptFrame in x64/interrupt_frame.hpp is the layout), and the call that a fault can end.
#include "harness/guest/l1_baseline.hpp"

    .section .text.exception_entry, "ax", @progbits
    .code64
    .balign 16
    .globl guest_exception_stubs
guest_exception_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    // #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX push an error code themselves.
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
          vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    jmp common_entry
    .set vector, vector + 1
    .endr

    .balign 16
common_entry:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi                         // 16-byte aligned: the CPU aligns, 22 quadwords follow
    call guest_handle_interrupt
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

// bool guest_call_with_resume(void (*function)(void*), void* context, ResumePoint* resume)
// True if a fault ended the call. The general registers are taken from the stack either way, so
// they need not have survived the fault.
    .balign 16
    .globl guest_call_with_resume
guest_call_with_resume:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdx
    leaq 1f(%rip), %rax
    movq %rsp, 8(%rdx)
    movq %rax, (%rdx)                       // armed from here
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    movq (%rsp), %rdx
    movq $0, (%rdx)
    xorl %eax, %eax
    jmp 2f
1:  movl $1, %eax
2:  addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .section .note.GNU-stack, "", @progbits
