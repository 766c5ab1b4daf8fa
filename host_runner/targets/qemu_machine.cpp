// SPDX-License-Identifier: GPL-2.0-only
// Starting QEMU, listening to it, and ending it.
//
// Nothing here has a name in any folder: guest memory and plan are memory files that QEMU inherits,
// and the lines to it are pipes and a socket pair.
#include "host_runner/targets/qemu_machine.hpp"

#include "harness/svm/machine_check.hpp"
#include "harness/wire/host_service.hpp"
#include "host_runner/files/memory_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// QEMU builds its machine in 20 ms; what takes this long is stuck.
constexpr milliseconds qemu_start_limit{20'000};
// The monitor answers in under 1 ms. It is asked only for detail, so a stuck QEMU costs just this.
constexpr milliseconds detail_limit{100};
// How often a ring is looked into when nobody rings.
constexpr milliseconds ring_tick{4};
// A pipe that is full stops the vCPU.
constexpr int debug_port_capacity = 256 * 1024;

} // namespace

Result<std::unique_ptr<QemuMachine>> QemuMachine::start(const QemuConfiguration& configuration,
                                                        const BootRequest& request) {
    auto debug_port = open_pipe_to_read(debug_port_capacity);
    auto errors = open_pipe_to_read();
    auto log = open_pipe_to_read();
    auto monitor = open_socket_pair();
    auto service_port = open_pipe_to_read();
    for (const auto* pair : {&debug_port, &errors, &log, &monitor, &service_port}) {
        if (!*pair) {
            return tl::unexpected(pair->error());
        }
    }
    const std::uint64_t memory_size = std::uint64_t{configuration.memory_mebibytes} << 20;
    const auto plan = MemoryFile::with_content("vmrunit-plan", request.plan);
    const auto memory = MemoryFile::create("vmrunit-memory", memory_size);
    if (!plan || !memory) {
        return tl::unexpected(plan ? memory.error() : plan.error());
    }
    std::optional<RingReader> ring;
    if (request.ring_size != 0) {
        auto reader = RingReader::of(memory->descriptor(), memory_size, request.ring_address,
                                     request.ring_size);
        if (!reader) {
            return tl::unexpected(reader.error());
        }
        ring.emplace(std::move(*reader));
    }

    Command command;
    command.errors = errors->theirs.number();
    QemuDescriptors inherited;
    inherited.debug_port = command.hand_over(debug_port->theirs.number());
    inherited.log = command.hand_over(log->theirs.number());
    inherited.monitor = command.hand_over(monitor->theirs.number());
    inherited.service_port = command.hand_over(service_port->theirs.number());
    if (!request.plan.empty()) {
        inherited.plan = command.hand_over(plan->descriptor());
    }
    if (ring) {
        inherited.memory = command.hand_over(memory->descriptor());
    }
    command.arguments = qemu_command_line(configuration, request.image, inherited);
    auto process = Process::start(command);
    if (!process) {
        return tl::unexpected(process.error());
    }
    for (auto* pair : {&debug_port, &errors, &log, &monitor, &service_port}) {
        (*pair)->theirs.reset(); // so that the end of QEMU is the end of its lines
    }

    Lines lines{std::move(debug_port->ours), std::move(errors->ours), std::move(log->ours),
                std::move(monitor->ours), std::move(service_port->ours)};
    std::unique_ptr<QemuMachine> machine{
        new QemuMachine{std::move(*process), std::move(lines), std::move(ring)}};
    auto& connection = machine->monitor_;
    if (!connection.open(qemu_start_limit) ||
        !connection.execute("cont", nlohmann::json::object(), qemu_start_limit)) {
        return tl::unexpected(machine->why_it_did_not_start());
    }
    return machine;
}

QemuMachine::QemuMachine(Process process, Lines lines, std::optional<RingReader> ring)
    : process_{std::move(process)},
      debug_port_{std::move(lines.debug_port)},
      errors_line_{std::move(lines.errors)},
      log_line_{std::move(lines.log)},
      monitor_{std::move(lines.monitor)},
      service_port_{std::move(lines.service_port)},
      ring_{std::move(ring)} {}

Error QemuMachine::why_it_did_not_start() {
    const auto status = process_.wait_for(detail_limit);
    process_.kill();
    read_side_lines();
    const auto line = errors_.last_line();
    const auto reason = status ? describe(*status) : std::string{"it does not answer"};
    return {"QEMU did not start the machine: " + (line.empty() ? reason : line), {}};
}

ReadOutcome QemuMachine::read(std::span<std::byte> into, milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
        const bool was_over = over_; // what is taken after this is all there will be
        if (const auto count = take(into); count != 0) {
            return {.bytes = count};
        }
        if (was_over) {
            return {.ended = true};
        }
        const auto now = Clock::now();
        if (ring_ && ring_->lost(now)) {
            ask_for_registers(detail_limit);
            finish();
            continue;
        }
        const auto rest = std::chrono::ceil<milliseconds>(deadline - now);
        if (rest.count() <= 0) {
            return {};
        }
        wait_for_news(ring_ ? std::min(rest, ring_tick) : rest);
    }
}

std::size_t QemuMachine::take(std::span<std::byte> into) {
    if (!ring_) {
        return take_from_port(into);
    }
    const auto now = Clock::now();
    const auto from_ring = ring_->take(into, now);
    if (from_ring != 0 || ring_->formatted()) {
        return from_ring;
    }
    // A payload that cannot use its ring says so by the port. What comes after the ring has been
    // formatted are doorbells and what L2 writes there.
    const auto from_port = take_from_port(into);
    static_cast<void>(ring_->take({}, now));
    if (ring_->formatted()) {
        note_guest_text(into.first(from_port));
        return ring_->take(into, now);
    }
    return from_port;
}

std::size_t QemuMachine::take_from_port(std::span<std::byte> into) {
    if (!debug_port_.is_open() || into.empty()) {
        return 0;
    }
    ssize_t count = 0;
    do {
        count = ::read(debug_port_.number(), into.data(), into.size());
    } while (count < 0 && errno == EINTR);
    if (count == 0) {
        debug_port_.reset();
    }
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void QemuMachine::note_guest_text(std::span<const std::byte> bytes) {
    std::string text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    std::erase(text, '\0'); // doorbells
    guest_text_.append(text);
}

void QemuMachine::wait_for_news(milliseconds limit) {
    // Events that came together with the answer to a command are here already.
    follow_events();
    if (over_) {
        return;
    }
    // poll() ignores the lines that have ended: their descriptor is -1.
    std::array<pollfd, 6> sources{{{debug_port_.number(), POLLIN, 0},
                                   {errors_line_.number(), POLLIN, 0},
                                   {log_line_.number(), POLLIN, 0},
                                   {monitor_.descriptor(), POLLIN, 0},
                                   {process_.descriptor(), POLLIN, 0},
                                   {service_port_.number(), POLLIN, 0}}};
    if (::poll(sources.data(), sources.size(), static_cast<int>(limit.count())) <= 0) {
        return;
    }
    read_side_lines();
    serve_requests();
    follow_events();
    if (!over_ && sources[4].revents != 0) {
        evidence_.exit_status = process_.wait_for(milliseconds{0});
        // A SHUTDOWN event may have come between the look at the monitor and the end.
        follow_events();
        finish();
    }
}

void QemuMachine::read_side_lines() {
    const auto keep_reading = [](FileDescriptor& line, TextTail& tail) {
        if (line.is_open() && tail.read_from(line.number()) == Arrival::end) {
            line.reset();
        }
    };
    keep_reading(errors_line_, errors_);
    keep_reading(log_line_, log_);
    std::array<std::byte, 4096> buffer{};
    if (ring_ && ring_->formatted()) {
        for (int turn = 0; turn < 64; ++turn) { // a guest that floods the port does not hold us
            const auto count = take_from_port(buffer);
            if (count == 0) {
                break;
            }
            note_guest_text(std::span{buffer}.first(count));
        }
    }
}

void QemuMachine::follow_events() {
    monitor_.receive();
    while (const auto event = monitor_.next_event()) {
        const auto& name = (*event)["event"];
        if (name == "SHUTDOWN") {
            const auto data = event->value("data", nlohmann::json::object());
            const auto reason =
                data.is_object() && data.contains("reason") ? data["reason"] : nlohmann::json{};
            evidence_.shutdown_reason = reason.is_string() ? reason.get<std::string>() : "unknown";
            ask_for_registers(detail_limit);
            finish();
        } else if (name == "STOP" && !evidence_.shutdown_reason) {
            const auto status =
                monitor_.execute("query-status", nlohmann::json::object(), detail_limit);
            const auto state = status && status->is_object() && status->contains("status")
                                   ? (*status)["status"]
                                   : nlohmann::json{};
            evidence_.run_state = state.is_string() ? state.get<std::string>() : "unknown";
            ask_for_registers(detail_limit);
            finish();
        }
    }
}

/// A hostile guest may ask for anything as often as it likes: of what came together only the last
/// byte counts.
void QemuMachine::serve_requests() {
    std::array<std::byte, 4096> requests{};
    if (!service_port_.is_open()) {
        return;
    }
    const auto count = ::read(service_port_.number(), requests.data(), requests.size());
    if (count == 0) {
        service_port_.reset();
    }
    if (count > 0 && requests[static_cast<std::size_t>(count) - 1] ==
                         std::byte{static_cast<std::uint8_t>(wire::HostService::machine_check)}) {
        const auto command =
            fmt::format("mce 0 0 {:#x} {:#x} 0 0", svm::machine_check::raised_status,
                        svm::machine_check::raised_global_status);
        static_cast<void>(
            monitor_.execute("human-monitor-command", {{"command-line", command}}, detail_limit));
    }
}

void QemuMachine::ask_for_registers(milliseconds limit) {
    const auto answer =
        monitor_.execute("human-monitor-command", {{"command-line", "info registers"}}, limit);
    if (answer && answer->is_string()) {
        evidence_.registers = answer->get<std::string>();
    }
}

void QemuMachine::stop() {
    if (!over_) {
        ask_for_registers(detail_limit);
        finish();
    }
}

void QemuMachine::finish() {
    if (over_) {
        return;
    }
    process_.kill();
    if (ring_) {
        // A guest can format its ring, or spoil it, and die between two looks of ours; whether what
        // lies at the port are records or last words depends on it.
        static_cast<void>(ring_->take({}, Clock::now()));
    }
    read_side_lines();
    evidence_.errors = errors_.text();
    evidence_.log = log_.text();
    evidence_.guest_text = guest_text_.text();
    evidence_.ring_complaint = ring_ ? ring_->complaint() : std::string{};
    end_ = conclude(evidence_);
    over_ = true;
}

} // namespace vmrunit::runner
