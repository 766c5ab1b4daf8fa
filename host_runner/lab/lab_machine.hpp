// SPDX-License-Identifier: GPL-2.0-only
// One VM in a lab kernel: a request to its worker, the record stream by the guest's ring, and what
// became of it. A complaint in the kernel's log ends it in the case that was under way.
#pragma once

#include "host_runner/lab/lab_kernel.hpp"
#include "host_runner/targets/ring_reader.hpp"
#include "host_runner/targets/target.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vmrunit::runner {

class LabMachine final : public Machine {
public:
    /// Returns when the VM runs; an error if there could be none. The kernel takes the plan, and is
    /// this machine's alone until it is stopped or has ended.
    [[nodiscard]] static Result<std::unique_ptr<LabMachine>>
    start(std::shared_ptr<LabKernel> kernel, const BootRequest& request);
    ~LabMachine() override { stop(); }

    ReadOutcome read(std::span<std::byte> into, std::chrono::milliseconds limit) override;
    [[nodiscard]] MachineEnd end() const override { return end_; }
    void stop() override;

private:
    using Clock = std::chrono::steady_clock;

    LabMachine(std::shared_ptr<LabKernel> kernel, std::optional<RingReader> ring);
    [[nodiscard]] std::optional<Error> wait_until_started(std::span<const std::byte> request);
    void follow(std::chrono::milliseconds limit);
    void collect();
    [[nodiscard]] std::size_t take(std::span<std::byte> into);
    void finish(MachineEnd end);

    std::shared_ptr<LabKernel> kernel_;
    std::optional<RingReader> ring_;
    std::uint32_t number_;
    bool started_ = false;
    std::vector<std::byte> pending_; ///< Taken from the stream, not handed out yet.
    std::size_t handed_out_ = 0;     ///< Of those.
    MachineEnd end_;
    bool over_ = false; ///< No byte of the stream comes any more.
};

} // namespace vmrunit::runner
