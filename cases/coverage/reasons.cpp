// SPDX-License-Identifier: GPL-2.0-only
// Why items of the built-in families have no case.
#include "cases/coverage/family.hpp"

namespace vmrunit::cases {
namespace {

constexpr CoverageReason reasons[] = {
#define VMRUNIT_NO_CASE(items, reason) {items, reason, __LINE__},
#include "cases/coverage/reasons.inc"
#undef VMRUNIT_NO_CASE
};

const ReasonRegistration registration{reasons};

} // namespace
} // namespace vmrunit::cases
