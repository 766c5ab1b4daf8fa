/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A 32-bit L1 goes to real mode and back, or to virtual-8086 mode, which a fault leads back from. See
 * unprotected.cpp. APM2 1.2.3, 1.2.4, 8.8.
 */
#include "guest_payloads/l1/routines/unprotected.inc"

        .equ    eflags_vm, 0x20000
        .equ    gate_of_cpl_3, 0xee00

        real_mode_visit protected

        .macro  enter_function
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        mov     20(%esp), %ebx
        shl     $4, %ebx
        add     $unprotected_instructions - 0xd80, %ebx
        mov     24(%esp), %eax
        mov     28(%esp), %ebp
        mov     %esp, unprotected_esp
        sidt    protected_idtr
        .endm

        .macro  leave_function
        mov     $VMRUNIT_SELECTOR_DATA, %eax
        mov     %eax, %ss
        mov     %eax, %ds
        mov     %eax, %es
        mov     %ecx, (%ebp)
        mov     unprotected_esp, %esp
        .endm

        .macro  return
        lidt    protected_idtr
        mov     %edi, %eax
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
        ret
        .endm

        .text
        .code32
/* u32 vmrunit_in_real_mode(u32 instruction, u32 eax, u32* ip): the vector + 1 of the fault, and its IP. */
        .globl  vmrunit_in_real_mode
        .type   vmrunit_in_real_mode, @function
vmrunit_in_real_mode:
        enter_function
        mov     %cr0, %ecx
        and     $~cr0_paging, %ecx
        mov     %ecx, %cr0
        ljmp    $selector_code_16, $real_entry
protected:
        leave_function
        mov     %cr0, %eax
        or      $cr0_paging, %eax
        mov     %eax, %cr0
        return
        .size   vmrunit_in_real_mode, . - vmrunit_in_real_mode

/* The same in virtual-8086 mode, whose segments are all 0. */
        .globl  vmrunit_in_virtual_8086_mode
        .type   vmrunit_in_virtual_8086_mode, @function
vmrunit_in_virtual_8086_mode:
        enter_function
        mov     %fs, unprotected_fs
        mov     %gs, unprotected_gs
        .irp    vector, 3, 6, 13
        mov     $virtual_\vector, %ecx
        mov     %cx, virtual_idt + \vector * 8
        movw    $VMRUNIT_SELECTOR_CODE_32, virtual_idt + \vector * 8 + 2
        movw    $gate_of_cpl_3, virtual_idt + \vector * 8 + 4
        shr     $16, %ecx
        mov     %cx, virtual_idt + \vector * 8 + 6
        .endr
        lidt    virtual_idtr
        pushl   $0                      /* GS, FS, DS, ES, SS */
        pushl   $0
        pushl   $0
        pushl   $0
        pushl   $0
        pushl   $real_stack_top
        pushl   $eflags_vm | 2
        pushl   $0                      /* CS */
        pushl   %ebx
        iretl
virtual_13:
        add     $4, %esp                /* the error code */
        mov     $13 + 1, %edi
        jmp     1f
        .irp    vector, 3, 6
virtual_\vector:
        mov     $\vector + 1, %edi
        jmp     1f
        .endr
1:      mov     (%esp), %ecx
        leave_function
        mov     unprotected_fs, %fs
        mov     unprotected_gs, %gs
        return
        .size   vmrunit_in_virtual_8086_mode, . - vmrunit_in_virtual_8086_mode

        .data
        .balign 4
virtual_idtr:
        .short  14 * 8 - 1
        .long   virtual_idt

        .bss
        .balign 8
virtual_idt:
        .skip   14 * 8
unprotected_esp:
        .skip   4
unprotected_fs:
        .skip   2
unprotected_gs:
        .skip   2
protected_idtr:
        .skip   6

        .section .note.GNU-stack, "", @progbits
