// SPDX-License-Identifier: GPL-2.0-only
// Booting a lab kernel and listening to it. Nothing here has a name in any folder: memory and root
// file system are memory files that QEMU inherits.
#include "host_runner/lab/lab_kernel.hpp"

#include "host_runner/lab/lab_image.hpp"
#include "host_runner/lab/lab_words.hpp"
#include "host_runner/lab/tsc_frequency.hpp"

#include <algorithm>
#include <array>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using How = MachineEnd::How;

constexpr std::size_t text_bound = 16 * 1024;
// A report of 40 lines takes a few milliseconds; a kernel that says nothing for so long has ended
// it.
constexpr milliseconds silence_after_complaint{300};
constexpr milliseconds longest_complaint{3'000};
// A pipe that is full would stop the machine in the middle of a line.
constexpr int log_capacity = 256 * 1024;

std::vector<std::string> qemu_arguments(const LabConfiguration& configuration, int memory_number,
                                        int image_number, int log_number,
                                        std::uint64_t tsc_kilohertz) {
    const std::string size = std::to_string(configuration.memory_mebibytes) + "M";
    // One CPU: with two, a kernel on TCG of QEMU 7.2 can panic while it patches its own text, and
    // what the kernel logs could not be told to belong to a case.
    return {configuration.program,
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-accel",
            "tcg",
            "-machine",
            configuration.machine + ",memory-backend=memory",
            "-cpu",
            configuration.cpu,
            "-smp",
            "1",
            "-m",
            size,
            "-object",
            "memory-backend-file,id=memory,share=on,size=" + size +
                ",mem-path=" + path_of_own_descriptor(memory_number),
            "-kernel",
            configuration.kernel.image.string(),
            "-initrd",
            path_of_own_descriptor(image_number),
            "-append",
            lab_kernel_command_line(configuration, tsc_kilohertz),
            "-chardev",
            "file,id=log,path=" + path_of_own_descriptor(log_number),
            "-serial",
            "chardev:log"};
}

} // namespace

Result<std::shared_ptr<LabKernel>> LabKernel::boot(const LabConfiguration& configuration,
                                                   const std::filesystem::path& payload) {
    const TscFrequency frequency;
    auto memory = LabMemory::create(configuration.memory_mebibytes);
    if (!memory) {
        return tl::unexpected(memory.error());
    }
    auto requests = memory->map(lab_windows.requests);
    auto output = memory->map(lab_windows.output);
    auto status = memory->map(lab_windows.status);
    for (const auto* mapping : {&requests, &output, &status}) {
        if (!*mapping) {
            return tl::unexpected(mapping->error());
        }
    }
    const auto content = build_lab_image(configuration, payload);
    if (!content) {
        return tl::unexpected(content.error());
    }
    const auto image = MemoryFile::with_content("vmrunit-initramfs", *content);
    if (!image) {
        return tl::unexpected(image.error());
    }
    auto log = open_pipe_to_read(log_capacity);
    auto errors = open_pipe_to_read();
    if (!log || !errors) {
        return tl::unexpected(log ? errors.error() : log.error());
    }
    Command command;
    command.errors = errors->theirs.number();
    const int memory_number = command.hand_over(memory->descriptor());
    const int image_number = command.hand_over(image->descriptor());
    const int log_number = command.hand_over(log->theirs.number());
    command.arguments = qemu_arguments(configuration, memory_number, image_number, log_number,
                                       frequency.kilohertz());
    auto process = Process::start(command);
    if (!process) {
        return tl::unexpected(process.error());
    }
    log->theirs.reset(); // so that the end of QEMU is the end of its lines
    errors->theirs.reset();
    std::shared_ptr<LabKernel> kernel{new LabKernel{
        payload,
        {std::move(*memory), std::move(*requests), std::move(*output), std::move(*status),
         std::move(*process), std::move(log->ours), std::move(errors->ours)}}};
    if (auto error = kernel->wait_until_ready(configuration.boot_limit)) {
        return tl::unexpected(std::move(*error));
    }
    return kernel;
}

LabKernel::LabKernel(std::filesystem::path payload, Parts parts)
    : payload_{std::move(payload)},
      memory_{std::move(parts.memory)},
      requests_{std::move(parts.requests)},
      output_{std::move(parts.output)},
      status_{std::move(parts.status)},
      process_{std::move(parts.process)},
      log_line_{std::move(parts.log)},
      errors_line_{std::move(parts.errors)},
      errors_{text_bound} {}

std::optional<Error> LabKernel::wait_until_ready(milliseconds limit) {
    const auto begin = Clock::now();
    const auto passed = [&] { return std::chrono::ceil<milliseconds>(Clock::now() - begin); };
    while (!ready_ && !fault_ && passed() < limit) {
        wait(std::min(window_tick, limit - passed()));
    }
    boot_time_ = passed();
    if (ready_) {
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

void LabKernel::look() {
    const bool ended = !gone_ && process_.wait_for(milliseconds{0}).has_value();
    read_log();
    if (errors_line_.is_open() && errors_.read_from(errors_line_.number()) == Arrival::end) {
        errors_line_.reset();
    }
    read_status();
    if (!ended) {
        return;
    }
    gone_ = true;
    const auto status = process_.kill();
    const auto line = errors_.last_line();
    if (status.succeeded() && line.empty()) { // -no-reboot
        note_fault(How::kernel_died, "the lab machine reset itself or was switched off");
    } else {
        note_fault(How::emulator_died,
                   "QEMU: " + describe(status) + (line.empty() ? "" : ": " + line));
    }
}

void LabKernel::wait(milliseconds limit) {
    std::array<pollfd, 3> sources{{{log_line_.number(), POLLIN, 0},
                                   {errors_line_.number(), POLLIN, 0},
                                   {process_.descriptor(), POLLIN, 0}}};
    ::poll(sources.data(), sources.size(), static_cast<int>(limit.count()));
    look();
}

void LabKernel::read_log() {
    TextTail text{log_capacity};
    if (!log_line_.is_open()) {
        return;
    }
    const auto arrival = text.read_from(log_line_.number());
    if (arrival == Arrival::end) {
        log_line_.reset();
    }
    if (text.text().empty()) {
        return;
    }
    last_word_ = Clock::now();
    log_.append(text.text(), [this](const std::string& line) { hear(line); });
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
    for (std::size_t count = 0; (count = status_.read(buffer)) != 0;) {
        status_text_.append(reinterpret_cast<const char*>(buffer.data()), count);
        if (status_text_.size() > text_bound) { // nobody of ours writes such lines
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
    while (!log_.headline().empty() && !log_.complaint_is_complete() && log_line_.is_open()) {
        const auto now = Clock::now();
        if (now - last_word_ >= silence_after_complaint || now - begin >= longest_complaint) {
            break;
        }
        wait(window_tick);
    }
    if (fault_ && fault_->how == How::kernel_died) {
        fault_->log = log_.complaint();
    }
}

void LabKernel::kill() {
    process_.kill();
    gone_ = true;
    note_fault(How::finished, "stopped by the runner");
}

} // namespace vmrunit::runner
