/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the payload and the variants know of each other. A variant is variant.c compiled with one
 * compiler and one set of options; it brings its checks in the ELF section "variants", and the
 * payload runs every check it finds there. C, because variants are compiled as C and as C++.
 */
#pragma once

#include <stddef.h>

enum { seed_count = 24 };

struct l1_state {
    size_t vmcb_physical_address;
    volatile unsigned long long* l2_rip; /* the RIP field of the VMCB */
    unsigned long long l2_start;
    size_t area_length; /* 1..seed_count, not known to the compiler */
    volatile size_t seed[seed_count];
    volatile size_t expected[seed_count]; /* the same values, where a lost register cannot reach */
};

struct check {
    const char* name;
    size_t (*run)(struct l1_state* l1); /* one bit for each value that did not survive */
    unsigned vmruns;
};

struct variant {
    const char* name;
    const struct check* checks;
    size_t check_count;
};

#ifdef __cplusplus
extern "C" {
#endif

/* In the payload: reached through the GOT and the PLT by position-independent variants. */
extern volatile size_t distant_value;
size_t distant_function(size_t value);

#ifdef __cplusplus
}
#endif
