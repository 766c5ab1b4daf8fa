// SPDX-License-Identifier: GPL-2.0-only
// What the outsider's payload can be asked to do wrong; its table has a case for each.
#pragma once

#include <cstdint>

namespace outsider {

// clang-format off
#define OUTSIDER_MISBEHAVIOURS(X)                                                                  \
    /* The record never comes. */                                                                  \
    X(hangs) X(triple_faults) X(faults_in_l1)                                                      \
    X(floods_garbage) X(floods_log) X(truncates_record_hangs)                                      \
    /* Something else comes in its place. */                                                       \
    X(garbage_for_record) X(truncates_record) X(records_without_content)                           \
    X(claims_next_number) X(claims_unknown_number) X(ends_early) X(says_hello_again)               \
    /* It comes, and more besides. */                                                              \
    X(garbage_around_record) X(floods_then_records) X(records_twice)                               \
    X(begins_twice) X(begins_others) X(scribbles_over_ring) X(dies_behind_record)
// clang-format on

/// The argument of the routine "misbehave".
enum class Misbehaviour : std::uint32_t {
#define OUTSIDER_ENUMERATOR(name) name,
    OUTSIDER_MISBEHAVIOURS(OUTSIDER_ENUMERATOR)
#undef OUTSIDER_ENUMERATOR
};

} // namespace outsider
