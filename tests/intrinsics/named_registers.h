/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IN_NAMED_REGISTERS(values, statement): loads the array into the general registers (all but AX, BP
 * and SP), executes the statement, and stores the registers back into the array.
 */
#pragma once

#include <stddef.h>

#ifdef __x86_64__
#define FOR_EACH_NAMED_REGISTER(apply)                                                             \
    apply(rbx, 0) apply(rcx, 1) apply(rdx, 2) apply(rsi, 3) apply(rdi, 4) apply(r8, 5)             \
        apply(r9, 6) apply(r10, 7) apply(r11, 8) apply(r12, 9) apply(r13, 10) apply(r14, 11)       \
            apply(r15, 12)
#define NAMED_REGISTER_CLOBBERS                                                                    \
    "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"
#define NAMED_REGISTER_OPERANDS                                                                    \
    "+r"(in_rbx), "+r"(in_rcx), "+r"(in_rdx), "+r"(in_rsi), "+r"(in_rdi), "+r"(in_r8),             \
        "+r"(in_r9), "+r"(in_r10), "+r"(in_r11), "+r"(in_r12), "+r"(in_r13), "+r"(in_r14),         \
        "+r"(in_r15)
#define NAMED_REGISTER_AT(n) "8*" #n "(%%rax)"
enum { named_register_count = 13 };
#else
#define FOR_EACH_NAMED_REGISTER(apply)                                                             \
    apply(ebx, 0) apply(ecx, 1) apply(edx, 2) apply(esi, 3) apply(edi, 4)
#define NAMED_REGISTER_CLOBBERS "ebx", "ecx", "edx", "esi", "edi"
#define NAMED_REGISTER_OPERANDS "+r"(in_ebx), "+r"(in_ecx), "+r"(in_edx), "+r"(in_esi), "+r"(in_edi)
#define NAMED_REGISTER_AT(n) "4*" #n "(%%eax)"
enum { named_register_count = 5 };
#endif

#ifdef __OPTIMIZE__

/* Register variables are operands of both asm statements; an optimiser leaves them where they are
 * in between, and moves whatever else it needs elsewhere. */
#define NAMED_REGISTER_HOLD(name, n) register size_t in_##name __asm__(#name) = named_values[n];
#define NAMED_REGISTER_KEEP(name, n) named_values[n] = in_##name;
#define IN_NAMED_REGISTERS(values, statement)                                                      \
    do {                                                                                           \
        size_t* const named_values = (values);                                                     \
        FOR_EACH_NAMED_REGISTER(NAMED_REGISTER_HOLD)                                               \
        __asm__ volatile("" : NAMED_REGISTER_OPERANDS);                                            \
        statement;                                                                                 \
        __asm__ volatile("" : NAMED_REGISTER_OPERANDS);                                            \
        FOR_EACH_NAMED_REGISTER(NAMED_REGISTER_KEEP)                                               \
    } while (0)

#else

/* Unoptimised code may keep register variables in memory, but computes nothing between two
 * statements and needs no more than AX to address their operands. */
#define NAMED_REGISTER_LOAD(name, n) "mov " NAMED_REGISTER_AT(n) ", %%" #name "\n\t"
#define NAMED_REGISTER_STORE(name, n) "mov %%" #name ", " NAMED_REGISTER_AT(n) "\n\t"
#define IN_NAMED_REGISTERS(values, statement)                                                      \
    do {                                                                                           \
        __asm__ volatile(FOR_EACH_NAMED_REGISTER(NAMED_REGISTER_LOAD)                              \
                         :                                                                         \
                         : "a"(values)                                                             \
                         : "memory", NAMED_REGISTER_CLOBBERS);                                     \
        statement;                                                                                 \
        __asm__ volatile(FOR_EACH_NAMED_REGISTER(NAMED_REGISTER_STORE)                             \
                         :                                                                         \
                         : "a"(values)                                                             \
                         : "memory");                                                              \
    } while (0)

#endif
