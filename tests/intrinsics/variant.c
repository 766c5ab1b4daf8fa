/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that hold values in every place a compiler can keep them (registers, red zone, frames
 * of fixed and variable size, vector registers) while L2 fills all registers with its own values.
 * Compiled once per combination of compiler and options; VARIANT is the name of the combination.
 * With WRONG_REGISTER it uses a broken VMRUN instead, which the checks must find.
 */
#include "named_registers.h"
#include "subject.h"

#ifdef WRONG_REGISTER
#include "wrong_vmrun.h"
#define RUN_L2(address) wrong_vmrun(address)
#else
#include <intrin.h>
#define RUN_L2(address) __svm_vmrun(address)
#endif

#define NOINLINE __attribute__((__noinline__))
#define STRING_OF(text) #text
#define STRING(macro) STRING_OF(macro)

/* L2 ends at its VMMCALL, so each run has to begin anew; no call, so that a leaf function stays
 * one. */
#define RUN(l1)                                                                                    \
    do {                                                                                           \
        *(l1)->l2_rip = (l1)->l2_start;                                                            \
        RUN_L2((l1)->vmcb_physical_address);                                                       \
    } while (0)

/* More values than there are registers: all registers are in use, and the stack as well. */
#define FOR_EACH_LOCAL(apply)                                                                      \
    apply(0) apply(1) apply(2) apply(3) apply(4) apply(5) apply(6) apply(7) apply(8) apply(9)      \
        apply(10) apply(11) apply(12) apply(13) apply(14) apply(15) apply(16) apply(17) apply(18)  \
            apply(19)
#define TAKE(n) size_t local_##n = l1->seed[n];
#define COMPARE(n) wrong |= (size_t)(local_##n != l1->expected[n]) << (n);

static NOINLINE size_t many_locals(struct l1_state* l1) {
    size_t wrong = 0;
    FOR_EACH_LOCAL(TAKE)
    RUN(l1);
    FOR_EACH_LOCAL(COMPARE)
    return wrong;
}

static NOINLINE size_t named_registers(struct l1_state* l1) {
    size_t values[named_register_count];
    const size_t address = l1->vmcb_physical_address;
    size_t wrong = 0;
    for (size_t n = 0; n < named_register_count; ++n) {
        values[n] = l1->seed[n];
    }
    *l1->l2_rip = l1->l2_start;
    IN_NAMED_REGISTERS(values, RUN_L2(address));
    for (size_t n = 0; n < named_register_count; ++n) {
        wrong |= (size_t)(values[n] != l1->expected[n]) << n;
    }
    return wrong;
}

/* Calls nothing, so on x64 the array lies below the stack pointer unless the red zone is off. */
static NOINLINE size_t leaf(struct l1_state* l1) {
    volatile size_t below[12];
    size_t wrong = 0;
    for (size_t n = 0; n < 12; ++n) {
        below[n] = l1->seed[n];
    }
    RUN(l1);
    for (size_t n = 0; n < 12; ++n) {
        wrong |= (size_t)(below[n] != l1->expected[n]) << n;
    }
    return wrong;
}

static NOINLINE size_t variable_frame(struct l1_state* l1) {
    const size_t length = l1->area_length;
    volatile size_t* area = (volatile size_t*)__builtin_alloca(length * sizeof(size_t));
    size_t wrong = 0;
    for (size_t n = 0; n < length; ++n) {
        area[n] = l1->seed[n];
    }
    RUN(l1);
    for (size_t n = 0; n < length; ++n) {
        wrong |= (size_t)(area[n] != l1->expected[n]) << n;
    }
    return wrong;
}

/* A realigned frame of variable size needs a third register beside the stack and frame pointers. */
static NOINLINE size_t realigned_frame(struct l1_state* l1) {
    const size_t length = l1->area_length;
    volatile size_t aligned[8] __attribute__((__aligned__(64)));
    volatile size_t* area = (volatile size_t*)__builtin_alloca(length * sizeof(size_t));
    size_t wrong = 0;
    for (size_t n = 0; n < 8; ++n) {
        aligned[n] = l1->seed[n + 8];
    }
    for (size_t n = 0; n < length; ++n) {
        area[n] = l1->seed[n];
    }
    RUN(l1);
    for (size_t n = 0; n < 8; ++n) {
        wrong |= (size_t)(aligned[n] != l1->expected[n + 8]) << n;
    }
    for (size_t n = 0; n < length; ++n) {
        wrong |= (size_t)(area[n] != l1->expected[n]) << n;
    }
    return wrong | ((size_t)aligned & 63) << 24;
}

static NOINLINE size_t loop_with_calls(struct l1_state* l1) {
    size_t plain = 0;
    size_t with_runs = 0;
    for (size_t n = 0; n < 3; ++n) {
        plain = distant_function(plain + l1->seed[n]);
    }
    for (size_t n = 0; n < 3; ++n) {
        RUN(l1);
        with_runs = distant_function(with_runs + l1->expected[n]);
    }
    return plain != with_runs;
}

static NOINLINE size_t two_in_a_row(struct l1_state* l1) {
    const size_t before = distant_value;
    const size_t value = l1->seed[0];
    RUN(l1);
    RUN(l1);
    return (size_t)(distant_value != before) | (size_t)(value != l1->expected[0]) << 1;
}

#ifdef __SSE2__
static volatile double numbers[10] = {0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5};
#define FOR_EACH_NUMBER(apply)                                                                     \
    apply(0) apply(1) apply(2) apply(3) apply(4) apply(5) apply(6) apply(7) apply(8) apply(9)
#define TAKE_NUMBER(n) double number_##n = numbers[n];
#define COMPARE_NUMBER(n)                                                                          \
    wrong |= (size_t) !(number_##n <= numbers[n] && number_##n >= numbers[n]) << (n);

static NOINLINE size_t vector_registers(struct l1_state* l1) {
    size_t wrong = 0;
    FOR_EACH_NUMBER(TAKE_NUMBER)
    RUN(l1);
    FOR_EACH_NUMBER(COMPARE_NUMBER)
    return wrong;
}
#endif

static const struct check checks[] = {
    {"many_locals", many_locals, 1},
    {"named_registers", named_registers, 1},
    {"leaf", leaf, 1},
    {"variable_frame", variable_frame, 1},
    {"realigned_frame", realigned_frame, 1},
    {"loop_with_calls", loop_with_calls, 3},
    {"two_in_a_row", two_in_a_row, 2},
#ifdef __SSE2__
    {"vector_registers", vector_registers, 1},
#endif
};

static const struct variant this_variant = {STRING(VARIANT), checks,
                                            sizeof(checks) / sizeof(checks[0])};

static const struct variant* const entry __attribute__((__used__, __section__("variants"))) =
    &this_variant;
