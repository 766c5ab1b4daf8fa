// SPDX-License-Identifier: GPL-2.0-only
// What VMRUN checks before it enters, and what it does not check, as predicates over the VMCB.
// APM2 15.5.1, "Canonicalization and Consistency Checks".
#pragma once

#include "cases/model/case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

/// What a predicate may look at.
struct CheckedVmcb {
    const svm::SaveArea& save;
    const svm::ControlArea& control;
    const svm::SaveArea& usual; ///< What every VMCB of this mode has.
    const Case& one;

    [[nodiscard]] bool pg() const { return (save.cr0 & svm::cr0::pg) != 0; }
    [[nodiscard]] bool pe() const { return (save.cr0 & svm::cr0::pe) != 0; }
    [[nodiscard]] bool pae() const { return (save.cr4 & svm::cr4::pae) != 0; }
    [[nodiscard]] bool lme() const { return (save.efer & svm::efer::lme) != 0; }
    [[nodiscard]] bool lma() const { return (save.efer & svm::efer::lma) != 0; }
    [[nodiscard]] bool long_mode() const { return lme() && pg(); }
    [[nodiscard]] bool l_and_d() const {
        return save.cs.attributes.test(svm::SegmentAttributes::long_mode) &&
               save.cs.attributes.test(svm::SegmentAttributes::default_size);
    }
    [[nodiscard]] bool nested() const {
        return control.nested_control.test(svm::NestedControl::np_enable);
    }
    [[nodiscard]] svm::EventInjection event() const { return control.event_injection; }
    [[nodiscard]] bool injects(svm::EventType type) const {
        return event().test(svm::EventInjection::valid) &&
               event().get(svm::EventInjection::type) == static_cast<std::uint8_t>(type);
    }
    [[nodiscard]] std::uint64_t vector() const { return event().get(svm::EventInjection::vector); }
};

/// The parts of a check each of which is an item: the bits of a word, or the entries of a table.
struct CheckParts {
    std::string_view name{}; ///< "bit"
    std::uint64_t which = 0; ///< A bit for each; none: the check is one item.
    svm::FieldRef word{};    ///< Whose bits they are; of no bytes: of none.
};

struct Check {
    std::string_view id;
    std::string_view title{};        ///< What is refused; empty: nothing is.
    std::string_view beside_title{}; ///< What is accepted; empty: there is nothing beside it.
    CheckParts parts{};
    bool (*broken)(const CheckedVmcb&,
                   unsigned part){};      ///< nullptr: nothing is refused, or its rows say so.
    bool (*beside)(const CheckedVmcb&){}; ///< nullptr: its rows say so.
    CheckParts beside_parts{};
    bool (*beside_part)(const CheckedVmcb&, unsigned part){};
    std::vector<svm::FieldRef> fields{}; ///< That it looks at.
    svm::Features needs{};
    /// Globs, as of RowItem: where a routine moves the VMCB to the edge, or a predicate cannot
    /// know.
    std::string_view refused_rows{};
    std::string_view accepted_rows{};
};

[[nodiscard]] const std::vector<Check>& checks_of_vmrun();

} // namespace vmrunit::cases
