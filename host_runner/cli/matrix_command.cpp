// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit matrix`: the same cases on several targets, one after the other, and a table of what
// differs. What is done is on disk after each target, so that Ctrl-C or a crash costs only the
// rest.
#include "host_runner/cli/commands.hpp"
#include "host_runner/cli/interrupt.hpp"
#include "host_runner/cli/run_input.hpp"
#include "host_runner/matrix/matrix_html.hpp"
#include "host_runner/matrix/matrix_json.hpp"
#include "host_runner/matrix/matrix_text.hpp"
#include "host_runner/report/output.hpp"
#include "host_runner/report/run_folder.hpp"
#include "host_runner/selection/case_filter.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

using namespace std::chrono_literals;

constexpr auto wait_slice = 100ms;

struct Words {
    std::vector<std::unique_ptr<Target>> targets;
    std::vector<std::string> filters;
};

/// A word that begins with the name of a kind of target is one; all others are filters.
tl::expected<Words, CommandError> sort_words(const Program& program, const CommonOptions& common,
                                             const std::vector<std::string>& given) {
    Words words;
    for (const std::string& word : given) {
        const std::string head = word.substr(0, word.find_first_of(":@,"));
        if (std::ranges::find(program.targets.factories(), head, &TargetFactory::name) ==
            program.targets.factories().end()) {
            words.filters.push_back(word);
            continue;
        }
        auto target = program.targets.create(word, common.target_options);
        if (!target) {
            return usage_error(target.error());
        }
        if (std::ranges::any_of(words.targets,
                                [&](const auto& known) { return known->name() == word; })) {
            return usage_error({"target " + word + " is named twice", "name each target once"});
        }
        words.targets.push_back(std::move(*target));
    }
    return words;
}

class MatrixRun {
public:
    MatrixRun(const Program& program, const CommonOptions& common, const MatrixOptions& options,
              const PayloadImages& images, std::filesystem::path folder, MatrixInfo info)
        : program_{program},
          common_{common},
          options_{options},
          images_{images},
          folder_{std::move(folder)},
          info_{std::move(info)} {}

    void run_all(const std::vector<std::unique_ptr<Target>>& targets,
                 const std::vector<const cases::Case*>& cases) {
        for (const cases::Case* one : cases) {
            names_.push_back(one->name);
        }
        for (const auto& target : targets) {
            MatrixColumn& column = matrix_.columns.emplace_back();
            column.target = target->name();
            column.trouble = "its turn did not come";
        }
        for (std::size_t i = 0; i < targets.size() && !info_.interrupted; ++i) {
            run_one(*targets[i], cases, matrix_.columns[i]);
            info_.interrupted = InterruptWatch::interrupted();
            write();
        }
    }

    [[nodiscard]] const Matrix& matrix() const { return matrix_; }

    [[nodiscard]] RunOutcome outcome() const {
        const auto ran = [](const MatrixColumn& column) { return column.trouble.empty(); };
        const bool broken = std::ranges::any_of(matrix_.columns, &MatrixColumn::broken);
        if (std::ranges::none_of(matrix_.columns, ran) && !broken && !info_.interrupted) {
            return RunOutcome::skipped;
        }
        const RunOutcome outcome = outcome_of({.counts = matrix_.counts(),
                                               .planned = planned_ + (broken ? 1 : 0),
                                               .strict = options_.run.strict,
                                               .interrupted = info_.interrupted,
                                               .report_trouble = report_trouble_});
        // Somebody named that target, and nobody knows how it does.
        return outcome == RunOutcome::passed && !std::ranges::all_of(matrix_.columns, ran)
                   ? RunOutcome::skipped
                   : outcome;
    }

private:
    void run_one(Target& target, const std::vector<const cases::Case*>& cases,
                 MatrixColumn& column) {
        column.trouble.clear();
        const auto give_up = [&](const Error& error, bool broken) {
            column.trouble = error.line();
            column.broken = broken;
            fmt::print(stderr, "vmrunit: target {}: {}\n", target.name(), error.line());
        };
        if (const Availability available = target.availability(); !available.available) {
            return give_up({available.reason, available.cure}, false);
        }
        if (const auto prepared = target.prepare(); !prepared) {
            return give_up(prepared.error(), true);
        }
        const auto more_targets =
            create_more_targets(program_, common_, target, options_.run.jobs, cases.size());
        if (!more_targets) {
            return give_up(more_targets.error(), true);
        }
        const std::string subject = target.availability().reason;
        column.layers = target.layers();
        auto baseline = load_baseline(common_, target);
        if (!baseline) {
            return give_up(baseline.error(), true);
        }
        ReportOptions report_options;
        report_options.runs_folder = folder_;
        report_options.colour = options_.run.reports.colour;
        report_options.brief = true;
        auto reports = ReportSet::open(report_options, target.name());
        if (!reports) {
            return give_up(reports.error(), true);
        }
        column.folder = (*reports)->folder().lexically_relative(folder_);
        const ReportedRunInput input =
            run_input(program_, common_, options_.run, info_.command_line,
                      {.target = target,
                       .images = images_,
                       .baseline = *baseline,
                       .reporter = **reports,
                       .subject = subject,
                       .more_targets = *more_targets});
        ReportedRun run{input};
        if (const auto loaded = run.load(cases); !loaded) {
            run.finish(false);
            return give_up(loaded.error(), true);
        }
        while (!run.finished() && !InterruptWatch::interrupted()) {
            run.step(wait_slice);
        }
        planned_ += run.planned();
        run.finish(!run.finished());
        column.record = (*reports)->record();
        report_trouble_ = report_trouble_ || (*reports)->trouble().has_value();
    }

    /// After each target: the table, and the page if one is wanted, as far as they go.
    void write() {
        matrix_ = make_matrix(std::move(matrix_.columns), names_);
        note(write_whole_file(folder_ / "matrix.json", matrix_json(matrix_, info_)));
        note(write_whole_file(folder_ / "matrix.txt",
                              matrix_text(matrix_, {.all = true, .names = true})));
        if (!options_.html.empty()) {
            note(write_whole_file(options_.html, matrix_html(matrix_, info_, program_.catalogue,
                                                             options_.run.source_url)));
        }
    }

    void note(const std::optional<Error>& trouble) {
        if (trouble) {
            report_trouble_ = true;
            fmt::print(stderr, "vmrunit: {}\n", trouble->line());
        }
    }

    const Program& program_;
    const CommonOptions& common_;
    const MatrixOptions& options_;
    const PayloadImages& images_;
    std::filesystem::path folder_;
    MatrixInfo info_;
    std::vector<std::string> names_;
    Matrix matrix_;
    std::size_t planned_ = 0;
    bool report_trouble_ = false;
};

} // namespace

CommandResult matrix_command(const Program& program, const CommonOptions& common,
                             const MatrixOptions& options,
                             const std::vector<std::string>& command_line) {
    auto words = sort_words(program, common, options.words);
    if (!words) {
        return tl::unexpected(words.error());
    }
    const auto chosen = select_cases(program.catalogue, words->filters);
    if (!chosen) {
        return usage_error({chosen.error().what, "it is no target either; " + chosen.error().cure});
    }
    if (words->targets.size() < 2) {
        return usage_error({"a matrix compares two targets or more",
                            "name them before the filter: vmrunit matrix qemu bochs "
                            "'intercept/*'; vmrunit targets lists them"});
    }
    if (!options.html.empty()) {
        if (auto trouble = cannot_write(options.html)) {
            return usage_error(*trouble);
        }
    }
    const auto images = load_images(program, common);
    if (!images) {
        return tl::unexpected(images.error());
    }
    std::filesystem::path runs = options.run.reports.runs_folder;
    if (runs.empty()) {
        auto found = default_runs_folder();
        if (!found) {
            return operation_error(found.error());
        }
        runs = std::move(*found);
    }
    const auto now = std::chrono::system_clock::now();
    const auto folder = create_run_folder(runs, "matrix", now);
    if (!folder) {
        return operation_error(folder.error());
    }
    point_latest_at(*folder);

    const InterruptWatch watch;
    MatrixRun run{program,
                  common,
                  options,
                  *images,
                  *folder,
                  {.version = program.version,
                   .payload_build_id = images->main().build_id_text(),
                   .command_line = command_line,
                   .started = now}};
    run.run_all(words->targets, *chosen);

    const Terminal terminal = terminal_of(STDOUT_FILENO, options.run.reports.colour);
    fmt::print("\n{}\n  report  {}\n",
               matrix_text(run.matrix(), {.width = terminal.width(),
                                          .colour = terminal.colour,
                                          .all = options.all,
                                          .names = false}),
               (*folder / "matrix.txt").string());
    return run.outcome();
}

} // namespace vmrunit::runner
