// SPDX-License-Identifier: GPL-2.0-only
// See report_set.hpp.
#include "host_runner/report/report_set.hpp"
#include "host_runner/report/json_report.hpp"
#include "host_runner/report/junit.hpp"
#include "host_runner/report/ktap.hpp"
#include "host_runner/report/line_reporter.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/run_folder.hpp"
#include "host_runner/report/summary_text.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fmt/format.h>
#include <iterator>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

std::array<std::string, 7> asked_for(const ReportOptions& options) {
    return {options.ktap,           options.junit, options.json, options.lava,
            options.kvm_unit_tests, options.kcidb, options.html};
}

/// Standard output belongs to the format that was sent there; people read the other stream.
int console_descriptor(const ReportOptions& options) {
    return std::ranges::count(asked_for(options), "-") != 0 ? STDERR_FILENO : STDOUT_FILENO;
}

} // namespace

std::optional<Error> ReportSet::bad_destination(const ReportOptions& options) {
    const auto destinations = asked_for(options);
    for (const std::string& path : destinations) {
        if (path.empty()) {
            continue;
        }
        if (std::ranges::count(destinations, path) > 1) {
            return Error{fmt::format("two reports cannot both go to {}",
                                     path == "-" ? "standard output" : path),
                         "give each its own file"};
        }
        if (auto trouble = cannot_write(path)) {
            return trouble;
        }
    }
    return std::nullopt;
}

Result<std::unique_ptr<ReportSet>> ReportSet::open(ReportOptions options,
                                                   const std::string& target) {
    if (const auto trouble = bad_destination(options)) {
        return tl::unexpected{*trouble};
    }
    if (options.runs_folder.empty()) {
        auto folder = default_runs_folder();
        if (!folder) {
            return tl::unexpected{folder.error()};
        }
        options.runs_folder = std::move(*folder);
    }
    auto folder = create_run_folder(options.runs_folder, target, std::chrono::system_clock::now());
    if (!folder) {
        return tl::unexpected{folder.error()};
    }
    auto journal = FileOutput::open(*folder / "results.jsonl");
    if (!journal) {
        return tl::unexpected{journal.error()};
    }
    auto live = open_live(options);
    if (!live) {
        return tl::unexpected{live.error()};
    }
    return std::unique_ptr<ReportSet>{new ReportSet{std::move(options), std::move(*folder),
                                                    std::move(*journal), std::move(*live)}};
}

Result<std::vector<ReportSet::LiveReport>> ReportSet::open_live(const ReportOptions& options) {
    struct Format {
        const std::string& path;
        std::function<std::unique_ptr<Reporter>(Output&)> create;
    };
    const auto lines = [](const LineFormat& format) {
        return [&format](Output& output) -> std::unique_ptr<Reporter> {
            return std::make_unique<LineReporter>(output, format);
        };
    };
    const Format formats[] = {{options.ktap,
                               [](Output& output) -> std::unique_ptr<Reporter> {
                                   const bool nested = std::getenv("KSFT_TAP_LEVEL") != nullptr;
                                   return std::make_unique<KtapReporter>(output, nested);
                               }},
                              {options.lava, lines(lava_signals)},
                              {options.kvm_unit_tests, lines(kvm_unit_tests_lines)}};
    std::vector<LiveReport> live;
    for (const Format& format : formats) {
        if (format.path.empty()) {
            continue;
        }
        auto opened = FileOutput::open(format.path);
        if (!opened) {
            return tl::unexpected{opened.error()};
        }
        auto output = std::make_unique<FileOutput>(std::move(*opened));
        auto reporter = format.create(*output);
        live.push_back({format.path, std::move(output), std::move(reporter)});
    }
    return live;
}

ReportSet::ReportSet(ReportOptions options, std::filesystem::path folder, FileOutput journal,
                     std::vector<LiveReport> live)
    : options_{std::move(options)},
      folder_{std::move(folder)},
      journal_output_{std::move(journal)},
      console_output_{console_descriptor(options_), "the console"},
      journal_{journal_output_},
      live_{std::move(live)},
      console_{
          console_output_, recorder_.record(),
          ConsoleOptions{.terminal = terminal_of(console_output_.descriptor(), options_.colour),
                         .verbose = options_.verbose,
                         .brief = options_.brief}} {}

void ReportSet::note(const std::optional<Error>& trouble) {
    const bool known = !trouble || std::ranges::any_of(troubles_, [&](const Error& error) {
        return error.what == trouble->what;
    });
    if (!known) {
        troubles_.push_back(*trouble);
        console_.notice(fmt::format("vmrunit: {}", trouble->line()));
    }
}

void ReportSet::tell_new_trouble() {
    note(journal_.trouble());
    for (const LiveReport& report : live_) {
        note(report.output->trouble());
    }
}

ReportSet::~ReportSet() {
    if (!started_) {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
}

void ReportSet::run_started(const RunInfo& info) {
    started_ = true;
    point_latest_at(folder_);
    SystemFacts system = read_system_facts();
    recorder_.set_system(system);
    journal_.set_system(std::move(system));
    recorder_.run_started(info);
    journal_.run_started(info);
    for (const LiveReport& report : live_) {
        report.reporter->run_started(info);
    }
    console_.run_started(info);
    tell_new_trouble();
}

void ReportSet::subject_known(const std::vector<std::string>& features,
                              const SubjectFacts& more_facts) {
    recorder_.subject_known(features, more_facts);
    journal_.subject_known(features, more_facts);
}

void ReportSet::case_started(std::string_view name) {
    recorder_.case_started(name);
    journal_.case_started(name);
    console_.case_started(name);
}

void ReportSet::case_finished(const CaseResult& result) {
    recorder_.case_finished(result);
    journal_.case_finished(result);
    for (const LiveReport& report : live_) {
        report.reporter->case_finished(result);
    }
    console_.case_finished(result);
    tell_new_trouble();
}

void ReportSet::case_to_be_retried(const CaseResult& so_far) {
    recorder_.case_to_be_retried(so_far);
    journal_.case_to_be_retried(so_far);
    console_.case_to_be_retried(so_far);
    tell_new_trouble();
}

void ReportSet::machine_event(const MachineEvent& event) {
    recorder_.machine_event(event);
    journal_.machine_event(event);
    for (const LiveReport& report : live_) {
        report.reporter->machine_event(event);
    }
    console_.machine_event(event);
}

void ReportSet::idle() {
    console_.idle();
}

void ReportSet::write_report(const std::filesystem::path& path, const std::string& text) {
    const auto trouble = write_whole_file(path, text);
    note(trouble);
    if (!trouble && path != "-") {
        written_.push_back(path.string());
    }
}

void ReportSet::run_finished(const RunSummary& summary) {
    RunSummary complete = summary;
    recorder_.run_finished(complete);
    journal_.run_finished(complete);
    for (const LiveReport& report : live_) {
        report.reporter->run_finished(complete);
        report.output->close();
        if (!report.output->trouble() && report.path != "-") {
            written_.push_back(report.path);
        }
    }
    journal_output_.close();
    tell_new_trouble();

    if (!options_.junit.empty()) {
        write_report(options_.junit, junit_report(recorder_.record()));
    }
    if (!options_.kcidb.empty()) {
        write_report(options_.kcidb, kcidb_report(recorder_.record(), options_.kcidb_names));
    }
    // What could not be written so far is part of what the remaining reports say.
    complete.troubles.insert(complete.troubles.end(), troubles_.begin(), troubles_.end());
    recorder_.run_finished(complete);
    const std::string json = json_report(recorder_.record());
    write_report(folder_ / "results.json", json);
    if (!options_.json.empty()) {
        write_report(options_.json, json);
    }
    if (!options_.html.empty()) {
        write_report(options_.html, options_.make_html(recorder_.record()));
    }
    write_report(folder_ / "report.txt", text_report(recorder_.record()));

    // Best one first: for people, then for programs, in the order of the options.
    std::vector<std::string> paths{(folder_ / "report.txt").string(), options_.html};
    const auto asked = asked_for(options_);
    std::ranges::copy_if(asked, std::back_inserter(paths),
                         [&](const std::string& path) { return path != options_.html; });
    for (const std::string& path : paths) {
        if (std::ranges::find(written_, path) != written_.end()) {
            complete.report_paths.push_back(path);
        }
    }

    complete.troubles = summary.troubles;
    complete.troubles.insert(complete.troubles.end(), troubles_.begin(), troubles_.end());
    recorder_.run_finished(complete);
    console_.run_finished(complete);
}

std::optional<Error> ReportSet::trouble() const {
    return troubles_.empty() ? console_.trouble() : std::optional{troubles_.front()};
}

} // namespace vmrunit::runner
