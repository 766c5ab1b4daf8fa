// SPDX-License-Identifier: GPL-2.0-only
// See git_search.hpp. `git bisect --no-checkout` keeps the commit to test in BISECT_HEAD; files are
// checked out by check_out alone, so that an end and a step go the same way.
#include "host_runner/bisect/git_search.hpp"

#include "host_runner/process/capture.hpp"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <sstream>

namespace vmrunit::runner {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto git_limit = 600s; // A first checkout of a kernel tree from a slow disk.
/// Commits that may be the first bad one, the oldest first.
const std::vector<std::string> not_yet_good{"rev-list",     "--reverse",
                                            "--topo-order", "refs/bisect/bad",
                                            "--not",        "--glob=refs/bisect/good-*"};
constexpr std::size_t git_bound = 64 * 1024 * 1024;

std::string last_line(const std::string& text) {
    const auto end = text.find_last_not_of(" \n");
    if (end == std::string::npos) {
        return {};
    }
    const auto start = text.rfind('\n', end);
    return text.substr(start == std::string::npos ? 0 : start + 1,
                       end - (start == std::string::npos ? std::size_t(-1) : start));
}

/// Runs git in a folder; its output, without the newline at the end.
Result<std::string> run_git(const fs::path& where, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"git", "-C", where.string()});
    auto captured = capture(arguments, git_limit, git_bound);
    if (!captured) {
        return tl::unexpected(captured.error());
    }
    if (!captured->status.succeeded()) {
        const std::string said = last_line(captured->errors);
        return failure(fmt::format("git {}: {}", arguments[3],
                                   said.empty() ? describe(captured->status) : said));
    }
    std::string output = std::move(captured->output);
    output.erase(output.find_last_not_of('\n') + 1);
    return output;
}

} // namespace

Result<std::string> GitSearch::git(std::vector<std::string> arguments) const {
    return run_git(tree_, std::move(arguments));
}

Result<std::vector<std::string>> GitSearch::lines(std::vector<std::string> arguments) const {
    auto output = git(std::move(arguments));
    if (!output) {
        return tl::unexpected(output.error());
    }
    std::vector<std::string> lines;
    std::istringstream stream{*output};
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(std::move(line));
    }
    return lines;
}

Result<Candidate> GitSearch::look_up(const std::string& commit) const {
    auto shown = git({"show", "-s", "--format=%H %h %s", commit + "^{commit}"});
    if (!shown) {
        return tl::unexpected(shown.error());
    }
    const auto space = shown->find(' ');
    return Candidate{shown->substr(0, space), shown->substr(space + 1)};
}

Result<GitSearch> GitSearch::create(const fs::path& repository, const fs::path& folder,
                                    const std::string& good, const std::string& bad) {
    if (!run_git(repository, {"rev-parse", "--git-dir"})) {
        return failure(repository.string() + " is no git repository", "--tree DIR names one");
    }
    // Names are looked up where the user means them; the clone has other branches.
    std::vector<std::string> ends;
    for (const std::string& name : {good, bad}) {
        auto commit = run_git(repository, {"rev-parse", "--verify", "--quiet", "--end-of-options",
                                           name + "^{commit}"});
        if (!commit) {
            return failure(fmt::format("'{}' is no commit of {}", name, repository.string()),
                           "git log shows which there are; a shallow clone lacks the older ones");
        }
        ends.push_back(std::move(*commit));
    }
    std::error_code ignored;
    if (!fs::exists(folder / ".git", ignored)) {
        const std::string source = fs::absolute(repository).string();
        const auto cloned = run_git(repository, {"clone", "--quiet", "--shared", "--no-checkout",
                                                 "--", source, folder.string()});
        if (!cloned) {
            fs::remove_all(folder, ignored);
            return tl::unexpected(cloned.error());
        }
    }
    GitSearch search{folder};
    for (Candidate* end : {&search.good_, &search.bad_}) {
        auto found = search.look_up(end == &search.good_ ? ends[0] : ends[1]);
        if (!found) {
            return tl::unexpected(found.error());
        }
        *end = std::move(*found);
    }
    if (search.good_.id == search.bad_.id) {
        return failure("the good and the bad commit are the same, " + search.good_.title,
                       "give one that passes and one that fails");
    }
    if (!search.git({"merge-base", "--is-ancestor", search.good_.id, search.bad_.id})) {
        return failure(fmt::format("{} is no ancestor of {}", good, bad),
                       "give a good commit that the bad one is built upon, such as git merge-base "
                       "of the two");
    }
    const auto count = search.git({"rev-list", "--count", search.good_.id + ".." + search.bad_.id});
    if (!count) {
        return tl::unexpected(count.error());
    }
    search.between_ = std::stoul(*count) - 1;
    return search;
}

Result<void> GitSearch::begin() {
    static_cast<void>(git({"bisect", "reset"})); // Of a search that was interrupted.
    auto started = git({"bisect", "start", "--no-checkout", bad_.id, good_.id});
    begun_ = started.has_value();
    return begun_ ? Result<void>{} : tl::unexpected(started.error());
}

Result<std::optional<Candidate>> GitSearch::next() {
    // What is neither known good, nor known bad, nor skipped.
    auto open =
        lines({"for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/bisect"});
    if (!open) {
        return tl::unexpected(open.error());
    }
    auto suspects = lines(not_yet_good);
    if (!suspects) {
        return tl::unexpected(suspects.error());
    }
    for (const std::string& line : *open) {
        if (line.starts_with("skip-") || line.starts_with("bad ")) {
            std::erase(*suspects, line.substr(line.find(' ') + 1));
        }
    }
    if (suspects->empty()) {
        return std::optional<Candidate>{};
    }
    auto middle = git({"rev-parse", "BISECT_HEAD"});
    if (!middle) {
        return tl::unexpected(middle.error());
    }
    auto found = look_up(*middle);
    if (!found) {
        return tl::unexpected(found.error());
    }
    return std::optional{std::move(*found)};
}

Result<void> GitSearch::tell(const Candidate& candidate, Answer answer) {
    auto told = git({"bisect", std::string{to_string(answer)}, candidate.id});
    if (!told && answer != Answer::skip) {
        return tl::unexpected(told.error());
    }
    return {}; // Of a skip git says by its status that only skipped ones are left.
}

std::size_t GitSearch::steps_left() const {
    // Until it has begun the refs are those of another search in the same clone.
    const auto variables = begun_
                               ? lines({"rev-list", "--bisect-vars", "refs/bisect/bad", "--not",
                                        "--glob=refs/bisect/good-*"})
                               : lines({"rev-list", "--bisect-vars", bad_.id, "--not", good_.id});
    for (const std::string& line : variables ? *variables : std::vector<std::string>{}) {
        constexpr std::string_view steps = "bisect_steps=";
        if (line.starts_with(steps)) {
            return std::stoul(line.substr(steps.size())) + 1;
        }
    }
    return static_cast<std::size_t>(std::bit_width(between_));
}

Result<Finding> GitSearch::finding() {
    auto suspects = lines(not_yet_good);
    if (!suspects) {
        return tl::unexpected(suspects.error());
    }
    Finding finding;
    for (const std::string& id : *suspects) {
        auto found = look_up(id);
        if (!found) {
            return tl::unexpected(found.error());
        }
        finding.suspects.push_back(std::move(*found));
    }
    auto parent =
        finding.suspects.empty() ? look_up(good_.id) : look_up(finding.suspects.front().id + "~1");
    finding.last_good = parent ? std::move(*parent) : good_;
    return finding;
}

Result<void> GitSearch::check_out(const std::string& commit) const {
    // Untracked files, which are what was built, stay; what a build changed of tracked ones goes.
    auto done = git({"checkout", "--quiet", "--force", "--detach", commit});
    return done ? Result<void>{} : tl::unexpected(done.error());
}

bool GitSearch::has_path(const std::string& commit, const std::string& path) const {
    return git({"cat-file", "-e", commit + ":" + path}).has_value();
}

Result<std::vector<std::string>> GitSearch::changed_paths(const std::string& from,
                                                          const std::string& to) const {
    return lines({"diff", "--name-only", from, to});
}

} // namespace vmrunit::runner
