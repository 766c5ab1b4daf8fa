// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/gtest/gtest_run.hpp"

#include "host_runner/gtest/gtest_name.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>

namespace vmrunit::runner {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto wait_slice = 100ms;

/// One run: hears the session, applies the baseline, tells the reporter, keeps results for the
/// tests.
class Bridge final : public SessionListener {
public:
    explicit Bridge(const GtestRunInput& input)
        : input_(input), session_(input.target, input.image, input.session, *this) {}

    /// At the start of each iteration.
    void load(const std::vector<const cases::Case*>& order) {
        results_.clear();
        retried_.clear();
        if (!started_) {
            started_ = true;
            RunInfo info = input_.info;
            info.cases = order.size() * static_cast<std::size_t>(iterations());
            result_.planned = info.cases;
            start_ = Clock::now();
            input_.reporter.run_started(info);
        }
        if (auto loaded = session_.load(order); !loaded) {
            result_.problem = std::move(loaded);
        }
        loaded_ = order;
    }

    /// nullptr when the run was interrupted or could not be loaded.
    const CaseResult* wait_for(const cases::Case& subject) {
        while (result_.problem) {
            if (const auto found = results_.find(&subject); found != results_.end()) {
                return &found->second;
            }
            if (session_.finished()) {
                if (!begin_retries()) {
                    return nullptr;
                }
                continue;
            }
            if (input_.interrupted()) {
                result_.interrupted = true;
                return nullptr;
            }
            session_.step(wait_slice);
            input_.reporter.idle();
        }
        return nullptr;
    }

    GtestRunResult finish() {
        session_.abandon_silently();
        // An interrupt came before their last retry: what they came to so far is their result.
        for (auto& [subject, result] : std::exchange(to_retry_, {})) {
            report(*subject, std::move(result));
        }
        RunSummary summary;
        summary.counts = result_.counts;
        summary.wall_time = started_ ? Clock::now() - start_ : Clock::duration{};
        summary.machines_started = session_.machines_started();
        summary.restarts = restarts_;
        summary.restart_cost = restart_cost_;
        summary.interrupted = result_.interrupted;
        const bool every_case_ran = ran_.size() == input_.all_names.size();
        summary.stale = input_.baseline.stale(input_.all_names, every_case_ran);
        if (started_) {
            input_.reporter.run_finished(summary);
        }
        return std::move(result_);
    }

    // SessionListener
    void subject_known(const HelloRecord& hello) override {
        std::vector<std::string> names;
        for (const svm::FeatureInfo& info : svm::feature_table) {
            if (hello.features.test(info.feature)) {
                names.emplace_back(info.name);
            }
        }
        if (names != features_) {
            features_ = names;
            input_.reporter.subject_known(names, {});
        }
    }
    void machine_started(unsigned machine, std::chrono::nanoseconds boot) override {
        if (died_before_) {
            ++restarts_;
            restart_cost_ += boot;
        }
        died_before_ = false;
        input_.reporter.machine_event({MachineEvent::What::started, machine, {}, {}, boot});
    }
    void machine_died(unsigned machine, const std::string& how,
                      const std::string& running) override {
        died_before_ = true;
        input_.reporter.machine_event({MachineEvent::What::died, machine, how, running, {}});
    }
    void case_started(std::size_t position) override {
        input_.reporter.case_started(session_.subject(position).name);
    }
    void case_finished(std::size_t position, const CaseResult& raw) override {
        CaseResult result = raw;
        if (result.verdict == Verdict::fail || result.verdict == Verdict::error) {
            result.repeat_command = input_.repeat_command(result.name);
        }
        input_.baseline.apply(result);
        const cases::Case& subject = session_.subject(position);
        if (const auto before = retried_.find(&subject); before != retried_.end()) {
            result.earlier = before->second;
        }
        const bool failed = result.verdict == Verdict::fail || result.verdict == Verdict::error;
        if (failed && result.earlier.size() < input_.retries) {
            to_retry_.emplace_back(&subject, std::move(result));
        } else {
            report(subject, std::move(result));
        }
    }

private:
    /// Loads the cases that failed once more, on a new machine. False if there is none.
    bool begin_retries() {
        if (to_retry_.empty() || !result_.problem) {
            return false;
        }
        std::vector<const cases::Case*> again;
        for (auto& [subject, result] : std::exchange(to_retry_, {})) {
            std::vector<Attempt>& attempts = retried_[subject];
            attempts.push_back({result.verdict, short_reason(result)});
            again.push_back(subject);
        }
        result_.problem = session_.load(again);
        return true;
    }

    void report(const cases::Case& subject, CaseResult result) {
        result_.counts.add(result);
        ran_.insert(result.name);
        input_.reporter.case_finished(result);
        results_.emplace(&subject, std::move(result));
    }

    static int iterations() { return std::max(1, GTEST_FLAG_GET(repeat)); }

    const GtestRunInput& input_;
    Session session_;
    GtestRunResult result_;
    bool started_ = false;
    Clock::time_point start_{};
    bool died_before_ = false;
    unsigned restarts_ = 0;
    std::chrono::nanoseconds restart_cost_{};
    std::vector<std::string> features_;
    std::vector<const cases::Case*> loaded_;
    std::unordered_map<const cases::Case*, CaseResult> results_;
    std::set<std::string> ran_;
    std::vector<std::pair<const cases::Case*, CaseResult>> to_retry_; ///< Failed, not yet reported.
    std::unordered_map<const cases::Case*, std::vector<Attempt>> retried_;
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
    PlanListener(Bridge& bridge, const std::unordered_map<std::string, const cases::Case*>& by_name)
        : bridge_(bridge), by_name_(by_name) {}

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
        ran_any_ = ran_any_ || !order.empty();
        bridge_.load(order);
    }
    [[nodiscard]] bool ran_any() const { return ran_any_; }

private:
    Bridge& bridge_;
    const std::unordered_map<std::string, const cases::Case*>& by_name_;
    bool ran_any_ = false;
};

bool is_one_of_several_shards() {
    const char* total = std::getenv("GTEST_TOTAL_SHARDS");
    return total != nullptr && std::atoi(total) > 1;
}

} // namespace

GtestRunResult run_through_gtest(const GtestRunInput& input, std::vector<std::string> arguments) {
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
    auto* plan = new PlanListener{bridge, by_name}; // Owned by Google Test from here on.
    listeners.Append(plan);

    const bool only_lists = GTEST_FLAG_GET(list_tests);
    [[maybe_unused]] const int gtest_status = RUN_ALL_TESTS(); // Verdicts say more than its 0 or 1.
    const bool ran_any = plan->ran_any();
    delete listeners.Release(plan);
    GtestRunResult result = bridge.finish();
    result.nothing_matched = !ran_any && !only_lists && !is_one_of_several_shards();
    return result;
}

} // namespace vmrunit::runner
