/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls a function that may be broken, and gets control back whatever it does: callee-saved
 * registers, stack pointer and flags are checked after it, any exception ends it. May be nested.
 *
 *     size_t guarded_call(size_t (*function)(void*), void* argument);
 *
 * leaves the exception in last_vector (none: -1) and fault_address, and in convention_broken what
 * was not as the calling convention wants it: bit 0 BX, 1 BP, 2 SP, 3 flags; then R12 to R15 on
 * x64, SI and DI on x86.
 */

#define flags_to_be_clear 0x247600      /* ID AC NT IOPL DF IF */

        .text
        .globl guarded_call, fault_entries, interrupt_entry

#ifdef __x86_64__

        .macro expect register, value, bit
        movabs $\value, %rdx
        cmp %rdx, \register
        je 1f
        or $1 << \bit, %ecx
1:
        .endm

guarded_call:
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        push recovery_stack
        mov %rsp, recovery_stack
        movl $-1, last_vector
        movq $0, fault_address
        movl $0, convention_broken
        mov %rdi, %rax
        mov %rsi, %rdi
        movabs $0xa001a1a1a1a1a1a1, %rbx
        movabs $0xa006a6a6a6a6a6a6, %rbp
        movabs $0xa00ca0a0a0a0a0a0, %r12
        movabs $0xa00da0a0a0a0a0a0, %r13
        movabs $0xa00ea0a0a0a0a0a0, %r14
        movabs $0xa00fa0a0a0a0a0a0, %r15
        call *%rax
        mov $0, %ecx
        cmp %rsp, recovery_stack
        je 1f
        or $1 << 2, %ecx
1:
        expect %rbx, 0xa001a1a1a1a1a1a1, 0
        expect %rbp, 0xa006a6a6a6a6a6a6, 1
        expect %r12, 0xa00ca0a0a0a0a0a0, 4
        expect %r13, 0xa00da0a0a0a0a0a0, 5
        expect %r14, 0xa00ea0a0a0a0a0a0, 6
        expect %r15, 0xa00fa0a0a0a0a0a0, 7
        pushfq
        pop %rdx
        test $flags_to_be_clear, %edx
        jz 1f
        or $1 << 3, %ecx
1:      mov %ecx, convention_broken
guarded_return:
        mov recovery_stack, %rsp
        pushq $2
        popfq
        pop recovery_stack
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        ret

#else

        .macro expect register, value, bit
        cmp \value, \register
        je 1f
        or $1 << \bit, %ecx
1:
        .endm

guarded_call:
        push %ebx
        push %ebp
        push %esi
        push %edi
        sub $4, %esp
        push recovery_stack
        mov %esp, recovery_stack
        movl $-1, last_vector
        movl $0, fault_address
        movl $0, convention_broken
        mov 28(%esp), %eax
        mov 32(%esp), %ecx
        mov $0xa1a1a1a1, %ebx
        mov $0xa6a6a6a6, %ebp
        mov $0xa4a4a4a4, %esi
        mov $0xa5a5a5a5, %edi
        push %ecx
        call *%eax
        add $4, %esp
        mov $0, %ecx
        cmp %esp, recovery_stack
        je 1f
        or $1 << 2, %ecx
1:
        expect %ebx, $0xa1a1a1a1, 0
        expect %ebp, $0xa6a6a6a6, 1
        expect %esi, $0xa4a4a4a4, 4
        expect %edi, $0xa5a5a5a5, 5
        pushfl
        pop %edx
        test $flags_to_be_clear, %edx
        jz 1f
        or $1 << 3, %ecx
1:      mov %ecx, convention_broken
guarded_return:
        mov recovery_stack, %esp
        pushl $2
        popfl
        pop recovery_stack
        add $4, %esp
        pop %edi
        pop %esi
        pop %ebp
        pop %ebx
        ret

#endif

/* One entry of 16 bytes per exception vector; those without an error code push one. */
#define vectors_with_error_code 0x60227d00

        .balign 16
fault_entries:
        .set vector, 0
        .rept 32
        .balign 16
        .if ((vectors_with_error_code >> vector) & 1) == 0
        push $0
        .endif
        push $vector
        jmp fault_common
        .set vector, vector + 1
        .endr

fault_common:
#ifdef __x86_64__
        popq %rax
        mov %eax, last_vector
        popq %rax
        popq fault_address
        mov $0, %eax
        jmp guarded_return
#else
        popl last_vector
        popl %eax
        popl fault_address
        mov $0, %eax
        jmp guarded_return

/* #DF is a task of its own, because the stack is what was wrong. The switch is undone here, so that
 * the next one can happen. */
        .globl double_fault_entry
double_fault_entry:
        movl $8, last_vector
        andb $0xfd, gdt + 0x18 + 5
        andb $0xfd, gdt + 0x20 + 5
        mov $0x18, %eax
        ltr %ax
        mov $0, %eax
        jmp guarded_return
#endif

/* Counts an interrupt of the local APIC and acknowledges it. */
interrupt_entry:
        incl interrupts_taken
#ifdef __x86_64__
        push %rax
        mov $0xfee000b0, %eax
        movl $0, (%rax)
        pop %rax
        iretq
#else
        movl $0, 0xfee000b0
        iret
#endif

        .bss
        .balign 16
        .globl last_vector, fault_address, convention_broken, interrupts_taken
recovery_stack:
        .skip 8
fault_address:
        .skip 8
last_vector:
        .skip 4
convention_broken:
        .skip 4
interrupts_taken:
        .skip 4

        .section .note.GNU-stack, "", @progbits
