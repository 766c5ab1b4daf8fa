// SPDX-License-Identifier: GPL-2.0-only
// All reports of one run, behind one Reporter: the run's folder with its journal, the formats asked
// for on the command line, and the console, which speaks last because it names the others.
#pragma once

#include "host_runner/report/console.hpp"
#include "host_runner/report/journal.hpp"
#include "host_runner/report/kcidb.hpp"
#include "host_runner/report/run_record.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct ReportOptions {
    std::string ktap; ///< A file, "-" for standard output, empty for none. So are the next ones.
    std::string junit;
    std::string json;
    std::string lava;
    std::string kvm_unit_tests;
    std::string kcidb;
    KcidbNames kcidb_names; ///< With `kcidb`.
    std::string html;
    /// With `html`: it shows the cases' definitions, which a record does not hold.
    std::function<std::string(const RunRecord&)> make_html;
    std::filesystem::path runs_folder; ///< Empty: the default one.
    ColourMode colour = ColourMode::automatic;
    bool verbose = false;
    bool brief = false; ///< Only progress and a line at the end: somebody else tells the rest.
};

class ReportSet final : public Reporter {
public:
    /// What is wrong with the files asked for: a mistake of the command line, known before anything
    /// runs.
    [[nodiscard]] static std::optional<Error> bad_destination(const ReportOptions& options);

    /// Creates the run's folder, which `target` names, and opens what is written from the start.
    [[nodiscard]] static Result<std::unique_ptr<ReportSet>> open(ReportOptions options,
                                                                 const std::string& target);

    /// Takes the folder away again if no run was started.
    ~ReportSet() override;

    void run_started(const RunInfo& info) override;
    void subject_known(const std::vector<std::string>& features,
                       const SubjectFacts& more_facts) override;
    void case_started(std::string_view name) override;
    void case_finished(const CaseResult& result) override;
    void case_to_be_retried(const CaseResult& so_far) override;
    void machine_event(const MachineEvent& event) override;
    void idle() override;
    void run_finished(const RunSummary& summary) override;
    [[nodiscard]] std::optional<Error> trouble() const override;

    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
    [[nodiscard]] const RunRecord& record() const { return recorder_.record(); }

private:
    /// A format that is written as results arrive. The output lies still: its reporter refers to
    /// it.
    struct LiveReport {
        std::string path;
        std::unique_ptr<FileOutput> output;
        std::unique_ptr<Reporter> reporter;
    };
    [[nodiscard]] static Result<std::vector<LiveReport>> open_live(const ReportOptions& options);

    ReportSet(ReportOptions options, std::filesystem::path folder, FileOutput journal,
              std::vector<LiveReport> live);

    /// Tells the person at once, not at the end of a long run, that something is not being written.
    void tell_new_trouble();
    void write_report(const std::filesystem::path& path, const std::string& text);
    void note(const std::optional<Error>& trouble);

    ReportOptions options_;
    std::filesystem::path folder_;
    FileOutput journal_output_;
    FileOutput console_output_;
    Recorder recorder_;
    JournalWriter journal_;
    std::vector<LiveReport> live_;
    Console console_;
    std::vector<Error> troubles_;
    std::vector<std::string> written_; ///< Reports that are whole.
    bool started_ = false;
};

} // namespace vmrunit::runner
