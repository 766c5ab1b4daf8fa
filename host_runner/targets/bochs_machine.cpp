// SPDX-License-Identifier: GPL-2.0-only
// Starting Bochs, listening to it, and ending it.
//
// Bochs writes port 0xE9 to its standard output byte by byte, and logs to a pipe of its own. It
// locks its disk by a file beside it: hence a folder, of which nothing stays.
#include "host_runner/targets/bochs_machine.hpp"

#include "host_runner/files/memory_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Bochs builds its machine in 100 ms; what takes this long is stuck.
constexpr milliseconds bochs_start_limit{20'000};
constexpr int output_capacity = 256 * 1024;
// More than the words count_resets() looks for have letters.
constexpr std::size_t longest_word = 32;

Result<BochsFiles> write_files(const TemporaryFolder& folder,
                               const BochsConfiguration& configuration, const BootLoader& loader,
                               const std::vector<BootFile>& boot_files, int log) {
    const auto& path = folder.path();
    const BochsFiles files{path / "configuration", path / "commands", path / "disk",
                           path_of_own_descriptor(log)};
    const auto disk = boot_disk(loader, boot_files);
    if (!disk) {
        return tl::unexpected(disk.error());
    }
    const auto text = bochs_configuration_text(configuration, files);
    const auto commands = bochs_debugger_commands();
    auto written = write_whole_file(files.disk, *disk);
    if (written) {
        written = write_whole_file(files.configuration, std::as_bytes(std::span{text}));
    }
    if (written) {
        written = write_whole_file(files.debugger_commands, std::as_bytes(std::span{commands}));
    }
    if (!written) {
        return tl::unexpected(written.error());
    }
    return files;
}

} // namespace

Result<std::unique_ptr<BochsMachine>> BochsMachine::start(const BochsConfiguration& configuration,
                                                          const BootLoader& loader,
                                                          const BootRequest& request) {
    if (request.ring_size != 0) {
        return failure("Bochs shares no memory: records travel by port 0xE9");
    }
    const auto payload = read_whole_file(request.image);
    if (!payload) {
        return tl::unexpected(payload.error());
    }
    std::vector<BootFile> boot_files{{"payload", *payload}};
    if (!request.plan.empty()) {
        boot_files.push_back({"plan", request.plan});
    }
    return start(configuration, loader, boot_files);
}

Result<std::unique_ptr<BochsMachine>> BochsMachine::start(BochsConfiguration configuration,
                                                          const BootLoader& loader,
                                                          const std::vector<BootFile>& boot_files,
                                                          const std::vector<BochsHandOver>& more) {
    auto output = open_pipe_to_read(output_capacity);
    auto errors = open_pipe_to_read();
    auto log = open_pipe_to_read();
    for (const auto* pair : {&output, &errors, &log}) {
        if (!*pair) {
            return tl::unexpected(pair->error());
        }
    }
    auto folder = TemporaryFolder::create();
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    Command command;
    command.output = output->theirs.number();
    command.errors = errors->theirs.number();
    const int log_number = command.hand_over(log->theirs.number());
    for (const auto& one : more) {
        const int number = command.hand_over(one.descriptor);
        configuration.devices += one.line(path_of_own_descriptor(number));
    }
    const auto files = write_files(*folder, configuration, loader, boot_files, log_number);
    if (!files) {
        return tl::unexpected(files.error());
    }
    command.arguments = bochs_command_line(configuration, *files);
    auto process = Process::start(command);
    if (!process) {
        return tl::unexpected(process.error());
    }
    for (auto* pair : {&output, &errors, &log}) {
        (*pair)->theirs.reset(); // so that the end of Bochs is the end of its lines
    }
    std::unique_ptr<BochsMachine> machine{
        new BochsMachine{std::move(*folder),
                         std::move(*process),
                         {std::move(output->ours), std::move(errors->ours), std::move(log->ours)}}};
    if (auto error = machine->wait_until_started()) {
        return tl::unexpected(std::move(*error));
    }
    return machine;
}

BochsMachine::BochsMachine(TemporaryFolder folder, Process process, Lines lines)
    : folder_{std::move(folder)}, process_{std::move(process)}, lines_{std::move(lines)} {}

std::optional<Error> BochsMachine::wait_until_started() {
    const auto deadline = Clock::now() + bochs_start_limit;
    // Being switched on is the first reset.
    while (resets_ == 0 && !over_ && Clock::now() < deadline) {
        wait_for_news(std::chrono::ceil<milliseconds>(deadline - Clock::now()));
    }
    if (resets_ != 0) {
        return std::nullopt;
    }
    const bool in_time = over_;
    finish();
    return Error{"Bochs did not start the machine: " +
                     (in_time
                          ? end_.text
                          : "nothing after " + std::to_string(bochs_start_limit.count()) + " ms"),
                 "apt install bochs bochs-term bochsbios vgabios"};
}

ReadOutcome BochsMachine::read(std::span<std::byte> into, milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
        const bool was_over = over_; // what is read after this is all there will be
        if (const auto count = take(into); count != 0) {
            return {.bytes = count};
        }
        if (was_over && !lines_.output.is_open()) {
            return {.ended = true};
        }
        const auto rest = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (rest.count() <= 0) {
            return {};
        }
        wait_for_news(rest);
    }
}

std::size_t BochsMachine::take(std::span<std::byte> into) {
    if (taken_ == pending_.size()) {
        read_output();
    }
    const auto rest = std::span{pending_}.subspan(taken_);
    const auto count = std::min(rest.size(), into.size());
    std::ranges::copy(rest.first(count), into.begin());
    taken_ += count;
    return count;
}

void BochsMachine::read_output() {
    pending_.clear();
    taken_ = 0;
    std::array<std::byte, 16 * 1024> buffer{};
    while (lines_.output.is_open() && pending_.empty()) {
        const ssize_t count = ::read(lines_.output.number(), buffer.data(), buffer.size());
        if (count > 0) {
            output_.add(std::span{buffer}.first(static_cast<std::size_t>(count)), pending_);
        } else if (count < 0 && errno == EINTR) {
            continue;
        } else if (count < 0 && errno == EAGAIN) {
            break;
        } else {
            lines_.output.reset();
            output_.finish(pending_);
        }
    }
    // A process that outlives Bochs could hold the line open: nothing more of it is ours.
    if (over_ && pending_.empty()) {
        lines_.output.reset();
    }
}

void BochsMachine::wait_for_news(milliseconds limit, std::span<const int> others) {
    if (over_) {
        return;
    }
    // poll() ignores the lines that have ended: their descriptor is -1.
    std::vector<pollfd> sources{{lines_.output.number(), POLLIN, 0},
                                {lines_.errors.number(), POLLIN, 0},
                                {lines_.log.number(), POLLIN, 0},
                                {process_.descriptor(), POLLIN, 0}};
    for (const int other : others) {
        sources.push_back({other, POLLIN, 0});
    }
    if (::poll(sources.data(), sources.size(), static_cast<int>(limit.count())) <= 0) {
        return;
    }
    read_side_lines();
    if (resets_ > 1) {
        evidence_.reset = true;
        finish();
    } else if (sources[3].revents != 0) {
        evidence_.exit_status = process_.wait_for(milliseconds{0});
        finish();
    }
}

void BochsMachine::read_side_lines() {
    if (lines_.errors.is_open() && errors_.read_from(lines_.errors.number()) == Arrival::end) {
        lines_.errors.reset();
    }
    read_log();
}

void BochsMachine::read_log() {
    std::array<char, 4096> buffer{};
    // A guest can make Bochs log without end; so many turns empty a full pipe.
    for (int turn = 0; turn < 32 && lines_.log.is_open(); ++turn) {
        const ssize_t count = ::read(lines_.log.number(), buffer.data(), buffer.size());
        if (count > 0) {
            const std::string_view text{buffer.data(), static_cast<std::size_t>(count)};
            log_.append(text);
            log_end_.append(text);
            // What may be the beginning of a word is looked at with what follows.
            const auto line = log_end_.rfind('\n');
            const auto complete = line == std::string::npos ? std::size_t{0} : line + 1;
            resets_ += count_resets(std::string_view{log_end_}.substr(0, complete));
            log_end_.erase(0, complete);
            if (log_end_.size() > TextTail::usual_bound) {
                log_end_.erase(0, log_end_.size() - longest_word);
            }
        } else if (count < 0 && errno == EINTR) {
            continue;
        } else {
            if (count == 0 || errno != EAGAIN) {
                lines_.log.reset();
            }
            break;
        }
    }
}

void BochsMachine::stop() {
    finish();
}

void BochsMachine::finish() {
    if (over_) {
        return;
    }
    process_.kill();
    read_side_lines();
    evidence_.errors = errors_.text();
    evidence_.log = log_.text();
    end_ = conclude(evidence_);
    folder_.reset();
    over_ = true;
}

} // namespace vmrunit::runner
