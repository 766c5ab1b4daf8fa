// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/cli/program.hpp"

#include "host_runner/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <map>

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
        add_list();
        add_show();
        add_targets();
        add_bench();
    }

    int run(std::vector<std::string> arguments) {
        std::vector<std::string> line = arguments;
        run_options_.gtest_arguments = take_gtest_arguments(arguments);
        for (const std::string& argument : run_options_.gtest_arguments) {
            if (!is_gtest_flag(argument)) {
                return report({{"Google Test has no flag " + argument,
                                "its flags begin with --gtest_filter, --gtest_shuffle, "
                                "--gtest_repeat"},
                               RunOutcome::usage});
            }
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
        const CommandResult result = dispatch(line);
        if (!result) {
            return report(result.error());
        }
        return exit_status_of(*result, common_.exit_style);
    }

private:
    int report(const CommandError& error) const {
        fmt::print(stderr, "vmrunit: {}\n", error.error.line());
        return exit_status_of(error.outcome, common_.exit_style);
    }

    CommandResult dispatch(const std::vector<std::string>& line) {
        if (run_->parsed()) {
            return run_command(program_, common_, run_options_, line);
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
        return targets_command(program_, common_);
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
                           "What to test: qemu, qemu-kvm, kvm, ... (vmrunit targets)");
        command.add_option("--qemu", common_.target_options.qemu_program,
                           "The QEMU program to use, a name or a path");
    }
    void add_exit_style(CLI::App& command) {
        command
            .add_option("--exit-codes", common_.exit_style,
                        "What the exit status means: kselftest (0 1 4 99), bisect (0 1 125), meson "
                        "(0 1 77 99)")
            ->transform(CLI::CheckedTransformer(
                std::map<std::string, ExitStyle>{{"kselftest", ExitStyle::kselftest},
                                                 {"bisect", ExitStyle::bisect},
                                                 {"meson", ExitStyle::meson}}));
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
        run_->add_option("--junit", options.reports.junit, "Write JUnit XML to FILE");
        run_->add_option("--json", options.reports.json, "Write the results as JSON to FILE");
        run_->add_option("--runs-folder", options.reports.runs_folder,
                         "Where the folder of the run goes");
        run_->add_option("--baseline", common_.baseline,
                         "Known deviations: a file, or none; default: the target's own");
        run_->add_option("--baselines-folder", common_.baselines_folder,
                         "Where the targets' baselines are");
        run_->add_option("--color,--colour", options.reports.colour, "auto, always or never")
            ->transform(CLI::CheckedTransformer(
                std::map<std::string, ColourMode>{{"auto", ColourMode::automatic},
                                                  {"always", ColourMode::always},
                                                  {"never", ColourMode::never}}));
        run_->add_flag("-v,--verbose", options.reports.verbose, "A line for every case");
        run_->add_option("--timeout", options.case_seconds, "Deadline of a case in seconds")
            ->check(CLI::Range(0.01, 86400.0));
        run_->add_flag("--isolate", options.isolate, "A machine of its own for every case");
        run_->add_flag("!--no-ring", options.use_ring,
                       "Records by port 0xE9 even where memory is shared");
        run_->add_flag("--strict", options.strict, "An unexpected pass is a failure");
        run_->add_flag("--shuffle", options.shuffle, "Run in random order");
        run_->add_option("--seed", options.seed, "Seed of the order")->check(CLI::Range(0, 99999));
        run_->add_option("--repeat", options.repeat, "Run everything so many times")
            ->check(CLI::Range(1, 1'000'000));
        run_->add_flag("--fail-fast", options.fail_fast, "Stop at the first failure");
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

    const Program& program_;
    CLI::App app_{"Tests nested virtualization on AMD SVM: real VMRUN, checked against tables.",
                  "vmrunit"};
    CLI::App* run_ = nullptr;
    CLI::App* list_ = nullptr;
    CLI::App* show_ = nullptr;
    CLI::App* targets_ = nullptr;
    CLI::App* bench_ = nullptr;
    CommonOptions common_;
    RunOptions run_options_;
    ListOptions list_options_;
    BenchOptions bench_options_;
};

} // namespace

int run_program(const Program& program, std::vector<std::string> arguments) {
    std::signal(SIGPIPE, SIG_IGN); // A reader that went away is an error of one write.
    return CommandLine{program}.run(std::move(arguments));
}

} // namespace vmrunit::runner
