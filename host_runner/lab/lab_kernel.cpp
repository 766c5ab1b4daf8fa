// SPDX-License-Identifier: GPL-2.0-only
// Booting a lab kernel and listening to it.
#include "host_runner/lab/lab_kernel.hpp"

#include "host_runner/kvm_worker/worker_request.hpp"
#include "host_runner/lab/lab_image.hpp"
#include "host_runner/lab/lab_words.hpp"
#include "host_runner/lab/standstill.hpp"
#include "host_runner/process/text_tail.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using How = MachineEnd::How;

// A report of 40 lines takes a few milliseconds; a kernel that says nothing for so long has ended
// it.
constexpr milliseconds silence_after_complaint{300};
constexpr milliseconds longest_complaint{3'000};
// How often it is asked whether a boot is still wanted.
constexpr milliseconds boot_slice{100};

} // namespace

Result<std::shared_ptr<LabKernel>> LabKernel::boot(LabEmulator& emulator,
                                                   const LabConfiguration& configuration,
                                                   const std::filesystem::path& payload,
                                                   std::span<const std::byte> plan) {
    const auto longest_request = emulator.worker_lines().longest_request;
    if (plan.size() <= longest_request) {
        plan = {};
    }
    const auto image = build_lab_image(configuration, emulator, payload, plan);
    if (!image) {
        return tl::unexpected(image.error());
    }
    auto boot = emulator.boot(*image);
    if (!boot) {
        return tl::unexpected(boot.error());
    }
    std::shared_ptr<LabKernel> kernel{
        new LabKernel{payload, std::move(*boot), emulator, plan, configuration.give_up}};
    if (auto error = kernel->wait_until_ready(emulator)) {
        return tl::unexpected(std::move(*error));
    }
    return kernel;
}

std::optional<Error> LabKernel::wait_until_ready(LabEmulator& emulator) {
    const auto limit = emulator.boot_limit();
    StandstillWatch watch{emulator.allowed_silence()};
    const auto begin = Clock::now();
    const auto passed = [&] { return std::chrono::ceil<milliseconds>(Clock::now() - begin); };
    while (!ready_ && !fault_ && passed() < limit) {
        if (is_given_up()) {
            note_fault(How::lost, "interrupted");
            break;
        }
        const auto heard = last_word_;
        wait(std::min(limit - passed(), boot_slice));
        if (const auto use = use_of_process(process_id()); use && !ready_ && !fault_) {
            if (auto still = watch.look(Clock::now(), *use, last_word_ != heard)) {
                note_fault(How::lost, std::move(*still));
            }
        }
    }
    boot_time_ = passed();
    if (ready_) {
        emulator.note_silence(watch.longest_silence());
        return std::nullopt;
    }
    if (!fault_) {
        note_fault(How::lost, "no worker after " + std::to_string(limit.count()) + " ms");
    }
    settle();
    std::string what = "the lab machine did not come up: " + fault_->text;
    if (!log_.tail().empty() && log_.headline().empty()) {
        what += "; last words of its kernel: " + printable(kernel_message(log_.tail().back()));
    }
    kill();
    return Error{std::move(what), {}};
}

std::vector<std::string> LabKernel::last_words() const {
    constexpr std::size_t most = 20;
    const auto& tail = log_.tail();
    const auto count = std::min(most, tail.size());
    return {tail.end() - static_cast<std::ptrdiff_t>(count), tail.end()};
}

void LabKernel::look() {
    auto end = gone_ ? std::nullopt : boot_->ended(); // first: what it said before is there now
    read_log();
    read_status();
    if (end) {
        gone_ = true;
        note_fault(end->how, std::move(end->text));
    }
}

void LabKernel::wait(milliseconds limit) {
    boot_->wait(limit);
    look();
}

void LabKernel::read_log() {
    std::string text;
    log_is_open_ = log_is_open_ && boot_->read_log(text);
    if (text.empty()) {
        return;
    }
    last_word_ = Clock::now();
    log_.append(text, [this](const std::string& line) { hear(line); });
    if (!log_.headline().empty() && (ready_ || log_.panicked())) {
        note_fault(How::kernel_died, log_.headline());
    }
}

void LabKernel::hear(const std::string& line) {
    auto message = kernel_message(line);
    if (!message.starts_with(lab::prefix)) {
        return;
    }
    message.remove_prefix(lab::prefix.size());
    const auto word = message.substr(0, message.find(' '));
    const std::string text{message.substr(std::min(word.size() + 1, message.size()))};
    if (word == lab::word_error) {
        note_fault(How::lost, text);
    } else if (word == lab::word_says) {
        worker_said_ = text;
    } else if (word == lab::word_ended) {
        note_fault(How::lost, "kvm-worker in the lab machine ended: " + text +
                                  (worker_said_.empty() ? "" : ": " + worker_said_));
    }
}

void LabKernel::read_status() {
    std::array<std::byte, 4096> buffer{};
    for (std::size_t count = 0; (count = boot_->read_status(buffer)) != 0;) {
        status_text_.append(reinterpret_cast<const char*>(buffer.data()), count);
        if (status_text_.size() > TextTail::usual_bound) { // nobody of ours writes such lines
            status_text_.clear();
        }
    }
    for (std::size_t end = 0; (end = status_text_.find('\n')) != std::string::npos;) {
        if (auto message = worker::parse_status(status_text_.substr(0, end))) {
            if (message->kind == worker::StatusKind::ready && !ready_) {
                ready_ = true;
                log_.forget_complaint();
            } else if (message->kind != worker::StatusKind::ready) {
                messages_.push_back(std::move(*message));
            }
        }
        status_text_.erase(0, end + 1);
    }
}

bool LabKernel::takes(std::span<const std::byte> plan) const {
    return plan.size() <= longest_request_ || worker::find_plan_part(plan_, plan);
}

std::vector<std::byte> LabKernel::run_request(std::uint32_t number,
                                              std::span<const std::byte> plan) const {
    if (const auto part = worker::find_plan_part(plan_, plan)) {
        return worker::encode_request({.kind = worker::RequestKind::run_part,
                                       .number = number,
                                       .first = part->first,
                                       .count = part->count});
    }
    return worker::encode_request({.kind = worker::RequestKind::run, .number = number}, plan);
}

std::optional<worker::StatusMessage> LabKernel::next_status() {
    if (messages_.empty()) {
        return std::nullopt;
    }
    auto message = std::move(messages_.front());
    messages_.pop_front();
    return message;
}

void LabKernel::note_fault(How how, std::string text) {
    if (!fault_) {
        fault_ = MachineEnd{how, std::move(text), {}};
    }
}

void LabKernel::settle() {
    const auto begin = Clock::now();
    last_word_ = std::max(last_word_, begin);
    while (!log_.headline().empty() && !log_.complaint_is_complete() && log_is_open_) {
        const auto now = Clock::now();
        if (now - last_word_ >= silence_after_complaint || now - begin >= longest_complaint) {
            break;
        }
        wait(silence_after_complaint);
    }
    if (fault_ && fault_->how == How::kernel_died) {
        fault_->log = log_.complaint();
    }
}

void LabKernel::kill() {
    boot_->kill();
    gone_ = true;
    note_fault(How::finished, "stopped by the runner");
}

} // namespace vmrunit::runner
