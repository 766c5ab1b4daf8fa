// SPDX-License-Identifier: GPL-2.0-only
// One boot of QEMU: the process, its monitor, and the record stream by the ring or by port 0xE9.
#pragma once

#include "host_runner/process/process.hpp"
#include "host_runner/process/text_tail.hpp"
#include "host_runner/targets/qemu_command_line.hpp"
#include "host_runner/targets/qemu_end.hpp"
#include "host_runner/targets/qmp_connection.hpp"
#include "host_runner/targets/ring_reader.hpp"
#include "host_runner/targets/target.hpp"

#include <memory>
#include <optional>
#include <string>

namespace vmrunit::runner {

class QemuMachine final : public Machine {
public:
    /// Returns when QEMU has built the machine; an error if it could not.
    [[nodiscard]] static Result<std::unique_ptr<QemuMachine>>
    start(const QemuConfiguration& configuration, const BootRequest& request);

    ReadOutcome read(std::span<std::byte> into, std::chrono::milliseconds limit) override;
    [[nodiscard]] MachineEnd end() const override { return end_; }
    void stop() override;

    [[nodiscard]] pid_t process_id() const { return process_.id(); }

private:
    /// Our ends of everything that leads to QEMU.
    struct Lines {
        FileDescriptor debug_port;
        FileDescriptor errors;
        FileDescriptor log;
        FileDescriptor monitor;
        FileDescriptor service_port;
    };

    QemuMachine(Process process, Lines lines, std::optional<RingReader> ring);
    [[nodiscard]] Error why_it_did_not_start();
    [[nodiscard]] std::size_t take(std::span<std::byte> into);
    [[nodiscard]] std::size_t take_from_port(std::span<std::byte> into);
    void note_guest_text(std::span<const std::byte> bytes);
    void wait_for_news(std::chrono::milliseconds limit);
    void read_side_lines();
    void follow_events();
    void serve_requests();
    void ask_for_registers(std::chrono::milliseconds limit);
    void finish();

    Process process_;
    FileDescriptor debug_port_;
    FileDescriptor errors_line_;
    FileDescriptor log_line_;
    QmpConnection monitor_;
    FileDescriptor service_port_;
    std::optional<RingReader> ring_;
    TextTail errors_;
    TextTail log_;
    TextTail guest_text_; ///< With a ring in use: what arrives by port 0xE9 but doorbells.
    QemuEvidence evidence_;
    MachineEnd end_;
    bool over_ = false; ///< The process is gone; there may be bytes of the stream left.
};

} // namespace vmrunit::runner
