/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMRUN that is wrong on purpose, to prove that the checks of variant.c notice: it does not
 * restore WRONG_REGISTER, and with WRONG_RED_ZONE it pushes into the red zone. The assembler, not
 * the preprocessor, leaves out the one register, so that the rest is the same code for all.
 */
#pragma once

#include <stddef.h>

#define WRONG_STRING_OF(text) #text
#define WRONG_STRING(macro) WRONG_STRING_OF(macro)

#ifdef __x86_64__
#define WRONG_SKIP "lea 8(%%rsp), %%rsp"
#else
#define WRONG_SKIP "lea 4(%%esp), %%esp"
#endif
#define WRONG_POP(name)                                                                            \
    ".ifc " #name "," WRONG_STRING(WRONG_REGISTER) "\n\t" WRONG_SKIP "\n\t.else\n\tpop %%" #name   \
                                                   "\n\t.endif\n\t"
#define WRONG_PUSH(name) "push %%" #name "\n\t"

static inline __attribute__((__always_inline__)) void wrong_vmrun(size_t vmcb_physical_address) {
#ifdef __x86_64__
    __asm__ volatile(
#ifndef WRONG_RED_ZONE
        "lea -128(%%rsp), %%rsp\n\t"
#endif
        // clang-format off
        WRONG_PUSH(rbp) WRONG_PUSH(rbx) WRONG_PUSH(rcx) WRONG_PUSH(rdx) WRONG_PUSH(rsi)
        WRONG_PUSH(rdi) WRONG_PUSH(r8)  WRONG_PUSH(r9)  WRONG_PUSH(r10) WRONG_PUSH(r11)
        WRONG_PUSH(r12) WRONG_PUSH(r13) WRONG_PUSH(r14) WRONG_PUSH(r15)
        "vmrun %%rax\n\t"
        WRONG_POP(r15)  WRONG_POP(r14)  WRONG_POP(r13)  WRONG_POP(r12)
        WRONG_POP(r11)  WRONG_POP(r10)  WRONG_POP(r9)   WRONG_POP(r8)   WRONG_POP(rdi)
        WRONG_POP(rsi)  WRONG_POP(rdx)  WRONG_POP(rcx)  WRONG_POP(rbx)  WRONG_POP(rbp)
    // clang-format on
#ifndef WRONG_RED_ZONE
                                    "lea 128(%%rsp), %%rsp\n\t"
#endif
        :
        : "a"(vmcb_physical_address)
        : "cc", "memory"
#if defined(__SSE__) && !defined(WRONG_VECTORS)
          ,
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#endif
    );
#else
    __asm__ volatile(
        // clang-format off
        WRONG_PUSH(ebp) WRONG_PUSH(ebx) WRONG_PUSH(ecx) WRONG_PUSH(edx) WRONG_PUSH(esi)
        WRONG_PUSH(edi)
        "vmrun %%eax\n\t"
        WRONG_POP(edi)  WRONG_POP(esi)  WRONG_POP(edx)  WRONG_POP(ecx)  WRONG_POP(ebx)
        WRONG_POP(ebp)
        // clang-format on
        :
        : "a"(vmcb_physical_address)
        : "cc", "memory");
#endif
}
