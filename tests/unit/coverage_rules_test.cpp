// SPDX-License-Identifier: GPL-2.0-only
// The rules from a case to the items it covers: what a case must have so that it shows something,
// and that the built-in tables agree with the checks of VMRUN.
#include "cases/coverage/checks.hpp"
#include "cases/coverage/family.hpp"
#include "cases/model/catalogue.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "host_runner/coverage/coverage.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;

class CoverageRules : public testing::Test {
protected:
    /// Items of a family that a case covers.
    static std::set<std::string> covered(std::string_view family, const Case& one) {
        static const std::vector<CoverageFamily> families = registered_families();
        const auto found = std::ranges::find(families, family, &CoverageFamily::name);
        std::set<std::string> ids;
        if (found == families.end()) {
            ADD_FAILURE() << "no family " << family;
            return ids;
        }
        const CoveredSink sink = [&](std::string_view id) {
            ids.emplace(id);
            EXPECT_NE(std::ranges::find(found->items, id, &CoverageItem::id), found->items.end())
                << id << " is no item";
        };
        found->rule(one, sink);
        return ids;
    }

    static Case case_of(std::string name, std::vector<Step> steps, ExitExpectation exit) {
        Case one;
        one.name = std::move(name);
        one.steps = std::move(steps);
        one.steps.emplace_back(cases::Run{});
        one.expectations = {std::move(exit)};
        return one;
    }

    static ExitExpectation refused() {
        ExitExpectation exit;
        exit.exit_code = svm::ExitCode::invalid;
        return exit;
    }

    static ExitExpectation with_field(svm::FieldRef place, std::uint64_t value,
                                      Match match = Match::equals) {
        ExitExpectation exit;
        exit.fields = {{place, value, ~std::uint64_t{0}, match}};
        return exit;
    }
};

TEST_F(CoverageRules, AFieldIsLoadedByARowAboutItThatWritesIt) {
    const std::string row = "fields/save_cr2/loaded/1/l2_long64/cpl0/np1/l1_long64";
    const Step write = vmcb_field(field::cr2, 1);
    EXPECT_THAT(covered("field", case_of(row, {write}, {})), Contains("field/save.cr2/loaded"));
    EXPECT_THAT(covered("field", case_of(row, {}, {})), Not(Contains("field/save.cr2/loaded")));
    EXPECT_THAT(covered("field", case_of("intercept/cpuid/taken", {write}, {})),
                Not(Contains("field/save.cr2/loaded")));
}

TEST_F(CoverageRules, OnlyTheBitsThatDifferAreLoaded) {
    const auto ids = covered("field", case_of("fields/save_cr0/loaded/ts_set",
                                              {vmcb_set(field::cr0, svm::cr0::ts)}, {}));
    EXPECT_THAT(ids, Contains("field/save.cr0.ts/loaded"));
    EXPECT_THAT(ids, Not(Contains("field/save.cr0.am/loaded")));
}

TEST_F(CoverageRules, AFieldIsStoredWhereTheRowWantsAnotherValue) {
    const Step before = vmcb_field(field::cr2, 5);
    const std::string id = "field/save.cr2/stored";
    EXPECT_THAT(covered("field", case_of("x", {before}, with_field(field::cr2, 6))), Contains(id));
    EXPECT_THAT(covered("field", case_of("x", {before}, with_field(field::cr2, 5))),
                Not(Contains(id)));
    EXPECT_THAT(covered("field", case_of("x", {before}, with_field(field::cr2, 6, Match::free))),
                Not(Contains(id)));
}

TEST_F(CoverageRules, ReservedBitsAreLeftAloneWhereAllOfThemWereSet) {
    const std::string id = "field/control.virtual_interrupt.reserved_4/left_alone";
    EXPECT_THAT(covered("field", case_of("x", {vmcb_set(field::virtual_interrupt, 0xf0)}, {})),
                Contains(id));
    EXPECT_THAT(covered("field", case_of("x", {vmcb_set(field::virtual_interrupt, 0x70)}, {})),
                Not(Contains(id)));
    EXPECT_THAT(
        covered("field", case_of("x", {vmcb_set(field::virtual_interrupt, 0xf0)}, refused())),
        Not(Contains(id)));
}

TEST_F(CoverageRules, ACheckIsShownByACaseThatBreaksNothingElse) {
    const Step nw = vmcb_set(field::cr0, svm::cr0::nw);
    const Step cd = vmcb_set(field::cr0, svm::cr0::cd);
    const Step asid = vmcb_field(field::guest_asid, 0);
    EXPECT_THAT(covered("check", case_of("x", {nw}, refused())),
                testing::ElementsAre("check/cr0_nw/refused"));
    EXPECT_THAT(covered("check", case_of("x", {nw, asid}, refused())), IsEmpty());
    EXPECT_THAT(covered("check", case_of("x", {nw, cd}, {})), Contains("check/cr0_nw/accepted"));
    EXPECT_THAT(covered("check", case_of("x", {nw, cd}, {})),
                Not(Contains("check/cr0_nw/refused")));
}

TEST_F(CoverageRules, EventsAreThoseOfTheTwoWords) {
    using svm::EventInformation;
    const EventInformation fault = EventInformation::event(svm::EventType::exception, 13, 8);
    const Step inject = vmcb_field(field::event_injection, fault.value);
    EXPECT_THAT(covered("event", case_of("x", {inject}, {})),
                testing::IsSupersetOf({"event/eventinj/type_3", "event/eventinj/error_code"}));
    EXPECT_THAT(covered("event", case_of("x", {}, with_field(field::exit_int_info, fault.value))),
                Contains("event/exit_int_info/type_3"));
    EXPECT_THAT(covered("event", case_of("x", {}, {})), IsEmpty());
}

TEST_F(CoverageRules, SentencesAreShownByTheRowsAboutThem) {
    EXPECT_THAT(covered("rule", case_of("caching/moved_vmcb/clean_bits_set/np1", {}, {})),
                Contains("rule/clean/moved_vmcb"));
    EXPECT_THAT(covered("rule", case_of("caching/moved_vmcbs/x", {}, {})), IsEmpty());
    ExitExpectation fault = with_field(field::exit_info_1, 0x1'0000'0007);
    fault.exit_code = svm::ExitCode::npf;
    EXPECT_THAT(covered("npt", case_of("x", {}, fault)), Contains("npt/fault/write_read_only"));
}

/// The tables and the list of checks are two descriptions of one thing.
TEST_F(CoverageRules, CasesAreRefusedThatBreakACheckAndNoOthers) {
    const Catalogue catalogue = registered_cases();
    for (const Case& one : catalogue.cases()) {
        // The list knows the VMCB, not what a CPU that lacks a feature finds reserved in it.
        if (!one.without.empty() || one.needs.test(svm::Feature::efer_lmsle_unsupported)) {
            continue;
        }
        each_vmrun(one, [&](const Vmrun& run) {
            if (run.exit() == nullptr) {
                return;
            }
            const bool is_refused = run.exit()->exit_code == svm::ExitCode::invalid;
            EXPECT_EQ(!broken_checks(one, run).empty(), is_refused)
                << one.name << " " << testing::PrintToString(broken_checks(one, run));
        });
    }
}

/// Without its rows each family of today's catalogue has an item that nobody covers.
TEST_F(CoverageRules, ACatalogueWithoutRowsLeavesItemsUncovered) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "takes minutes under the sanitizers";
#endif
    const std::vector<CoverageFamily> families = registered_families();
    const Catalogue all = registered_cases();
    Catalogue without;
    for (const Case& one : all.cases()) {
        if (!one.name.starts_with("fields/save_cr2/") &&
            !one.name.starts_with("consistency/dr7/bit_40/") &&
            !one.name.starts_with("npt/order/") && !one.name.starts_with("caching/moved_vmcb/") &&
            !one.name.starts_with("event/injected_nmi/")) {
            without.add(one);
        }
    }
    const runner::Coverage coverage =
        runner::measure_coverage(families, coverage_reasons(), without, {});
    for (const char* id :
         {"field/save.cr2/loaded ", "check/dr7_high/refused/bit_40 ", "npt/walk/guest_first ",
          "rule/clean/moved_vmcb ", "event/delivery/nmi "}) {
        EXPECT_THAT(coverage.problems, Contains(testing::StartsWith(id)));
    }
}

} // namespace
} // namespace vmrunit::cases
