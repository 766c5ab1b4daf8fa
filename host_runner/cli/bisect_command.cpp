// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit bisect`: which version broke these cases, over a list of QEMUs, Linux kernels of Debian,
// or the commits of a tree.
#include "host_runner/bisect/bisection.hpp"
#include "host_runner/bisect/git_search.hpp"
#include "host_runner/bisect/tree_build.hpp"
#include "host_runner/cli/child_run.hpp"
#include "host_runner/cli/commands.hpp"
#include "host_runner/cli/interrupt.hpp"
#include "host_runner/debian/package_version.hpp"
#include "host_runner/lab/debian_archive.hpp"
#include "host_runner/lab/kernel_package_cache.hpp"
#include "host_runner/process/capture.hpp"
#include "host_runner/process/text_tail.hpp"
#include "host_runner/report/json_report.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/output.hpp"
#include "host_runner/report/results_file.hpp"
#include "host_runner/report/run_folder.hpp"
#include "host_runner/report/text_failure.hpp"
#include "host_runner/selection/case_filter.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <optional>

namespace vmrunit::runner {

namespace {

namespace fs = std::filesystem;

/// A name for files that is the same for the same text (FNV-1a).
std::string digest(const std::string& text) {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
    }
    return fmt::format("{:016x}", hash);
}

void replace_all(std::string& text, std::string_view what, const std::string& by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
        text.replace(at, what.size(), by);
    }
}

/// "lab,npt=0" and ":6.12" -> "lab:6.12,npt=0"
std::string with_subject(const std::string& target, const std::string& subject) {
    const auto comma = std::min(target.find(','), target.size());
    return target.substr(0, comma) + subject + target.substr(comma);
}

std::vector<Candidate> kernels_named(const std::vector<std::string>& versions) {
    std::vector<Candidate> list;
    for (const std::string& version : versions) {
        list.push_back({version, "Linux " + version});
    }
    return list;
}

/// Packages and images of a folder, by version.
Result<std::vector<Candidate>> kernels_in(const fs::path& folder) {
    std::vector<Candidate> list;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{folder, error}) {
        const std::string name = entry.path().filename().string();
        if (entry.path().extension() == ".deb" || entry.is_directory() ||
            name.starts_with("vmlinuz") || name.starts_with("bzImage")) {
            list.push_back({fs::absolute(entry.path()).string(), name});
        }
    }
    std::ranges::sort(list, [](const Candidate& a, const Candidate& b) {
        return version_is_older(a.title, b.title);
    });
    if (error || list.size() < 2) {
        return failure(error ? fmt::format("cannot read {}: {}", folder.string(), error.message())
                             : folder.string() + " has fewer than two kernels",
                       "it is to hold .deb packages, folders with unpacked ones, or kernel images");
    }
    return list;
}

/// Those that the mirror has, by version.
Result<std::vector<Candidate>> kernels_of_debian() {
    const auto folder = KernelPackageCache::default_folder();
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    auto archive = DebianArchive::open(*folder / "apt");
    if (!archive) {
        return tl::unexpected(archive.error());
    }
    auto versions = archive->versions();
    if (!versions) {
        return tl::unexpected(versions.error());
    }
    return kernels_named(*versions);
}

class BisectCommand {
public:
    BisectCommand(const Program& program, const CommonOptions& common, const BisectOptions& options)
        : program_{program}, common_{common}, options_{options} {}

    CommandResult run() {
        if (auto chosen = select_cases(program_.catalogue, common_.filters); !chosen) {
            return usage_error(chosen.error());
        }
        if (auto ready = prepare_folder(); !ready) {
            return usage_error(ready.error());
        }
        if (auto ready = prepare_search(); !ready) {
            return usage_error(ready.error());
        }
        if (auto target = check_target(); !target) {
            return usage_error(target.error());
        }
        auto log = BisectLog::open(folder_ / "log.jsonl", question_);
        if (!log) {
            return usage_error(log.error());
        }
        print_plan(*log);
        const InterruptWatch watch;
        auto finding = bisect({.search = *search_,
                               .log = *log,
                               .test = [this](const Candidate& one) { return test(one); },
                               .tell =
                                   [](const std::string& line) {
                                       fmt::print("{}\n", line);
                                       std::fflush(stdout);
                                   }});
        if (!finding) {
            if (InterruptWatch::interrupted()) {
                fmt::print(stderr, "vmrunit: interrupted; the same command goes on from {}\n",
                           (folder_ / "log.jsonl").string());
                return RunOutcome::interrupted;
            }
            return operation_error(finding.error());
        }
        return conclude(*finding);
    }

private:
    Result<void> prepare_folder() {
        // Where it is asked does not matter: paths are absolute.
        const auto absolute = [](const fs::path& path) {
            return path.empty() ? std::string{} : fs::absolute(path).lexically_normal().string();
        };
        const Json question = {
            {"cases", common_.filters},    {"good", options_.good},
            {"bad", options_.bad},         {"tree", absolute(options_.tree)},
            {"build", options_.build},     {"config", absolute(options_.config)},
            {"kernels", options_.kernels}, {"qemu", options_.qemu_list},
            {"target", common_.target},    {"payload", common_.payload.string()}};
        question_ = dumped(question);
        folder_ = options_.folder;
        if (folder_.empty()) {
            auto runs = default_runs_folder();
            if (!runs) {
                return tl::unexpected(runs.error());
            }
            const fs::path all = runs->parent_path() / "bisect";
            folder_ = all / digest(question_);
            // The first build of a kernel takes minutes: other questions about the tree go on from
            // its objects.
            build_folder_ =
                all / ("tree-" + digest(absolute(options_.tree) + '\n' + options_.build + '\n' +
                                        absolute(options_.config)));
        }
        std::error_code error;
        if (options_.restart) {
            fs::remove(folder_ / "log.jsonl", error);
        }
        fs::create_directories(folder_ / "steps", error);
        if (error) {
            return failure(fmt::format("cannot create {}: {}", folder_.string(), error.message()));
        }
        folder_ = fs::absolute(folder_);
        build_folder_ = build_folder_.empty() ? folder_ : fs::absolute(build_folder_);
        return {};
    }

    Result<void> prepare_search() {
        target_ = common_.target;
        if (!options_.tree.empty()) {
            return prepare_tree();
        }
        std::vector<Candidate> list;
        if (!options_.qemu_list.empty()) {
            target_ = target_.empty() ? "qemu" : target_;
            for (const std::string& program : options_.qemu_list) {
                list.push_back({program, program});
            }
        } else {
            target_ = target_.empty() ? "lab" : target_;
            auto found = kernels();
            if (!found) {
                return tl::unexpected(found.error());
            }
            list = std::move(*found);
        }
        auto search = ListSearch::create(std::move(list), options_.good, options_.bad);
        if (!search) {
            return tl::unexpected(search.error());
        }
        search_ = std::make_unique<ListSearch>(std::move(*search));
        return {};
    }

    [[nodiscard]] Result<std::vector<Candidate>> kernels() const {
        std::error_code ignored;
        if (options_.kernels.size() > 1) {
            return kernels_named(options_.kernels);
        }
        if (options_.kernels.front() == "debian") {
            return kernels_of_debian();
        }
        return kernels_in(options_.kernels.front());
    }

    Result<void> prepare_tree() {
        auto build = TreeBuild::open(build_folder_, {options_.build, options_.config});
        if (!build) {
            return tl::unexpected(build.error());
        }
        build_.emplace(std::move(*build));
        auto search = GitSearch::create(options_.tree, build_->tree(), options_.good, options_.bad);
        if (!search) {
            return tl::unexpected(search.error());
        }
        if (options_.build.empty()) {
            if (!search->has_path(search->bad_end().id, "arch/x86/kvm/svm")) {
                return failure(
                    options_.tree.string() + " is no tree of Linux",
                    "say with --build how it is built, and with --target what that makes");
            }
            target_ = with_subject(target_.empty() ? "lab" : target_, ",kernel={tree}");
        } else if (target_.empty()) {
            return failure("what --build makes is not said",
                           "--target with {tree} for the folder, such as "
                           "qemu@{tree}/build/qemu-system-x86_64");
        }
        auto made = std::make_unique<GitSearch>(std::move(*search));
        git_ = made.get();
        search_ = std::move(made);
        return {};
    }

    /// A mistake in the target's name is to be told before a kernel is built. What is searched may
    /// not be there yet, so a target is asked no more than that unless only versions differ.
    [[nodiscard]] Result<void> check_target() const {
        const Candidate end = search_->good_end();
        const bool kernels = git_ == nullptr && options_.qemu_list.empty();
        const bool by_version = kernels && end.id.find('/') == std::string::npos;
        std::string spec = target_;
        if (kernels) {
            spec = with_subject(spec, (by_version ? ":" : ",kernel=") + end.id);
        }
        replace_all(spec, "{tree}", git_ != nullptr ? git_->tree().string() : "");
        auto target = program_.targets.create(spec, common_.target_options);
        if (!target) {
            return tl::unexpected(target.error());
        }
        if (by_version) {
            if (const Availability available = (*target)->availability(); !available.available) {
                return failure(available.reason, available.cure);
            }
        }
        return {};
    }

    void print_plan(const BisectLog& log) const {
        fmt::print("bisect     {}\n", fmt::join(common_.filters, " "));
        fmt::print("good       {}\nbad        {}\n", search_->good_end().title,
                   search_->bad_end().title);
        fmt::print("plan       {}\n",
                   search_->candidates() == 0
                       ? "both ends, which are neighbours"
                       : fmt::format("both ends, then about {} of {} between them",
                                     search_->steps_left(), search_->candidates()));
        if (build_) {
            fmt::print("build      {}, log {}\n", build_->tree().string(),
                       build_->log().filename().string());
        }
        fmt::print("log        {}{}\n\n", (folder_ / "log.jsonl").string(),
                   log.size() == 0 ? "" : fmt::format("  ({} known)", log.size()));
        std::fflush(stdout);
    }

    /// What is put before `run` for a candidate, or why it cannot be tested. An error: stop.
    struct Prepared {
        std::string target;
        std::vector<std::string> more;
        std::string text;
        std::string skip;
    };

    Result<Prepared> prepare(const Candidate& candidate) {
        Prepared prepared{target_, {}, {}, {}};
        if (git_ != nullptr) {
            return prepare_commit(candidate, std::move(prepared));
        }
        if (!options_.qemu_list.empty()) {
            prepared.more = {"--qemu", candidate.id};
        } else if (candidate.id.find('/') == std::string::npos) {
            prepared.target = with_subject(target_, ":" + candidate.id);
        } else {
            std::string path = candidate.id;
            if (path.ends_with(".deb")) {
                path = (folder_ / "unpacked" / candidate.title).string();
                std::error_code ignored; // dpkg-deb says why it cannot write there.
                fs::create_directories(path, ignored);
                auto unpacked =
                    capture({"dpkg-deb", "-x", candidate.id, path}, std::chrono::minutes{10});
                if (!unpacked || !unpacked->status.succeeded()) {
                    TextTail said{4096};
                    said.append(unpacked ? unpacked->errors : unpacked.error().line());
                    prepared.skip = "cannot be unpacked: " + said.last_line();
                }
            }
            prepared.target = with_subject(target_, ",kernel=" + path);
        }
        return prepared;
    }

    Result<Prepared> prepare_commit(const Candidate& candidate, Prepared prepared) {
        if (auto out = git_->check_out(candidate.id); !out) {
            return tl::unexpected(out.error());
        }
        const BuildResult done = build_->build(*git_, candidate.id, InterruptWatch::interrupted);
        if (done.end == BuildEnd::no_space || done.end == BuildEnd::interrupted) {
            return failure(done.text, "make room and run the same command again");
        }
        if (done.end == BuildEnd::failed) {
            prepared.skip = done.text;
            return prepared;
        }
        prepared.text = done.text;
        replace_all(prepared.target, "{tree}", git_->tree().string());
        return prepared;
    }

    [[nodiscard]] fs::path results_of(const Candidate& candidate) const {
        return folder_ / "steps" / (digest(candidate.id) + ".json");
    }

    Result<StepResult> test(const Candidate& candidate) {
        auto prepared = prepare(candidate);
        if (!prepared) {
            return tl::unexpected(prepared.error());
        }
        if (!prepared->skip.empty()) {
            return StepResult{Answer::skip, prepared->skip};
        }
        CommonOptions common = common_;
        if (common.baseline.empty()) {
            common.baseline = "none";
        }
        if (git_ != nullptr) {
            std::string payload = common.payload.string();
            replace_all(payload, "{tree}", git_->tree().string());
            common.payload = payload;
        }
        ChildRun child{.filters = common.filters,
                       .target = prepared->target,
                       .more_arguments = shared_arguments(common, options_.case_seconds)};
        child.more_arguments.insert(
            child.more_arguments.end(),
            {"--exit-codes", "bisect", "--retries", std::to_string(options_.retries)});
        child.more_arguments.insert(child.more_arguments.end(), prepared->more.begin(),
                                    prepared->more.end());
        const std::string before = prepared->text.empty() ? "" : prepared->text + ", ";
        auto ran = run_in_child(child);
        if (!ran) {
            return InterruptWatch::interrupted()
                       ? Result<StepResult>{tl::unexpected(ran.error())}
                       : StepResult{Answer::skip, before + ran.error().what};
        }
        if (InterruptWatch::interrupted()) {
            return failure("interrupted");
        }
        if (auto trouble = write_whole_file(results_of(candidate), json_report(ran->record))) {
            return tl::unexpected(*trouble);
        }
        const VerdictCounts counts = ran->record.counts();
        std::string text = fmt::format(
            "{}{} passed, {} failed, {} skipped, {} errors{}", before, counts[Verdict::pass],
            counts[Verdict::fail], counts[Verdict::skip], counts[Verdict::error],
            counts.flaky != 0 ? fmt::format(", {} flaky", counts.flaky) : "");
        const auto& results = ran->record.results;
        const auto error = std::ranges::find(results, Verdict::error, &CaseResult::verdict);
        if (error != results.end()) {
            text += ": " + error->reason;
        }
        return StepResult{ran->exit_status == 0   ? Answer::good
                          : ran->exit_status == 1 ? Answer::bad
                                                  : Answer::skip,
                          text};
    }

    void print_side(const char* heading, const Candidate& candidate) const {
        const auto record = read_results(results_of(candidate));
        if (!record) {
            return;
        }
        fmt::print("\n{} {}\n", heading, candidate.title);
        std::size_t shown = 0;
        for (const CaseResult& result : record->results) {
            if (result.verdict == Verdict::fail && shown++ < 3) {
                fmt::print("{}", failure_block(result, subject_text(record->info), {}));
            }
        }
        if (shown > 3) {
            fmt::print("  ... and {} more, in {}\n", shown - 3, results_of(candidate).string());
        } else if (shown == 0) {
            fmt::print("  {} cases, none failed\n", record->results.size());
        }
    }

    /// How the first bad is tested again, by hand.
    void print_again(const Candidate& candidate) {
        std::string command;
        if (git_ != nullptr) {
            command = fmt::format("git -C {0} checkout {1} && cd {0} && {2} && ",
                                  git_->tree().string(), candidate.id.substr(0, 12),
                                  options_.build.empty() ? "make bzImage modules" : options_.build);
        }
        auto prepared = git_ != nullptr ? Prepared{target_, {}, {}, {}}
                                        : prepare(candidate).value_or(Prepared{});
        replace_all(prepared.target, "{tree}", git_ != nullptr ? git_->tree().string() : "");
        std::string payload = common_.payload.string();
        replace_all(payload, "{tree}", git_ != nullptr ? git_->tree().string() : "");
        command += fmt::format("vmrunit step {} --target {}", fmt::join(common_.filters, " "),
                               prepared.target);
        for (const std::string& word : prepared.more) {
            command += " " + word;
        }
        if (payload != program_.payload.string()) {
            command += " --payload " + payload;
        }
        fmt::print("again:     {}\n", command);
    }

    CommandResult conclude(const Finding& finding) {
        const bool one = finding.suspects.size() == 1;
        print_side("At the last good", finding.last_good);
        print_side("At the first bad", finding.suspects.back());
        if (git_ != nullptr && one) {
            auto shown = capture({"git", "-C", git_->tree().string(), "show", "--stat",
                                  "--format=fuller", finding.suspects.front().id},
                                 std::chrono::minutes{1});
            if (shown) {
                fmt::print("\n{}", shown->output);
            }
        }
        fmt::print("\n");
        if (!one) {
            fmt::print("The first bad is one of these, for all but the last were skipped:\n");
            for (const Candidate& suspect : finding.suspects) {
                fmt::print("  {}\n", suspect.title);
            }
            return RunOutcome::skipped;
        }
        fmt::print("First bad: {}\n", finding.suspects.front().title);
        print_again(finding.suspects.front());
        return RunOutcome::passed;
    }

    const Program& program_;
    const CommonOptions& common_;
    const BisectOptions& options_;
    fs::path folder_;
    fs::path build_folder_; ///< Clone and objects.
    std::string question_;
    std::string target_;
    std::unique_ptr<Search> search_;
    GitSearch* git_ = nullptr; ///< The search, where it is one over commits.
    std::optional<TreeBuild> build_;
};

} // namespace

CommandResult bisect_command(const Program& program, const CommonOptions& common,
                             const BisectOptions& options) {
    return BisectCommand{program, common, options}.run();
}

} // namespace vmrunit::runner
