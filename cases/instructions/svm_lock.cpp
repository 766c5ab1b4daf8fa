// SPDX-License-Identifier: GPL-2.0-only
// SVM switched off by VM_CR.SVMDIS, and that locked. LOCK stays until reset, so these come last.
// APM2 15.4, 15.30.1, 15.31.

#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"

#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

using svm::Feature;

constexpr std::uint64_t general_protection = 13 + 1; ///< As routines report a fault.
constexpr std::uint64_t no_fault = 0;
constexpr std::uint64_t lock = svm::vm_cr::lock;

struct Row {
    std::string_view name;
    std::string_view title;
    std::string_view manual;
    std::string_view routine;
    std::vector<CallExpectation::Reported> values;
    svm::Features needs{};
    bool wants_no_lock = true; ///< It is not for machines whose firmware has set LOCK.
};

void add(Catalogue& catalogue, const Row& row,
         const std::source_location& where = std::source_location::current()) {
    CallExpectation expected;
    expected.values = row.values;
    add_l1_case(
        catalogue,
        {.name = row.name,
         .title = row.title,
         .manual = row.manual,
         .needs = row.needs,
         .without = row.wants_no_lock ? svm::Features{Feature::vm_cr_locked} : svm::Features{},
         .l1_modes = all_l1_modes,
         .steps = {Call{std::string{row.routine}}},
         .expectations = {expected},
         .ends_machine = true},
        where);
}

void svm_lock(Catalogue& catalogue) {
    add(catalogue,
        {.name = "instructions/vm_cr/svme_while_disabled",
         .title = "While SVMDIS is set EFER.SVME cannot be, and behind that it can.",
         .manual = "APM2 15.4",
         .routine = "svme_while_disabled",
         .values = {reported("fault of setting SVMDIS: vector + 1", no_fault),
                    reported("SVMDIS", svm::vm_cr::svm_disable),
                    reported("fault of setting SVME: vector + 1", general_protection),
                    reported("SVME", 0), reported("fault of clearing SVMDIS: vector + 1", no_fault),
                    reported("SVMDIS then", 0),
                    reported("fault of setting SVME then: vector + 1", no_fault),
                    reported("SVME then", svm::efer::svme)}});
    add(catalogue, {.name = "instructions/vm_cr/without_svme",
                    .title = "The MSRs of SVM are there while EFER.SVME is clear.",
                    .manual = "APM2 15.30",
                    .routine = "svm_msrs_without_svme",
                    .values = {reported("cannot be read", 0), reported("cannot be written", 0)},
                    .wants_no_lock = false});
    // In Google Test's order the one of LOCK comes last, behind which only a key would help.
    add(catalogue, {.name = "instructions/svm_key/unlocks",
                    .title = "The key that was set unlocks, and no other; it reads as 0.",
                    .manual = "APM2 15.31",
                    .routine = "svm_key_unlocks",
                    .values = {reported("LOCK before", 0),
                               reported("fault of writing the key: vector + 1", no_fault),
                               reported("the key reads as", 0), reported("LOCK, set", lock),
                               reported("fault of writing another: vector + 1", no_fault),
                               reported("LOCK then", lock),
                               reported("fault of writing it again: vector + 1", no_fault),
                               reported("LOCK then", 0)},
                    .needs = Feature::svm_lock});
    add(catalogue, {.name = "instructions/svm_lock/keeps",
                    .title = "LOCK keeps itself and SVMDIS; writes to them are dropped.",
                    .manual = "APM2 15.30.1",
                    .routine = "vm_cr_lock",
                    .values = {reported("fault of setting it: vector + 1", no_fault),
                               reported("LOCK and SVMDIS", lock),
                               reported("fault of writing both: vector + 1", no_fault),
                               reported("LOCK and SVMDIS then", lock)},
                    .needs = Feature::svm_lock,
                    .wants_no_lock = false});
}

const Registration registration{svm_lock};

} // namespace
} // namespace vmrunit::cases
