// SPDX-License-Identifier: GPL-2.0-only
// Starting a worker, listening to it, and ending it. The plan is a file without a name.
#include "host_runner/targets/kvm_machine.hpp"

#include "host_runner/files/memory_file.hpp"

#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using worker::HowEnded;
using worker::StatusKind;
using Clock = std::chrono::steady_clock;
using How = MachineEnd::How;

// A VM is up in a few milliseconds; a worker that takes this long is stuck.
constexpr milliseconds worker_start_limit{20'000};
// A worker that is asked to end collects the registers of its vCPUs first.
constexpr milliseconds polite_end{1'500};
constexpr int record_capacity = 256 * 1024;

How meaning_of(HowEnded how) {
    switch (how) {
    case HowEnded::finished:
    case HowEnded::stopped:
        return How::finished;
    case HowEnded::halted:
    case HowEnded::hung:
    case HowEnded::stuck:
        return How::hung;
    case HowEnded::shutdown:
    case HowEnded::system_event:
        return How::triple_fault;
    case HowEnded::internal_error:
    case HowEnded::failed_entry:
    case HowEnded::unexpected_exit:
    case HowEnded::run_failed:
        return How::internal_error;
    case HowEnded::stream_lost:
        return How::lost;
    case HowEnded::not_started:
    case HowEnded::process_died:
        return How::emulator_died;
    }
    return How::lost;
}

std::vector<std::string> command_line(const KvmConfiguration& configuration,
                                      const BootRequest& request) {
    std::vector<std::string> arguments{configuration.worker, "--image", request.image, "--memory",
                                       std::to_string(configuration.memory_mebibytes), "--cpus",
                                       std::to_string(configuration.cpus), "--ring",
                                       std::to_string(request.ring_address) + "+" +
                                           std::to_string(request.ring_size),
                                       // When to give up is the session's to decide.
                                       "--boot-limit", "0"};
    for (const auto& feature : configuration.hidden_features) {
        arguments.insert(arguments.end(), {"--hide-feature", feature});
    }
    return arguments;
}

} // namespace

Result<std::unique_ptr<KvmMachine>> KvmMachine::start(const KvmConfiguration& configuration,
                                                      const BootRequest& request) {
    auto records = open_pipe_to_read(record_capacity);
    auto status = open_pipe_to_read();
    auto errors = open_pipe_to_read();
    for (const auto* pair : {&records, &status, &errors}) {
        if (!*pair) {
            return tl::unexpected(pair->error());
        }
    }
    const auto plan = MemoryFile::with_content("vmrunit-plan", request.plan);
    if (!plan) {
        return tl::unexpected(plan.error());
    }
    Command command;
    command.arguments = command_line(configuration, request);
    command.output = records->theirs.number();
    command.errors = errors->theirs.number();
    command.arguments.insert(
        command.arguments.end(),
        {"--status", "fd:" + std::to_string(command.hand_over(status->theirs.number()))});
    if (!request.plan.empty()) {
        command.arguments.insert(
            command.arguments.end(),
            {"--plan", path_of_own_descriptor(command.hand_over(plan->descriptor()))});
    }
    auto process = Process::start(command);
    if (!process) {
        return tl::unexpected(process.error());
    }
    for (auto* pair : {&records, &status, &errors}) {
        (*pair)->theirs.reset(); // so that the end of the worker is the end of its lines
    }
    std::unique_ptr<KvmMachine> machine{new KvmMachine{
        std::move(*process),
        {std::move(records->ours), std::move(status->ours), std::move(errors->ours)}}};
    if (auto error = machine->wait_until_started()) {
        return tl::unexpected(std::move(*error));
    }
    return machine;
}

KvmMachine::KvmMachine(Process process, Lines lines)
    : process_{std::move(process)}, lines_{std::move(lines)} {}

std::optional<Error> KvmMachine::wait_until_started() {
    const auto deadline = Clock::now() + worker_start_limit;
    while (!started_ && !over_ && !last_word_ && Clock::now() < deadline) {
        wait_for_news(std::chrono::ceil<milliseconds>(deadline - Clock::now()));
    }
    const bool could_not = last_word_ && (last_word_->kind == StatusKind::refused ||
                                          (last_word_->kind == StatusKind::ended && !started_));
    if (started_ && !could_not) {
        return std::nullopt;
    }
    finish(process_.wait_for(milliseconds{0}));
    return Error{"kvm-worker did not start the machine: " + end_.text, {}};
}

ReadOutcome KvmMachine::read(std::span<std::byte> into, milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
        const bool was_over = over_; // what is read after this is all there will be
        ssize_t count = 0;
        while (lines_.records.is_open() && !into.empty()) {
            count = ::read(lines_.records.number(), into.data(), into.size());
            if (count >= 0 || errno != EINTR) {
                break;
            }
        }
        if (count > 0) {
            return {.bytes = static_cast<std::size_t>(count)};
        }
        if (count == 0 && !into.empty()) {
            lines_.records.reset();
        }
        if (was_over) {
            return {.ended = true};
        }
        const auto rest = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (rest.count() <= 0) {
            return {};
        }
        wait_for_news(rest);
    }
}

void KvmMachine::wait_for_news(milliseconds limit) {
    std::array<pollfd, 4> sources{{{lines_.records.number(), POLLIN, 0},
                                   {lines_.status.number(), POLLIN, 0},
                                   {lines_.errors.number(), POLLIN, 0},
                                   {process_.descriptor(), POLLIN, 0}}};
    if ((sources[0].revents & POLLHUP) != 0) {
        sources[0].fd = -1;
    }
    if (over_ || ::poll(sources.data(), sources.size(), static_cast<int>(limit.count())) <= 0) {
        return;
    }
    read_side_lines();
    if (sources[3].revents != 0) {
        finish(process_.wait_for(milliseconds{0}));
    }
}

void KvmMachine::read_side_lines() {
    if (lines_.errors.is_open() && errors_.read_from(lines_.errors.number()) == Arrival::end) {
        lines_.errors.reset();
    }
    std::array<char, 4096> buffer{};
    ssize_t count = 0;
    while (lines_.status.is_open() &&
           (count = ::read(lines_.status.number(), buffer.data(), buffer.size())) != 0) {
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            break;
        }
        status_text_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    if (count == 0) {
        lines_.status.reset();
    }
    for (std::size_t end = 0; (end = status_text_.find('\n')) != std::string::npos;) {
        if (auto message = worker::parse_status(status_text_.substr(0, end))) {
            if (message->kind == StatusKind::started) {
                started_ = true;
            } else if (message->kind != StatusKind::ready) {
                last_word_ = std::move(message);
            }
        }
        status_text_.erase(0, end + 1);
    }
}

void KvmMachine::stop() {
    if (!over_) {
        // It may wait for its records to be read, which nobody does any more.
        lines_.records.reset();
        finish(process_.terminate(polite_end));
    }
}

void KvmMachine::finish(std::optional<ProcessStatus> status) {
    if (over_) {
        return;
    }
    process_.kill();
    read_side_lines();
    end_ = conclude_worker(last_word_, status, errors_.last_line());
    over_ = true;
}

MachineEnd conclude_worker(const std::optional<worker::StatusMessage>& last_word,
                           std::optional<ProcessStatus> status,
                           const std::string& last_error_line) {
    if (last_word && last_word->kind == StatusKind::ended) {
        return {meaning_of(last_word->how), last_word->detail};
    }
    if (last_word) {
        return {How::emulator_died, last_word->detail};
    }
    const auto and_error = last_error_line.empty() ? "" : ": " + last_error_line;
    return {How::emulator_died,
            "kvm-worker: " + (status ? describe(*status) : std::string{"it does not answer"}) +
                and_error};
}

} // namespace vmrunit::runner
