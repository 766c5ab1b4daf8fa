// SPDX-License-Identifier: GPL-2.0-only
// See bisect_log.hpp.
#include "host_runner/bisect/bisect_log.hpp"
#include "host_runner/report/json_values.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sys/file.h>
#include <unistd.h>

namespace vmrunit::runner {

Result<BisectLog> BisectLog::open(const std::filesystem::path& path, const std::string& question) {
    FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
    if (!file.is_open()) {
        return failure(fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
    }
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
        return failure(path.string() + " is in use: this bisection is going on already",
                       "wait for it, or name another --folder");
    }
    std::ifstream text{path};
    std::string line;
    std::size_t whole = 0; // Bytes of lines that are complete: a crash may have cut the last one.
    BisectLog log{path, std::move(file)};
    for (unsigned number = 1; std::getline(text, line) && !text.eof(); ++number) {
        if (number == 1) {
            if (line != question) {
                return failure(path.string() + " is the log of another bisection",
                               "--restart forgets it, --folder keeps this one elsewhere");
            }
        } else {
            const Json json = Json::parse(line, nullptr, false);
            const bool known = json.is_object() && json.contains("id") && json.contains("answer");
            const auto answer =
                known ? answer_from(json.value("answer", std::string{})) : std::nullopt;
            if (!answer) {
                return failure(
                    fmt::format("{}:{}: not a line of a bisection", path.string(), number),
                    "--restart forgets it");
            }
            log.entries_[json.value("id", std::string{})] = {*answer,
                                                             json.value("why", std::string{})};
        }
        whole += line.size() + 1;
    }
    if (::ftruncate(log.file_.number(), static_cast<off_t>(whole)) != 0) {
        return failure(fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
    }
    if (whole == 0) {
        if (auto written = log.append(question); !written) {
            return tl::unexpected(written.error());
        }
    }
    return log;
}

const BisectLog::Entry* BisectLog::find(const std::string& id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second;
}

Result<void> BisectLog::append(const std::string& line) {
    const std::string text = line + "\n";
    const ssize_t written = ::write(file_.number(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size()) || ::fdatasync(file_.number()) != 0) {
        return failure(fmt::format("cannot write {}: {}", path_.string(), std::strerror(errno)),
                       "make room and run the same command again: what is known so far is kept");
    }
    return {};
}

Result<void> BisectLog::add(const std::string& id, Entry entry) {
    Json json = {{"id", id}, {"answer", to_string(entry.answer)}};
    if (!entry.why.empty()) {
        json["why"] = entry.why;
    }
    auto written = append(dumped(json));
    entries_[id] = std::move(entry);
    return written;
}

} // namespace vmrunit::runner
