// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/cli/program.hpp"

#include "host_runner/cli/commands.hpp"
#include "host_runner/targets/nearest_names.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

namespace vmrunit::runner {

namespace {

constexpr std::string_view gtest_prefix = "--gtest_";

/// Google Test's own flags pass by CLI11 untouched.
std::vector<std::string> take_gtest_arguments(std::vector<std::string>& arguments) {
    std::vector<std::string> taken;
    std::erase_if(arguments, [&](const std::string& argument) {
        if (!argument.starts_with(gtest_prefix)) {
            return false;
        }
        taken.push_back(argument);
        return true;
    });
    return taken;
}

/// Google Test answers a flag it does not know with its help and runs nothing.
bool is_gtest_flag(std::string_view argument) {
    constexpr std::string_view known[] = {"filter",
                                          "list_tests",
                                          "also_run_disabled_tests",
                                          "repeat",
                                          "shuffle",
                                          "random_seed",
                                          "recreate_environments_when_repeating",
                                          "brief",
                                          "print_time",
                                          "output",
                                          "fail_fast",
                                          "color",
                                          "catch_exceptions",
                                          "break_on_failure",
                                          "throw_on_failure",
                                          "stream_result_to"};
    argument.remove_prefix(gtest_prefix.size());
    const std::string_view name = argument.substr(0, argument.find('='));
    return std::ranges::find(known, name) != std::end(known);
}

class CommandLine {
public:
    explicit CommandLine(const Program& program) : program_(program) {
        app_.require_subcommand(1);
        app_.set_version_flag("--version", "vmrunit " + program.version);
        app_.footer("Filters are globs over case names; a leading ! excludes. A name without its "
                    "last parts stands for all below it.");
        common_.payload = program.payload;
        common_.baselines_folder = program.baselines_folder;
        add_run();
        add_matrix();
        add_list();
        add_show();
        add_targets();
        add_bench();
        add_diff();
        add_history();
        add_step();
        add_bisect();
        add_report();
        add_coverage();
    }

    int run(std::vector<std::string> arguments) {
        std::vector<std::string> line = arguments;
        // A bisector would take any other status of a wrong command line for a verdict.
        const bool is_step = !arguments.empty() && arguments.front() == "step";
        if (is_step || std::ranges::count(arguments, "--exit-codes=bisect") != 0) {
            common_.exit_style = ExitStyle::bisect;
        }
        run_options_.gtest_arguments = take_gtest_arguments(arguments);
        for (const std::string& argument : run_options_.gtest_arguments) {
            if (!is_gtest_flag(argument)) {
                return report({{"Google Test has no flag " + argument,
                                "its flags begin with --gtest_filter, --gtest_shuffle, "
                                "--gtest_repeat"},
                               RunOutcome::usage});
            }
        }
        if (const auto unknown = unknown_command(arguments)) {
            return report({*unknown, RunOutcome::usage});
        }
        try {
            std::ranges::reverse(arguments);
            app_.parse(arguments);
        } catch (const CLI::CallForHelp& help) {
            return app_.exit(help);
        } catch (const CLI::CallForAllHelp& help) {
            return app_.exit(help);
        } catch (const CLI::CallForVersion& version) {
            return app_.exit(version);
        } catch (const CLI::ParseError& error) {
            return report(
                {{error.what(), "vmrunit --help lists commands and options"}, RunOutcome::usage});
        }
        line.insert(line.begin(), "vmrunit");
        // Where a reader that goes away only loses what it did not want to read, it ends us; a run
        // goes on for the sake of its other reports.
        const bool goes_on = run_->parsed() || bench_->parsed();
        std::signal(SIGPIPE, goes_on ? SIG_IGN : SIG_DFL);
        const CommandResult result = carry_out(line);
        if (!result) {
            return report(result.error());
        }
        return exit_status_of(*result, common_.exit_style);
    }

private:
    /// With what cannot be written to standard output as an error like any other.
    CommandResult carry_out(const std::vector<std::string>& line) {
        std::string trouble;
        try {
            CommandResult result = dispatch(line);
            if (std::fflush(stdout) == 0) {
                return result;
            }
            trouble = std::strerror(errno);
        } catch (const std::system_error& error) { // Of fmt::print.
            if (std::ferror(stdout) == 0) {
                throw;
            }
            trouble = error.code().message();
        }
        return operation_error(
            {"cannot write standard output: " + trouble, "make room or write elsewhere"});
    }

    /// CLI11 would say no more than that a command is missing.
    std::optional<Error> unknown_command(const std::vector<std::string>& arguments) const {
        if (arguments.empty() || arguments.front().starts_with('-')) {
            return std::nullopt;
        }
        std::vector<std::string> names;
        for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; })) {
            names.push_back(command->get_name());
        }
        if (std::ranges::find(names, arguments.front()) != names.end()) {
            return std::nullopt;
        }
        const std::string hint = did_you_mean(arguments.front(), names);
        return Error{fmt::format("unknown command '{}'", arguments.front()),
                     hint.empty() ? "vmrunit --help lists commands and options" : hint};
    }

    int report(const CommandError& error) const {
        fmt::print(stderr, "vmrunit: {}\n", error.error.line());
        return exit_status_of(error.outcome, common_.exit_style);
    }

    CommandResult dispatch(const std::vector<std::string>& line) {
        if (run_->parsed()) {
            return run_command(program_, common_, run_options_, line);
        }
        if (matrix_->parsed()) {
            return matrix_command(program_, common_, matrix_options_, line);
        }
        if (list_->parsed()) {
            return list_command(program_, common_, list_options_);
        }
        if (show_->parsed()) {
            return show_command(program_, common_);
        }
        if (bench_->parsed()) {
            return bench_command(program_, common_, bench_options_);
        }
        if (history_->parsed()) {
            return history_command(program_, common_, history_options_);
        }
        if (step_->parsed()) {
            if (common_.baseline.empty()) {
                common_.baseline = "none"; // What a version does is asked, not what is known of it.
            }
            return run_command(program_, common_, run_options_, line);
        }
        if (report_->parsed()) {
            return report_command(program_, common_, report_options_);
        }
        if (bisect_->parsed()) {
            return bisect_command(program_, common_, bisect_options_);
        }
        if (diff_->parsed()) {
            return diff_command(program_, common_, diff_options_);
        }
        if (coverage_->parsed()) {
            return coverage_command(program_, common_, coverage_options_);
        }
        return targets_command(program_, common_);
    }

    /// A word of several. CLI11's own transformer would show the numbers behind them.
    template<class Enum>
    static void add_choice(CLI::App& command, const std::string& names, Enum& chosen,
                           const std::string& description,
                           const std::map<std::string, Enum>& words) {
        command
            .add_option_function<std::string>(
                names, [&chosen, words](const std::string& word) { chosen = words.at(word); },
                description)
            ->check(CLI::IsMember(words))
            ->type_name("WORD");
    }

    void add_filters(CLI::App& command, bool required) {
        auto* option = command.add_option("filter", common_.filters,
                                          "Which cases: globs over names, !glob excludes");
        if (required) {
            option->required();
        }
    }
    void add_payload(CLI::App& command) {
        command.add_option("--payload", common_.payload, "The L1 payload to boot");
    }
    void add_target(CLI::App& command) {
        command.add_option("-t,--target", common_.target,
                           "What to test: qemu, kvm, lab:6.12, ... (vmrunit targets)");
        command.add_option("--qemu", common_.target_options.qemu_program,
                           "The QEMU program to use, a name or a path");
        command
            .add_option("--kernel", common_.target_options.kernel,
                        "The kernel of a lab target: a bzImage whose modules lie beside it, or a "
                        "kernel tree that was built")
            ->check([](const std::string& path) {
                return path.empty() ? "there is no name in it" : "";
            });
    }
    void add_exit_style(CLI::App& command) {
        add_choice<ExitStyle>(
            command, "--exit-codes", common_.exit_style,
            "What the exit status means: kselftest (0 1 4 99), bisect (0 1 125), meson (0 1 77 99)",
            {{"kselftest", ExitStyle::kselftest},
             {"bisect", ExitStyle::bisect},
             {"meson", ExitStyle::meson}});
    }

    static void add_colour(CLI::App& command, ColourMode& colour) {
        add_choice<ColourMode>(command, "--color,--colour", colour, "When to use colour",
                               {{"auto", ColourMode::automatic},
                                {"always", ColourMode::always},
                                {"never", ColourMode::never}});
    }
    static void add_timeout(CLI::App& command, double& seconds) {
        command.add_option("--timeout", seconds, "Deadline of a case in seconds")
            ->check(CLI::Range(0.01, 86400.0));
    }
    /// Where a version is judged, what is known of it is no excuse: nothing is known by default.
    void add_baseline(CLI::App& command, std::string_view by_default = "the target's own") {
        command.add_option(
            "--baseline", common_.baseline,
            fmt::format("Known deviations: a file, or none; default: {}", by_default));
        command.add_option("--baselines-folder", common_.baselines_folder,
                           "Where the targets' baselines are");
    }

    /// Those that are made from a run that is over.
    static void add_reports(CLI::App& command, ReportOptions& reports, std::string& source_url) {
        command.add_option("--junit", reports.junit, "Write JUnit XML to FILE");
        command.add_option("--json", reports.json, "Write the results as JSON to FILE");
        command.add_option("--html", reports.html, "Write a report for a browser to FILE");
        command.add_option("--source-url", source_url,
                           "Where the sources can be read, for links in the HTML report");
        command.add_option("--kcidb", reports.kcidb, "Write KCIDB JSON (5.3) to FILE");
        command.add_option("--kcidb-build", reports.kcidb_names.build,
                           "Id of the build that is tested, ORIGIN:ID");
    }

    static void add_retries(CLI::App& command, unsigned& retries) {
        command
            .add_option("--retries", retries,
                        "Run a case that failed so many times more; one that passes then is FLAKY")
            ->check(CLI::Range(0, 100));
    }

    void add_run() {
        run_ = app_.add_subcommand("run", "Run cases on a target");
        add_filters(*run_, false);
        add_target(*run_);
        add_payload(*run_);
        add_exit_style(*run_);
        auto& options = run_options_;
        run_->add_option("--ktap", options.reports.ktap,
                         "Write KTAP to FILE; - is standard output");
        add_reports(*run_, options.reports, options.source_url);
        add_case_options(*run_, options);
        run_->add_option("--lava", options.reports.lava, "Write LAVA signals to FILE");
        run_->add_option("--kvm-unit-tests", options.reports.kvm_unit_tests,
                         "Write lines as kvm-unit-tests does to FILE");
        run_->add_option("--history", options.history, "Add the results to this history")
            ->envname("VMRUNIT_HISTORY");
        run_->add_flag("-v,--verbose", options.reports.verbose, "A line for every case");
        auto* shuffle = run_->add_flag("--shuffle", options.shuffle, "Run in random order");
        run_->add_flag("--reverse", options.reverse, "Run the last case first")->excludes(shuffle);
        run_->add_option("--seed", options.seed, "Seed of the order")->check(CLI::Range(0, 99999));
        run_->add_option("--repeat", options.repeat, "Run everything so many times")
            ->check(CLI::Range(1, 1'000'000));
        auto* fail_fast =
            run_->add_flag("--fail-fast", options.fail_fast, "Stop at the first failure");
        run_->get_option("--retries")->excludes(fail_fast);
        run_->add_flag("--failed", options.failed,
                       "Only what failed in the last run (of the target, if one is named)");
    }
    /// What every command has that runs cases and judges them.
    void add_case_options(CLI::App& command, RunOptions& options) {
        command.add_option("--runs-folder", options.reports.runs_folder,
                           "Where the folder of the run goes");
        add_baseline(command);
        add_colour(command, options.reports.colour);
        add_timeout(command, options.case_seconds);
        command.add_option("-j,--jobs", options.jobs, "Machines that run at a time")
            ->check(CLI::Range(1u, 256u));
        command.add_flag("--isolate", options.isolate, "A machine of its own for every case");
        command.add_flag("!--no-ring", options.use_ring,
                         "Records by port 0xE9 even where memory is shared");
        command.add_flag("--strict", options.strict,
                         "An unexpected pass is a failure, and so is a flaky case");
        add_retries(command, options.retries);
    }
    void add_matrix() {
        matrix_ = app_.add_subcommand(
            "matrix", "Run cases on several targets and show where they differ, and whose it is");
        matrix_
            ->add_option("target", matrix_options_.words,
                         "Two targets or more, then which cases: globs over names, !glob excludes")
            ->required();
        matrix_->add_option("--qemu", common_.target_options.qemu_program,
                            "The QEMU program to use, a name or a path");
        add_payload(*matrix_);
        add_exit_style(*matrix_);
        add_case_options(*matrix_, matrix_options_.run);
        matrix_->add_flag("--all", matrix_options_.all, "Show what holds everywhere, too");
        matrix_->add_option("--html", matrix_options_.html, "Write a report for a browser to FILE");
        matrix_->add_option("--source-url", matrix_options_.run.source_url,
                            "Where the sources can be read, for links in the HTML report");
    }
    void add_list() {
        list_ = app_.add_subcommand("list", "List case names, one to a line");
        add_filters(*list_, false);
        list_->add_flag("-l,--long", list_options_.details, "With title, manual and row");
        list_->add_flag("--json", list_options_.json, "As JSON");
    }
    void add_show() {
        show_ = app_.add_subcommand("show", "Show what a case does and expects");
        add_filters(*show_, true);
        add_payload(*show_);
    }
    void add_targets() {
        targets_ = app_.add_subcommand("targets", "Show what can be tested here");
        targets_->add_option("--qemu", common_.target_options.qemu_program,
                             "The QEMU program to use, a name or a path");
    }
    void add_bench() {
        bench_ = app_.add_subcommand("bench", "Measure the cost of a case beside a bare VMRUN");
        add_filters(*bench_, false);
        add_target(*bench_);
        add_payload(*bench_);
        bench_->add_option("--runs", bench_options_.runs, "VMRUNs in the bare measurement")
            ->check(CLI::Range(1u, 1'000'000u));
        bench_->add_flag("--json", bench_options_.json, "As JSON");
        bench_->add_flag("!--no-ring", bench_options_.use_ring,
                         "Records by port 0xE9 even where memory is shared");
    }

    void add_diff() {
        auto& options = diff_options_;
        diff_ = app_.add_subcommand("diff", "Compare two runs; 1 if something got worse");
        diff_
            ->add_option("A", options.before,
                         "Before: a result file, a run's folder, or a target to run now")
            ->required();
        diff_->add_option("B", options.after, "After: the same")->required();
        add_filters(*diff_, false);
        diff_->add_option("--markdown", options.markdown,
                          "Write the comparison as Markdown to FILE; - is standard output");
        diff_->add_option("--html", options.html, "Write it for a browser to FILE");
        diff_->add_option("--source-url", options.source_url,
                          "Where the sources can be read, for links in the HTML");
        diff_->add_flag(
            "--strict", options.strict,
            "Also worse: newly skipped or flaky, no longer run, same verdict but changed");
        diff_->add_flag("-v,--verbose", options.verbose, "Every name, not the first of each group");
        add_colour(*diff_, options.colour);
        add_payload(*diff_);
        add_exit_style(*diff_);
        add_baseline(*diff_);
        add_timeout(*diff_, options.case_seconds);
    }

    void add_history() {
        auto& options = history_options_;
        history_ = app_.add_subcommand("history", "Show what cases came to over many runs");
        add_filters(*history_, false);
        history_->add_option("--history", options.file, "The file that run --history writes")
            ->envname("VMRUNIT_HISTORY")
            ->required();
        history_->add_option("--add", options.add, "Put the results of an earlier run in first")
            ->allow_extra_args(false);
        history_->add_flag("--unstable", options.unstable, "Only where the verdict has changed");
        history_->add_flag("--json", options.json, "As JSON");
    }
    void add_step() {
        step_ = app_.add_subcommand("step", "One step of a bisection: 0 good, 1 bad, 125 unknown");
        add_filters(*step_, true);
        add_target(*step_);
        add_payload(*step_);
        add_baseline(*step_, "none");
        add_timeout(*step_, run_options_.case_seconds);
        add_colour(*step_, run_options_.reports.colour);
        add_retries(*step_, run_options_.retries);
        step_->add_option("--runs-folder", run_options_.reports.runs_folder,
                          "Where the folder of the run goes");
    }

    void add_bisect() {
        auto& options = bisect_options_;
        bisect_ = app_.add_subcommand("bisect", "Find the version that broke cases");
        add_filters(*bisect_, true);
        bisect_->add_option("--good", options.good, "A version on which they pass")->required();
        bisect_->add_option("--bad", options.bad, "A version on which one of them fails")
            ->required();
        auto* over = bisect_->add_option_group("Over", "What is searched");
        over->add_option("--tree", options.tree, "The commits of this git tree");
        over->add_option("--kernels", options.kernels,
                         "Debian's kernels of these versions, in order; debian: all that the "
                         "mirror has; or those in a folder")
            ->delimiter(',')
            ->allow_extra_args(false);
        over->add_option("--qemu-list", options.qemu_list, "These QEMU programs, in order")
            ->delimiter(',')
            ->allow_extra_args(false);
        over->require_option(1);
        bisect_->add_option("--build", options.build,
                            "Command that builds the tree; default: a kernel for the lab");
        bisect_->add_option("--config", options.config, "Configuration of the kernel");
        bisect_->add_option("-t,--target", common_.target,
                            "What to test; {tree} stands for the folder of the tree");
        add_payload(*bisect_);
        add_baseline(*bisect_, "none");
        add_timeout(*bisect_, options.case_seconds);
        add_retries(*bisect_, options.retries);
        bisect_->add_option("--folder", options.folder, "Where log, results and clone are kept");
        bisect_->add_flag("--restart", options.restart, "Forget what an earlier bisection found");
    }

    void add_report() {
        auto& options = report_options_;
        report_ =
            app_.add_subcommand("report", "Make reports of a run that is over, or its shards");
        report_->add_option("results", options.files, "Result files or folders of runs")
            ->required();
        add_reports(*report_, options.reports, options.source_url);
        add_payload(*report_);
        add_exit_style(*report_);
    }

    void add_coverage() {
        coverage_ = app_.add_subcommand("coverage", "Show what of the specification has cases");
        coverage_->add_option("item", common_.filters, "Which items: globs over their names");
        coverage_->add_option("--results", coverage_options_.results,
                              "With the verdicts of a run: its folder, journal or JSON report");
        coverage_->add_flag("--last-runs", coverage_options_.last_runs,
                            "With the verdicts of the newest run of each target");
        coverage_->add_option("--runs-folder", coverage_options_.runs_folder,
                              "Where the folders of runs are");
        coverage_->add_option("--html", coverage_options_.html, "Write a page to FILE");
        coverage_->add_flag("--check", coverage_options_.check,
                            "Fail if an item has neither a case nor a reason");
    }

    const Program& program_;
    CLI::App app_{"Tests nested virtualization on AMD SVM: real VMRUN, checked against tables.",
                  "vmrunit"};
    CLI::App* run_ = nullptr;
    CLI::App* matrix_ = nullptr;
    CLI::App* list_ = nullptr;
    CLI::App* show_ = nullptr;
    CLI::App* targets_ = nullptr;
    CLI::App* bench_ = nullptr;
    CLI::App* diff_ = nullptr;
    CLI::App* history_ = nullptr;
    CLI::App* step_ = nullptr;
    CLI::App* bisect_ = nullptr;
    CLI::App* report_ = nullptr;
    CLI::App* coverage_ = nullptr;
    CommonOptions common_;
    RunOptions run_options_;
    MatrixOptions matrix_options_;
    ListOptions list_options_;
    BenchOptions bench_options_;
    DiffOptions diff_options_;
    HistoryOptions history_options_;
    BisectOptions bisect_options_;
    ReportCommandOptions report_options_;
    CoverageOptions coverage_options_;
};

} // namespace

int run_program(const Program& program, std::vector<std::string> arguments) {
    return CommandLine{program}.run(std::move(arguments));
}

} // namespace vmrunit::runner
