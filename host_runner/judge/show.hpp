// SPDX-License-Identifier: GPL-2.0-only
// Values as people read them: a field by its name, an address by its label, changed bits by theirs.
#pragma once

#include "harness/svm/vmcb_fields.hpp"
#include "host_runner/plan/resolver.hpp"

#include <cstdint>
#include <string>

namespace vmrunit::runner {

/// "0x0000000000201002 (after)": labels of the program and handlers are named.
[[nodiscard]] std::string show_address(std::uint64_t address, const Resolver& resolve);

/// A field's value in the field's width; exit codes and addresses get their names.
[[nodiscard]] std::string show_field(svm::FieldRef field, std::uint64_t value,
                                     const Resolver& resolve);

/// Bits that are not as expected, by name: "+hlt" is set and should not be, "-cpuid" is missing.
[[nodiscard]] std::string show_changed_bits(svm::FieldRef field, std::uint64_t expected,
                                            std::uint64_t actual, std::uint64_t judged);

} // namespace vmrunit::runner
