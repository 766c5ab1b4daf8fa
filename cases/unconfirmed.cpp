// SPDX-License-Identifier: GPL-2.0-only
// What no target has shown yet of the built-in tables. Whether one has is a fact about targets and
// no part of a row, so it is kept as results say (docs/coverage.md).
#include "cases/model/catalogue.hpp"

namespace vmrunit::cases {
namespace {

constexpr std::string_view names[] = {
#define VMRUNIT_UNCONFIRMED(name) name,
#include "cases/unconfirmed.inc"
#undef VMRUNIT_UNCONFIRMED
};

const UnconfirmedRegistration registration{names};

} // namespace
} // namespace vmrunit::cases
