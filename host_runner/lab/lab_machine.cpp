// SPDX-License-Identifier: GPL-2.0-only
// Following a VM in a lab kernel.
#include "host_runner/lab/lab_machine.hpp"

#include "host_runner/kvm_worker/worker_request.hpp"
#include "host_runner/lab/standstill.hpp"
#include "host_runner/targets/kvm_machine.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using worker::StatusKind;
using How = MachineEnd::How;

// A VM is up in some 50 ms under emulation; a worker that takes this much of the emulator's CPU
// time is stuck, whatever else the host has to do. Where nobody can say, so much of anybody's time.
constexpr milliseconds vm_start_limit{30'000};
constexpr milliseconds longest_vm_start{300'000};
// A worker that is told to stop a VM takes milliseconds. A kernel that nobody waits for has to go
// then.
constexpr milliseconds stop_limit{5'000};
constexpr milliseconds longest_vm_stop{300'000};
// What waits for more than one thing asks for each so often.
constexpr milliseconds tick{4};

} // namespace

Result<std::unique_ptr<LabMachine>> LabMachine::start(std::shared_ptr<LabKernel> kernel,
                                                      const BootRequest& request) {
    auto ring = request.ring_size != 0 ? kernel->open_ring(request.ring_size)
                                       : Result<std::optional<RingReader>>{std::nullopt};
    if (!ring) {
        return tl::unexpected(ring.error());
    }
    std::unique_ptr<LabMachine> machine{new LabMachine{std::move(kernel), std::move(*ring)}};
    const auto run = machine->kernel_->run_request(machine->number_, request.plan);
    if (auto error = machine->wait_until_started(run)) {
        return tl::unexpected(std::move(*error));
    }
    return machine;
}

LabMachine::LabMachine(std::shared_ptr<LabKernel> kernel, std::optional<RingReader> ring)
    : kernel_{std::move(kernel)}, ring_{std::move(ring)}, number_{kernel_->next_request()} {
    std::array<std::byte, 4096> old{};
    while (kernel_->read_output(old) != 0) { // of the VM before
    }
}

std::optional<Error> LabMachine::wait_until_started(std::span<const std::byte> request) {
    const auto deadline = Clock::now() + longest_vm_start;
    StandstillWatch watch{vm_start_limit};
    bool stands_still = false;
    while (!started_ && !over_ && !stands_still && Clock::now() < deadline) {
        request = request.subspan(kernel_->send(request));
        follow(tick);
        if (const auto use = use_of_process(kernel_->process_id())) {
            stands_still = watch.look(Clock::now(), *use, false).has_value();
        }
    }
    if (started_) {
        return std::nullopt;
    }
    if (!over_) {
        kernel_->kill(); // half a request may be on its way
        finish({How::lost, "the worker does not answer", {}});
    }
    return Error{"the lab kernel did not start the machine: " + end_.text, {}};
}

/// News of the VM and of the kernel it runs in.
void LabMachine::follow(milliseconds limit) {
    kernel_->wait(limit);
    std::optional<worker::StatusMessage> last_word;
    while (auto message = kernel_->next_status()) {
        if (message->request != number_) {
            continue;
        }
        started_ = started_ || message->kind == StatusKind::started;
        // A kernel that holds a VM has more to say than the worker; stop() waits for that.
        const bool is_stuck =
            message->kind == StatusKind::ended && message->how == worker::HowEnded::stuck;
        if (message->kind == StatusKind::refused ||
            (message->kind == StatusKind::ended && !is_stuck)) {
            last_word = std::move(message);
        }
    }
    if (over_) {
        return;
    }
    if (!kernel_->is_well()) {
        // Nothing that the guest says after this belongs to the case that was under way.
        collect();
        kernel_->settle();
        finish(*kernel_->fault());
        kernel_->kill();
    } else if (last_word) {
        collect();
        finish(conclude_worker(last_word, std::nullopt, {}));
    }
}

/// Takes all that is in the stream now.
void LabMachine::collect() {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(handed_out_));
    handed_out_ = 0;
    std::vector<std::byte> buffer(std::size_t{64} * 1024);
    constexpr int turns = 128; // 8 MiB: a guest that floods does not hold us
    for (int turn = 0; turn < turns; ++turn) {
        const auto count = take(buffer);
        if (count == 0) {
            break;
        }
        pending_.insert(pending_.end(), buffer.begin(),
                        buffer.begin() + static_cast<std::ptrdiff_t>(count));
    }
}

std::size_t LabMachine::take(std::span<std::byte> into) {
    if (ring_) {
        const auto count = ring_->take(into, Clock::now());
        if (count != 0 || ring_->formatted()) {
            return count;
        }
    }
    // A payload that cannot use its ring says so by the port.
    return kernel_->read_output(into);
}

ReadOutcome LabMachine::read(std::span<std::byte> into, milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
        if (handed_out_ != pending_.size()) {
            const auto count = std::min(into.size(), pending_.size() - handed_out_);
            std::copy_n(pending_.begin() + static_cast<std::ptrdiff_t>(handed_out_), count,
                        into.begin());
            handed_out_ += count;
            return {.bytes = count};
        }
        if (over_) {
            return {.ended = true};
        }
        // First the stream, then the log: what has been collected when the kernel complains ends
        // with the case that was under way.
        collect();
        follow(milliseconds{0});
        if (over_ || handed_out_ != pending_.size()) {
            continue;
        }
        const auto rest = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (rest.count() <= 0) {
            return {};
        }
        follow(std::min(rest, tick));
    }
}

void LabMachine::stop() {
    if (over_) {
        return;
    }
    auto request = worker::encode_request(
        {.kind = worker::RequestKind::stop, .number = kernel_->next_request()});
    std::span<const std::byte> rest{request};
    const auto begin = Clock::now();
    StandstillWatch watch{kernel_->stall_report_limit()};
    // A VM that came to its end by itself says so first.
    follow(milliseconds{0});
    while (!over_) {
        rest = rest.subspan(kernel_->send(rest));
        follow(tick);
        const auto now = Clock::now();
        if (over_) {
            break;
        }
        if (now - begin >= stop_limit && kernel_->is_given_up()) {
            kernel_->kill();
            finish({How::lost, "interrupted as it was to end", {}});
            break;
        }
        // A kernel that is stuck in a VM says so when its watchdogs notice.
        const auto use = use_of_process(kernel_->process_id());
        const bool stands_still = use && watch.look(now, *use, false).has_value();
        if (stands_still || now - begin >= longest_vm_stop) {
            auto last_words = kernel_->last_words();
            kernel_->kill();
            finish({How::kernel_died, "it does not end its VM", std::move(last_words)});
        }
    }
}

void LabMachine::finish(MachineEnd end) {
    end_ = std::move(end);
    over_ = true;
}

} // namespace vmrunit::runner
