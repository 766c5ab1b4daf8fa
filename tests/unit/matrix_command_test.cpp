// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit matrix` on targets that follow a script: words, order, what is kept, exit status.
#include "host_runner/cli/commands.hpp"
#include "host_runner/cli/program.hpp"
#include "tests/unit/judge_sample.hpp"
#include "tests/unit/scripted_target.hpp"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;
using samples::content_of;
using samples::GuestVoice;
using samples::PlannedCase;
using samples::ScriptedTarget;
using testing::HasSubstr;
using testing::Not;

class MatrixCommandTest : public testing::Test {
protected:
    MatrixCommandTest() {
        for (std::size_t i = 0; i < 4; ++i) {
            cases::Case one = samples::call_case({.values = {{.value = i, .what = "its number"}}});
            one.name = "scripted/case/" + std::to_string(i);
            catalogue_.add(std::move(one));
        }
        samples::write_file(folder_.path / "sample.elf", samples::PayloadSample{}.elf().file());
        common_.payload = folder_.path / "sample.elf";
        common_.baselines_folder = folder_.path / "baselines";
        options_.run.reports.runs_folder = folder_.path / "runs";
        options_.run.reports.colour = ColourMode::never;
    }

    /// A kind of target that answers wrongly in these cases; `prepare` may change it further.
    void add(
        const std::string& name, const Layers& stack, const std::set<std::uint32_t>& wrong,
        const std::function<void(ScriptedTarget&)>& prepare = [](ScriptedTarget&) {}) {
        targets_.add({name, "a script", name,
                      [=, this](const TargetSpec& spec,
                                const TargetOptions&) -> Result<std::unique_ptr<Target>> {
                          auto target = std::make_unique<ScriptedTarget>(answering(wrong));
                          target->called = spec.text;
                          target->stack = stack;
                          prepare(*target);
                          return target;
                      }});
    }
    static samples::Script answering(const std::set<std::uint32_t>& wrong) {
        return [wrong](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
            voice.hello();
            for (const PlannedCase& one : plan) {
                voice.begin(one.index);
                voice.report(one.index, {wrong.contains(one.index) ? 99 : one.index});
            }
            voice.end();
        };
    }

    /// Runs it and keeps what it printed.
    CommandResult matrix(std::vector<std::string> words) {
        options_.words = std::move(words);
        const Program program{.catalogue = catalogue_,
                              .targets = targets_,
                              .version = "0.1.0",
                              .payload = common_.payload,
                              .baselines_folder = common_.baselines_folder};
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        auto result = matrix_command(program, common_, options_, {"vmrunit", "matrix"});
        printed_ = testing::internal::GetCapturedStdout();
        complained_ = testing::internal::GetCapturedStderr();
        return result;
    }
    std::string refusal(std::vector<std::string> words) {
        const auto result = matrix(std::move(words));
        return result ? "ran" : result.error().error.line();
    }
    [[nodiscard]] nlohmann::json stored() const {
        return nlohmann::json::parse(content_of(folder_.path / "runs/latest/matrix.json"));
    }

    samples::ScratchFolder folder_;
    cases::Catalogue catalogue_;
    TargetRegistry targets_;
    CommonOptions common_;
    MatrixOptions options_;
    std::string printed_;
    std::string complained_;
};

TEST_F(MatrixCommandTest, RunsEveryTargetAndSaysWhoseADeviationIs) {
    add("one", {"one", ""}, {});
    add("two", {"two", ""}, {2});
    const auto result = matrix({"one", "two,key=value"});
    ASSERT_TRUE(result) << result.error().error.line();
    EXPECT_EQ(*result, RunOutcome::failed);
    EXPECT_THAT(printed_, HasSubstr(". F  scripted/case/2\n"));
    EXPECT_THAT(printed_, HasSubstr("2: l1.value[0] its number\n"));
    EXPECT_THAT(printed_, HasSubstr("2: CPU two: holds on one\n"));
    EXPECT_THAT(printed_, Not(HasSubstr("scripted/case/1")));
    const auto json = stored();
    EXPECT_EQ(json["targets"][1]["name"], "two,key=value");
    EXPECT_EQ(json["summary"]["pass"], 7);
    EXPECT_EQ(json["rows"][2]["verdicts"], (nlohmann::json{"PASS", "FAIL"}));
    EXPECT_EQ(json["run"]["complete"], true);
    // The runs behind it are there as of any run.
    for (const auto& target : json["targets"]) {
        const auto path = folder_.path / "runs/latest" / target["results"].get<std::string>();
        EXPECT_TRUE(fs::exists(path)) << path;
        EXPECT_TRUE(fs::exists(path.parent_path() / "results.jsonl"));
    }
    EXPECT_THAT(content_of(folder_.path / "runs/latest/matrix.txt"), HasSubstr("scripted/case/1"));
}

TEST_F(MatrixCommandTest, AllThatHoldsIsSuccess) {
    add("one", {"one", ""}, {});
    add("two", {"two", ""}, {});
    options_.all = true;
    const auto result = matrix({"one", "two"});
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, RunOutcome::passed);
    EXPECT_THAT(printed_, HasSubstr(". .  scripted/case/*  (4 cases)\n"));
}

TEST_F(MatrixCommandTest, BaselinesAreThoseOfTheTargets) {
    add("one", {"one", ""}, {});
    add("two", {"two", ""}, {1});
    samples::put_file(common_.baselines_folder / "scripted.toml",
                      "[[deviation]]\ncase = 'scripted/case/1'\nreason = 'known'\n"
                      "evidence = 'here'\n");
    const auto result = matrix({"one", "two"});
    ASSERT_TRUE(result) << result.error().error.line();
    EXPECT_EQ(*result, RunOutcome::passed);
    EXPECT_THAT(printed_, HasSubstr("+ x  scripted/case/1\n"));
    EXPECT_THAT(printed_, HasSubstr("2: known\n"));
}

TEST_F(MatrixCommandTest, ATargetThatIsNotThereIsSaidAndTheOthersRun) {
    add("one", {"one", ""}, {});
    add("two", {"two", ""}, {}, [](ScriptedTarget& target) {
        target.offer = {false, "no machine", "buy one"};
    });
    options_.html = folder_.path / "matrix.html";
    const auto result = matrix({"one", "two"});
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, RunOutcome::skipped);
    EXPECT_THAT(complained_, HasSubstr("target two: no machine: buy one"));
    EXPECT_THAT(printed_, HasSubstr("two  not run: no machine: buy one"));
    EXPECT_EQ(stored()["targets"][1]["ran"], false);
    EXPECT_EQ(stored()["rows"][0]["verdicts"], (nlohmann::json{"PASS", nullptr}));
    const std::string page = content_of(options_.html);
    EXPECT_THAT(page, HasSubstr("<span class=\"badge pass\">PASS</span> vmrunit on 2 targets"));
    EXPECT_THAT(page, HasSubstr("no machine: buy one"));
}

TEST_F(MatrixCommandTest, WithNoTargetThereEverythingIsSkipped) {
    for (const char* name : {"one", "two"}) {
        add(name, {name, ""}, {}, [](ScriptedTarget& target) {
            target.offer = {false, "no machine", {}};
        });
    }
    const auto result = matrix({"one", "two"});
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, RunOutcome::skipped);
}

TEST_F(MatrixCommandTest, ATargetThatCannotStartIsAnError) {
    add("one", {"one", ""}, {});
    add("two", {"two", ""}, {}, [](ScriptedTarget& target) { target.refuse_starts_from = 1; });
    options_.html = folder_.path / "matrix.html";
    const auto result = matrix({"one", "two"});
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, RunOutcome::broken);
    EXPECT_THAT(printed_, HasSubstr(". E  scripted/case/*  (4 cases)\n"));
    EXPECT_THAT(content_of(options_.html), HasSubstr("<title>ERROR: vmrunit on 2 targets"));
}

TEST_F(MatrixCommandTest, AnInterruptKeepsWhatIsDone) {
    add("one", {"one", ""}, {1});
    targets_.add(
        {"two", "a script", "two",
         [](const TargetSpec& spec, const TargetOptions&) -> Result<std::unique_ptr<Target>> {
             auto target = std::make_unique<ScriptedTarget>(
                 [](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
                     voice.hello();
                     voice.begin(plan[0].index);
                     voice.report(plan[0].index, {plan[0].index});
                     voice.begin(plan[1].index);
                     voice.falls_silent();
                     std::raise(SIGINT);
                 });
             target->called = spec.text;
             target->stack = {"two", ""};
             return target;
         }});
    add("three", {"three", ""}, {});
    const auto result = matrix({"one", "two", "three"});
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, RunOutcome::interrupted);
    const auto json = stored();
    EXPECT_EQ(json["run"]["interrupted"], true);
    EXPECT_EQ(json["run"]["complete"], false);
    EXPECT_EQ(json["targets"][0]["complete"], true);
    EXPECT_EQ(json["targets"][2]["ran"], false);
    EXPECT_EQ(json["rows"][1]["verdicts"][0], "FAIL");
    EXPECT_THAT(printed_, HasSubstr("three  not run: its turn did not come"));
}

TEST_F(MatrixCommandTest, WordsThatMakeNoSenseAreRefused) {
    add("one", {"one", ""}, {});
    add("two", {"two", ""}, {});
    EXPECT_THAT(refusal({"one"}), HasSubstr("a matrix compares two targets or more"));
    EXPECT_THAT(refusal({"one", "tow"}), HasSubstr("no case matches 'tow': it is no target"));
    EXPECT_THAT(refusal({"one", "two", "tree"}),
                HasSubstr("no case matches 'tree': it is no target either; vmrunit list"));
    EXPECT_THAT(refusal({"one", "two", "one"}), HasSubstr("target one is named twice"));
    EXPECT_THAT(refusal({"one", "two,key"}), HasSubstr("'key' is not key=value"));
    options_.html = folder_.path / "missing/matrix.html";
    EXPECT_THAT(refusal({"one", "two"}), HasSubstr("cannot write"));
    const auto result = matrix({"one"});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().outcome, RunOutcome::usage);
    EXPECT_FALSE(fs::exists(folder_.path / "runs")) << "nothing ran, nothing is left";
}

} // namespace
} // namespace vmrunit::runner
