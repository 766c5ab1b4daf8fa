/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs of the outsider's payload.
 */
#include "harness/guest/l2_program.inc"

        l2_program outsider_cpuid, 64, "cpuid"
        l2_program outsider_doubles, 64, "lea (%rbx, %rbx), %rbx"
        l2_program outsider_stores, 64, "movq %rbx, (%rdi)"
