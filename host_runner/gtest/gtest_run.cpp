// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/gtest/gtest_run.hpp"

#include "host_runner/gtest/gtest_name.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <unordered_map>

namespace vmrunit::runner {

namespace {

using namespace std::chrono_literals;

constexpr auto wait_slice = 100ms;

/// What Google Test's listener and its tests share: the run, and why it cannot go on.
class Bridge {
public:
    explicit Bridge(const GtestRunInput& input) : input_(input), run_(input.run) {
        if (GTEST_FLAG_GET(fail_fast)) {
            run_.stop_at_failure();
        }
    }

    /// At the start of each iteration.
    void load(const std::vector<const cases::Case*>& order, std::uint64_t seed) {
        run_.set_seed(seed);
        const auto rounds = static_cast<std::size_t>(std::max(1, GTEST_FLAG_GET(repeat)));
        if (auto loaded = run_.load(order, rounds); !loaded) {
            problem_ = std::move(loaded);
        }
    }

    /// nullptr when the run was interrupted or could not be loaded.
    const CaseResult* wait_for(const cases::Case& subject) {
        while (problem_) {
            if (const CaseResult* result = run_.result(subject)) {
                return result;
            }
            if (run_.finished()) {
                return nullptr;
            }
            if (input_.interrupted()) {
                interrupted_ = true;
                return nullptr;
            }
            run_.step(wait_slice);
        }
        return nullptr;
    }

    GtestRunResult finish() {
        run_.finish(interrupted_);
        GtestRunResult result;
        result.counts = run_.counts();
        result.planned = run_.planned();
        result.interrupted = interrupted_;
        result.problem = std::move(problem_);
        return result;
    }

private:
    const GtestRunInput& input_;
    ReportedRun run_;
    bool interrupted_ = false;
    Result<void> problem_;
};

class CaseTest final : public testing::Test {
public:
    CaseTest(Bridge& bridge, const cases::Case& subject) : bridge_(bridge), subject_(subject) {}

    void TestBody() override {
        const CaseResult* result = bridge_.wait_for(subject_);
        if (result == nullptr) {
            GTEST_SKIP() << "not run";
        }
        RecordProperty("verdict", std::string{to_string(result->verdict)});
        switch (result->verdict) {
        case Verdict::pass:
        case Verdict::unexpected_pass:
        case Verdict::expected_fail:
            return;
        case Verdict::skip:
            GTEST_SKIP() << result->reason;
        case Verdict::fail:
        case Verdict::error:
            ADD_FAILURE() << to_string(result->verdict) << ": " << result->reason;
        }
    }

private:
    Bridge& bridge_;
    const cases::Case& subject_;
};

/// Builds the plan from what Google Test is about to run, in the order it will.
class PlanListener final : public testing::EmptyTestEventListener {
public:
    PlanListener(Bridge& bridge, const std::unordered_map<std::string, const cases::Case*>& by_name,
                 bool may_be_empty)
        : bridge_(bridge), by_name_(by_name), may_be_empty_(may_be_empty) {}

    void OnTestIterationStart(const testing::UnitTest& all, int /*iteration*/) override {
        std::vector<const cases::Case*> order;
        for (int i = 0; i < all.total_test_suite_count(); ++i) {
            const testing::TestSuite& suite = *all.GetTestSuite(i);
            for (int j = 0; j < suite.total_test_count(); ++j) {
                const testing::TestInfo& test = *suite.GetTestInfo(j);
                if (test.should_run()) {
                    order.push_back(by_name_.at(case_name(suite.name(), test.name())));
                }
            }
        }
        if (order.empty() && !may_be_empty_) {
            return; // Nothing matched: not a run.
        }
        ran_any_ = ran_any_ || !order.empty();
        const bool shuffled = GTEST_FLAG_GET(shuffle);
        bridge_.load(order, shuffled ? static_cast<std::uint64_t>(all.random_seed()) : 0);
    }
    [[nodiscard]] bool ran_any() const { return ran_any_; }

private:
    Bridge& bridge_;
    const std::unordered_map<std::string, const cases::Case*>& by_name_;
    bool may_be_empty_;
    bool ran_any_ = false;
};

} // namespace

GtestRunResult run_through_gtest(const GtestRunInput& input, std::vector<std::string> arguments) {
    static std::atomic_flag taken;
    if (taken.test_and_set()) {
        // Its tests cannot be taken back, and those of the first run refer to what is gone.
        GtestRunResult refused;
        refused.problem = failure("Google Test runs once in a process",
                                  "start another process, or use ReportedRun without it");
        return refused;
    }
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
        argv.push_back(argument.data());
    }
    int argc = static_cast<int>(argv.size());
    argv.push_back(nullptr);
    testing::InitGoogleTest(&argc, argv.data());

    Bridge bridge{input};
    std::unordered_map<std::string, const cases::Case*> by_name;
    for (const cases::Case* one : input.cases) {
        by_name.emplace(one->name, one);
        const GtestName name = gtest_name(one->name);
        testing::RegisterTest(
            name.suite.c_str(), name.test.c_str(), nullptr, nullptr, one->file.c_str(),
            static_cast<int>(one->line),
            [&bridge, one]() -> testing::Test* { return new CaseTest(bridge, *one); });
    }
    testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    const bool is_part = input.run.info.shard.is_part();
    auto* plan = new PlanListener{bridge, by_name, is_part}; // Owned by Google Test from here on.
    listeners.Append(plan);

    const bool only_lists = GTEST_FLAG_GET(list_tests);
    [[maybe_unused]] const int gtest_status = RUN_ALL_TESTS(); // Verdicts say more than its 0 or 1.
    const bool ran_any = plan->ran_any();
    delete listeners.Release(plan);
    GtestRunResult result = bridge.finish();
    result.nothing_matched = !ran_any && !only_lists && !is_part;
    return result;
}

} // namespace vmrunit::runner
