/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2's exception and interrupt handlers, all 256 of them: each is one VMMCALL, so the RIP of the exit
 * names the vector, and the stack is left just as the event delivered it. The bytes mean the same in
 * 16-, 32- and 64-bit code.
 */
        .section .l2text, "ax", @progbits
        .balign 4096, 0xcc
        .globl  l2_handlers
l2_handlers:
        .rept   256
        vmmcall
        .balign 8, 0xcc
        .endr

/* For gates of 16-bit code and the interrupt vector table. */
        .section .l2lowhandlers, "ax", @progbits
        .balign 16, 0xcc
        .globl  l2_low_handlers
l2_low_handlers:
        .rept   256
        vmmcall
        .balign 8, 0xcc
        .endr
        .section .note.GNU-stack, "", @progbits
