// SPDX-License-Identifier: GPL-2.0-only
// Serving requests.
#include "host_runner/kvm_worker/worker.hpp"

#include "host_runner/files/file_descriptor.hpp"
#include "host_runner/kvm_worker/window.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/utsname.h>

namespace vmrunit::worker {

namespace {

// How often a ring with requests is looked into, which nobody rings for.
constexpr int request_tick = 4; // ms

volatile std::sig_atomic_t told_to_end = 0;

void note_end(int /*signal*/) {
    told_to_end = 1;
}

void listen_to_signals() {
    struct sigaction action {};
    action.sa_handler = note_end;
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
}

/// The library would say it too, but in its own words.
std::string why_no_kvm() {
    const runner::FileDescriptor kvm{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
    return kvm.is_open() ? std::string{} : runner::with_errno("/dev/kvm", errno);
}

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "unknown";
}

} // namespace

runner::Result<Worker> Worker::create(const WorkerOptions& options) {
    auto payload = PayloadFile::read(options.image);
    if (!payload) {
        return tl::unexpected(payload.error());
    }
    Worker worker{options, std::move(*payload)};
    if (!options.plan.empty()) {
        auto plan = read_file(options.plan);
        if (!plan) {
            return tl::unexpected(plan.error());
        }
        worker.plan_ = std::move(*plan);
    }
    auto output = open_output(options.output);
    auto status = open_output(options.status);
    if (!output || !status) {
        return tl::unexpected(output ? status.error() : output.error());
    }
    worker.output_ = std::move(*output);
    worker.status_ = std::move(*status);
    if (!options.ring_window.empty()) {
        auto window = open_ring_window(options.ring_window);
        if (!window) {
            return tl::unexpected(window.error());
        }
        worker.ring_window_ = std::move(*window);
    }
    if (options.serve) {
        auto requests = open_input(options.requests);
        if (!requests) {
            return tl::unexpected(requests.error());
        }
        worker.requests_ = std::move(*requests);
    }
    listen_to_signals();
    return worker;
}

int Worker::run_once() {
    return run(plan_, 0) == HowEnded::finished ? 0 : 1;
}

int Worker::serve() {
    report({.kind = StatusKind::ready, .detail = "Linux " + kernel_release()});
    while (told_to_end == 0) {
        if (!waiting_.empty()) {
            const Request request = std::move(waiting_.front());
            waiting_.pop_front();
            carry_out(request);
        } else if (leaving_) {
            break;
        } else {
            wait_for_requests();
        }
    }
    return all_finished_ ? 0 : 1;
}

void Worker::carry_out(const Request& request) {
    const auto number = request.header.number;
    if (request.header.kind == RequestKind::run) {
        static_cast<void>(run(request.plan, number));
    } else if (const auto part = plan_part(plan_, request.header.first, request.header.count)) {
        static_cast<void>(run(*part, number));
    } else {
        report({.kind = StatusKind::refused,
                .request = number,
                .detail = "there is no good plan by --plan to take a part of"});
    }
}

HowEnded Worker::run(std::span<const std::byte> plan, std::uint32_t request) {
    VmVerdict verdict{HowEnded::not_started, why_no_kvm(), 0};
    if (verdict.detail.empty()) {
        const std::uint64_t memory_size = std::uint64_t{options_.memory_mebibytes} << 20;
        const auto window = ring_window_.bytes();
        auto memory = BootMemory::build(payload_, plan, memory_size,
                                        options_.ring.value_or(ring_of_plan(plan)), window);
        if (!memory) {
            report(
                {.kind = StatusKind::refused, .request = request, .detail = memory.error().line()});
            all_finished_ = false;
            return HowEnded::not_started;
        }
        const bool read_by_others = !window.empty() && !memory->ring().empty();
        const StopRequest stop{[this] { return hear(); },
                               [this] { return requests_ ? requests_->descriptor() : -1; }};
        if (read_by_others) { // before the reader outside hears that there is a new stream
            auto& header = *reinterpret_cast<wire::RingHeader*>(memory->ring().data());
            wire::detail::store_release(header.magic, 0);
        }
        report({.kind = StatusKind::started, .request = request});
        verdict = run_vm(options_.vm, *memory, read_by_others, options_.limits, *output_, stop);
    }
    all_finished_ = all_finished_ && verdict.how == HowEnded::finished;
    report({.kind = StatusKind::ended,
            .request = request,
            .how = verdict.how,
            .stream = verdict.stream,
            .detail = verdict.detail});
    return verdict.how;
}

/// A line is worth waiting for: there are few of them.
void Worker::report(const StatusMessage& message) {
    const auto line = format_status(message);
    auto rest = std::as_bytes(std::span{line});
    for (int attempt = 0; attempt < 1000 && !rest.empty() && !status_->closed(); ++attempt) {
        rest = rest.subspan(status_->write(rest));
        if (!rest.empty()) {
            pollfd room{status_->descriptor(), POLLOUT, 0};
            ::poll(&room, 1, request_tick);
        }
    }
}

bool Worker::hear() {
    if (told_to_end != 0) {
        return true;
    }
    if (requests_ == nullptr) {
        return false;
    }
    std::array<std::byte, 64 * 1024> buffer{};
    for (std::size_t count = 0; (count = requests_->read(buffer)) != 0;) {
        reader_.feed(std::span{buffer}.first(count));
    }
    bool stop = false;
    while (auto request = reader_.next()) {
        switch (request->header.kind) {
        case RequestKind::run:
        case RequestKind::run_part:
            waiting_.push_back(std::move(*request));
            break;
        case RequestKind::stop:
            stop = true;
            break;
        case RequestKind::leave:
            leaving_ = true;
            stop = true;
            break;
        }
    }
    if (requests_->ended()) {
        leaving_ = true;
    }
    return stop;
}

void Worker::wait_for_requests() {
    pollfd there{requests_->descriptor(), POLLIN, 0};
    const bool has_descriptor = there.fd >= 0;
    ::poll(&there, 1, has_descriptor ? -1 : request_tick);
    static_cast<void>(hear());
}

} // namespace vmrunit::worker
