// SPDX-License-Identifier: GPL-2.0-only
// The catalogue, how tables get into it, and what every row of the built-in tables must have.
#include "cases/model/catalogue.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <stdexcept>

namespace vmrunit::cases {
namespace {

Case named(std::string name) {
    Case made;
    made.name = std::move(name);
    return made;
}

// Tables register themselves like this; nothing else mentions the function.
void own_table(Catalogue& catalogue) {
    Case last = named("catalogue_test/own/ends_machine");
    last.ends_machine = true;
    catalogue.add(last);
    catalogue.add(named("catalogue_test/own/second"));
    catalogue.add(named("catalogue_test/own/first"));
}
const Registration registration{own_table};

bool is_own(const Case& one) {
    return one.name.starts_with("catalogue_test/");
}

TEST(Catalogue, FindsCasesByName) {
    Catalogue catalogue;
    catalogue.add(named("a/b/c"));
    catalogue.add(named("a/b/d"));
    ASSERT_NE(catalogue.find("a/b/d"), nullptr);
    EXPECT_EQ(catalogue.find("a/b/d"), &catalogue.cases()[1]);
    EXPECT_EQ(catalogue.find("a/b"), nullptr);
    EXPECT_EQ(catalogue.find("a/b/e"), nullptr);
}

TEST(Catalogue, FindsThemInOrderToo) {
    Catalogue catalogue;
    Case last = named("a/b/c");
    last.ends_machine = true;
    catalogue.add(last);
    catalogue.add(named("a/b/e"));
    catalogue.add(named("a/b/d"));
    catalogue.put_in_order();
    EXPECT_EQ(catalogue.find("a/b/d"), &catalogue.cases()[0]);
    EXPECT_EQ(catalogue.find("a/b/e"), &catalogue.cases()[1]);
    EXPECT_EQ(catalogue.find("a/b/c"), &catalogue.cases()[2]);
    EXPECT_EQ(catalogue.find("a/b"), nullptr);
    EXPECT_EQ(catalogue.find("a/b/f"), nullptr);
    catalogue.add(named("a/b/f"));
    EXPECT_EQ(catalogue.find("a/b/f"), &catalogue.cases()[3]);
}

TEST(Catalogue, MarksANameInEveryMode) {
    Catalogue catalogue;
    for (const char* name : {"a/b/c/l2_pae/cpl0/np1/l1_pae", "a/b/c/np0/l1_long64", "a/b/c/cpl3",
                             "a/b/c/l1_pae", "a/b/c", "a/b/c/d/l2_pae", "a/b/c/np/l1_pae",
                             "a/b/c/cplx", "a/b/c/npt", "a/b/cc/np0", "a/b/c_np0"}) {
        catalogue.add(named(name));
    }
    catalogue.put_in_order();
    catalogue.mark_unconfirmed("a/b/c");
    catalogue.mark_unconfirmed("a/b/x");
    std::vector<std::string> marked;
    for (const Case& one : catalogue.cases()) {
        if (!one.confirmed) {
            marked.push_back(one.name);
        }
    }
    EXPECT_EQ(marked,
              (std::vector<std::string>{"a/b/c", "a/b/c/cpl3", "a/b/c/l1_pae",
                                        "a/b/c/l2_pae/cpl0/np1/l1_pae", "a/b/c/np0/l1_long64"}));
}

constexpr std::string_view own_unconfirmed[] = {"catalogue_test/own/second"};
const UnconfirmedRegistration own_unconfirmed_registration{own_unconfirmed};

TEST(Catalogue, RefusesANameThatIsTaken) {
    Catalogue catalogue;
    catalogue.add(named("a/b/c"));
    catalogue.add(named("a/b/d"));
    EXPECT_NO_THROW(catalogue.put_in_order());
    Case twin = named("a/b/c");
    twin.start.l1 = L1Mode::pae;
    catalogue.add(twin);
    EXPECT_THROW(catalogue.put_in_order(), std::logic_error);
}

TEST(Catalogue, RefusesWhatIsNoName) {
    Catalogue catalogue;
    for (const char* name :
         {"", "a", "a/b", "A/b/c", "a/b/c.d", "a/b/c d", "a/b/c-d", "a/b/\xc3"}) {
        EXPECT_THROW(catalogue.add(named(name)), std::logic_error) << name;
    }
    EXPECT_NO_THROW(catalogue.add(named("a0/b_1/c/d/e")));
}

TEST(Catalogue, RefusesAnEndThatIsNotLast) {
    Catalogue catalogue;
    Case ends = named("a/b/c");
    ends.expectations = {EndExpectation{}};
    EXPECT_THROW(catalogue.add(ends), std::logic_error);
    ends.ends_machine = true;
    EXPECT_NO_THROW(catalogue.add(ends));
}

TEST(Catalogue, CollectsRegisteredTablesInTheOrderOfNames) {
    const Catalogue catalogue = registered_cases();
    const auto& all = catalogue.cases();
    EXPECT_TRUE(std::ranges::is_sorted(all, [](const Case& left, const Case& right) {
        return std::tuple{left.start.l1, left.ends_machine, left.name} <
               std::tuple{right.start.l1, right.ends_machine, right.name};
    }));
    EXPECT_EQ(std::ranges::count_if(all, is_own), 3);
    EXPECT_FALSE(catalogue.find("catalogue_test/own/second")->confirmed);
    EXPECT_TRUE(catalogue.find("catalogue_test/own/first")->confirmed);
    const auto last =
        std::ranges::find_if(all, [](const Case& one) { return one.start.l1 != L1Mode::long64; });
    EXPECT_TRUE(std::prev(last)->ends_machine) << "what ends the machine comes last";
    const Catalogue again = registered_cases();
    EXPECT_TRUE(std::ranges::equal(all, again.cases(), {}, &Case::name, &Case::name));
}

TEST(FullName, AppendsTheAxesInTheirOrder) {
    const L2Start start{L2Mode::compat, 3, false};
    EXPECT_EQ(full_name("a/b/c", {}, start), "a/b/c/l2_compat/cpl3/np0/l1_long64");
    EXPECT_EQ(full_name("a/b/c", {.l2_mode = false, .nested_paging = false}, start),
              "a/b/c/cpl3/l1_long64");
    EXPECT_EQ(full_name("a/b/c", {false, false, false, false}, start), "a/b/c");
    EXPECT_EQ(full_name("a/b/c", {}, {}), "a/b/c/l2_long64/cpl0/np1/l1_long64");
    EXPECT_EQ(full_name("a/b/c", {}, {L2Mode::real, 0, true, L1Mode::pae}),
              "a/b/c/l2_real/cpl0/np1/l1_pae");
    EXPECT_EQ(full_name("a/b/c", {}, {L2Mode::v86, 3, false, L1Mode::legacy}),
              "a/b/c/l2_v86/cpl3/np0/l1_legacy");
}

/// The value of an axis in a name: "cpl" of ".../cpl3/..." is "3"; empty if the name has none.
std::string axis_in(const std::string& name, const std::string& axis) {
    const auto at = name.find("/" + axis);
    if (at == std::string::npos) {
        return {};
    }
    const auto begin = at + 1 + axis.size();
    return name.substr(begin, name.find('/', begin) - begin);
}

bool is_call(const Step& step) {
    return std::holds_alternative<Call>(step);
}
// In a test's body `Run` is Google Test's.
bool is_run(const Step& step) {
    return std::holds_alternative<Run>(step);
}

class BuiltIn : public testing::Test {
protected:
    template<class Check>
    void for_each(Check&& check) {
        std::size_t count = 0;
        for (const Case& one : catalogue_.cases()) {
            if (!is_own(one)) {
                ++count;
                check(one);
            }
        }
        EXPECT_GE(count, 400u);
    }

private:
    Catalogue catalogue_ = registered_cases();
};

TEST_F(BuiltIn, RowsSayWhatAndWhereAndWhy) {
    for_each([](const Case& one) {
        EXPECT_FALSE(one.title.empty()) << one.name;
        EXPECT_TRUE(one.manual.starts_with("APM")) << one.name << ": " << one.manual;
        EXPECT_TRUE(one.file.starts_with("cases/")) << one.name << ": " << one.file;
        EXPECT_GT(one.line, 0u) << one.name;
        EXPECT_FALSE(one.program.empty()) << one.name;
    });
}

TEST_F(BuiltIn, EveryRunAndCallHasItsExpectationInOrder) {
    for_each([](const Case& one) {
        std::vector<bool> steps;
        for (const Step& step : one.steps) {
            EXPECT_FALSE(std::holds_alternative<Measure>(step)) << one.name;
            if (is_call(step) || is_run(step)) {
                steps.push_back(is_call(step));
            }
        }
        std::vector<bool> expectations;
        for (const Expectation& expectation : one.expectations) {
            expectations.push_back(std::holds_alternative<CallExpectation>(expectation));
        }
        EXPECT_FALSE(steps.empty()) << one.name << " does nothing";
        EXPECT_EQ(steps, expectations) << one.name;
    });
}

TEST_F(BuiltIn, NamesTellTheTruthAboutTheirAxes) {
    for_each([](const Case& one) {
        if (const auto mode = axis_in(one.name, "l2_"); !mode.empty()) {
            EXPECT_EQ(mode, l2_mode_names[static_cast<unsigned>(one.start.mode)]) << one.name;
        }
        if (const auto cpl = axis_in(one.name, "cpl"); !cpl.empty()) {
            EXPECT_EQ(cpl, std::to_string(one.start.cpl)) << one.name;
            EXPECT_TRUE(has_cpl(one.start.mode, one.start.cpl)) << one.name;
        }
        if (const auto paging = axis_in(one.name, "np"); paging == "0" || paging == "1") {
            EXPECT_EQ(paging == "1", one.start.nested_paging) << one.name;
        }
        EXPECT_TRUE(!one.start.nested_paging || one.needs.test(svm::Feature::np))
            << one.name << " uses nested paging and does not need it";
    });
}

TEST_F(BuiltIn, ExpectationsNameEachThingOnce) {
    for_each([](const Case& one) {
        for (const Expectation& expectation : one.expectations) {
            const auto* exit = std::get_if<ExitExpectation>(&expectation);
            if (exit == nullptr) {
                continue;
            }
            for (const MemoryExpectation& row : exit->memory) {
                const RegionPlace& place = place_of(row.region);
                EXPECT_TRUE(row.size >= 1 && row.size <= 8) << one.name;
                EXPECT_LE(row.offset + row.size,
                          place.watched_if_written ? place.size : place.watched)
                    << one.name << " expects what nobody looks at: " << place.name;
            }
            for (const RegisterExpectation& row : exit->registers) {
                EXPECT_TRUE(row.reg != Register::rax && row.reg != Register::rsp)
                    << one.name << ": RAX and RSP are fields of the VMCB";
            }
            for (const FieldExpectation& row : exit->fields) {
                EXPECT_TRUE(row.field.size_bytes <= 8 && row.field != svm::field::exit_code)
                    << one.name;
            }
        }
    });
}

} // namespace
} // namespace vmrunit::cases
