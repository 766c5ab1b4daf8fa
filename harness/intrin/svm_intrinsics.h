/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SVM intrinsics with Microsoft's documented names and signatures, for GCC and Clang, in C and
 * C++, on x86 and x64 (APM volume 2, chapter 15; APM volume 3 for the instructions). Freestanding.
 * Reached by #include <intrin.h>; docs/intrinsics.md says what each one does and what it leaves to
 * the caller.
 */
#pragma once

#if !defined(__x86_64__) && !defined(__i386__)
#error "the SVM intrinsics exist on x86 and x64 only"
#endif

#include <stddef.h> // NOLINT(modernize-deprecated-headers): for C, too

/* Names of parameters and macros are reserved ones: no macro of the including code can hit them. */
// NOLINTBEGIN(readability-identifier-naming, modernize-use-using): a header for C, too

#ifdef __cplusplus
extern "C" {
#endif

/* Clang's own <intrin.h> declares these names without defining them. They are declared here too, as
 * Microsoft documents them, so that the definitions below follow a declaration everywhere. */
void __svm_clgi(void);
void __svm_invlpga(void* __va, int __asid);
void __svm_skinit(int __slb);
void __svm_stgi(void);
void __svm_vmload(size_t __vmcb_physical_address);
void __svm_vmrun(size_t __vmcb_physical_address);
void __svm_vmsave(size_t __vmcb_physical_address);

/* gnu_inline: a body for inlining and never a symbol of its own, whatever was declared before, in C
 * and C++ alike. No second definition can exist, so no rule about one can be broken. */
#define __SVM_INTRINSIC                                                                            \
    extern __inline__ __attribute__((__gnu_inline__, __always_inline__, __artificial__,            \
                                     __no_instrument_function__))

/* An operand as wide as the instruction takes it. A pointer is narrower than RAX in the x32 ABI,
 * and the upper half of a register is then not the compiler's concern. */
#ifdef __x86_64__
#define __SVM_RAX "{%%rax|rax}"
typedef unsigned long long __svm_register;
#else
#define __SVM_RAX "{%%eax|eax}"
typedef unsigned int __svm_register;
#endif

/* x87 and SSE state is the caller's concern and no instruction here touches it. But a compiler that
 * uses vector registers must know that L2 may have left its own values there. */
#if defined(__SSE__) && defined(__x86_64__)
#define __SVM_VECTORS_LOW                                                                          \
    , "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",     \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#elif defined(__SSE__)
#define __SVM_VECTORS_LOW , "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"
#else
#define __SVM_VECTORS_LOW
#endif
#if defined(__AVX512F__) && defined(__x86_64__)
#define __SVM_VECTORS_HIGH                                                                         \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",    \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"
#else
#define __SVM_VECTORS_HIGH
#endif
#ifdef __AVX512F__
#define __SVM_VECTORS_MASK , "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define __SVM_VECTORS_MASK
#endif
#define __SVM_VECTORS __SVM_VECTORS_LOW __SVM_VECTORS_HIGH __SVM_VECTORS_MASK

__SVM_INTRINSIC void __svm_clgi(void) {
    __asm__ __volatile__("clgi" : : : "memory");
}

__SVM_INTRINSIC void __svm_stgi(void) {
    __asm__ __volatile__("stgi" : : : "memory");
}

__SVM_INTRINSIC void __svm_vmload(size_t __vmcb_physical_address) {
    __asm__ __volatile__("vmload " __SVM_RAX
                         :
                         : "a"((__svm_register)__vmcb_physical_address)
                         : "memory");
}

__SVM_INTRINSIC void __svm_vmsave(size_t __vmcb_physical_address) {
    __asm__ __volatile__("vmsave " __SVM_RAX
                         :
                         : "a"((__svm_register)__vmcb_physical_address)
                         : "memory");
}

__SVM_INTRINSIC void __svm_invlpga(void* __va, int __asid) {
    __asm__ __volatile__("invlpga " __SVM_RAX ", {%%ecx|ecx}"
                         :
                         : "a"((__svm_register)(size_t)__va), "c"(__asid)
                         : "memory");
}

__SVM_INTRINSIC void __svm_skinit(int __slb) {
    __asm__ __volatile__("skinit {%%eax|eax}" : : "a"(__slb) : "memory");
}

/* VMRUN and #VMEXIT exchange RAX, RSP and RFLAGS; every other general register still holds what L2
 * left in it. All of them are pushed and popped rather than named as clobbered: compilers refuse or
 * silently ignore RBP there, EBX may be the PIC register, and RBX, ESI and others the base of a
 * frame of variable size. On x64 the first step leads over the red zone, which may be in use; it
 * uses LEA, so that nothing here depends on or changes a flag. */
__SVM_INTRINSIC void __svm_vmrun(size_t __vmcb_physical_address) {
#ifdef __x86_64__
    __asm__ __volatile__("lea {-128(%%rsp), %%rsp|rsp, [rsp - 128]}\n\t"
                         "push {%%rbp|rbp}\n\t"
                         "push {%%rbx|rbx}\n\t"
                         "push {%%rcx|rcx}\n\t"
                         "push {%%rdx|rdx}\n\t"
                         "push {%%rsi|rsi}\n\t"
                         "push {%%rdi|rdi}\n\t"
                         "push {%%r8|r8}\n\t"
                         "push {%%r9|r9}\n\t"
                         "push {%%r10|r10}\n\t"
                         "push {%%r11|r11}\n\t"
                         "push {%%r12|r12}\n\t"
                         "push {%%r13|r13}\n\t"
                         "push {%%r14|r14}\n\t"
                         "push {%%r15|r15}\n\t"
                         "vmrun {%%rax|rax}\n\t"
                         "pop {%%r15|r15}\n\t"
                         "pop {%%r14|r14}\n\t"
                         "pop {%%r13|r13}\n\t"
                         "pop {%%r12|r12}\n\t"
                         "pop {%%r11|r11}\n\t"
                         "pop {%%r10|r10}\n\t"
                         "pop {%%r9|r9}\n\t"
                         "pop {%%r8|r8}\n\t"
                         "pop {%%rdi|rdi}\n\t"
                         "pop {%%rsi|rsi}\n\t"
                         "pop {%%rdx|rdx}\n\t"
                         "pop {%%rcx|rcx}\n\t"
                         "pop {%%rbx|rbx}\n\t"
                         "pop {%%rbp|rbp}\n\t"
                         "lea {128(%%rsp), %%rsp|rsp, [rsp + 128]}"
                         :
                         : "a"((__svm_register)__vmcb_physical_address)
                         : "cc", "memory" __SVM_VECTORS);
#else
    __asm__ __volatile__("push {%%ebp|ebp}\n\t"
                         "push {%%ebx|ebx}\n\t"
                         "push {%%ecx|ecx}\n\t"
                         "push {%%edx|edx}\n\t"
                         "push {%%esi|esi}\n\t"
                         "push {%%edi|edi}\n\t"
                         "vmrun {%%eax|eax}\n\t"
                         "pop {%%edi|edi}\n\t"
                         "pop {%%esi|esi}\n\t"
                         "pop {%%edx|edx}\n\t"
                         "pop {%%ecx|ecx}\n\t"
                         "pop {%%ebx|ebx}\n\t"
                         "pop {%%ebp|ebp}"
                         :
                         : "a"((__svm_register)__vmcb_physical_address)
                         : "cc", "memory" __SVM_VECTORS);
#endif
}

#undef __SVM_INTRINSIC
#undef __SVM_RAX
#undef __SVM_VECTORS
#undef __SVM_VECTORS_LOW
#undef __SVM_VECTORS_HIGH
#undef __SVM_VECTORS_MASK
// NOLINTEND(readability-identifier-naming, modernize-use-using)

#ifdef __cplusplus
}
#endif
