// SPDX-License-Identifier: GPL-2.0-only
// One boot of Bochs: its folder with the disk, the process, and the record stream by port 0xE9.
#pragma once

#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/process/process.hpp"
#include "host_runner/process/text_tail.hpp"
#include "host_runner/targets/bochs_boot_disk.hpp"
#include "host_runner/targets/bochs_command_line.hpp"
#include "host_runner/targets/bochs_end.hpp"
#include "host_runner/targets/bochs_output.hpp"
#include "host_runner/targets/target.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// What Bochs shares with the runner beside its own lines.
struct BochsHandOver {
    int descriptor = -1; ///< Stays the caller's.
    /// The configuration's line for it, from the path that Bochs has for it.
    std::function<std::string(const std::string& path)> line;
};

class BochsMachine final : public Machine {
public:
    /// Returns when Bochs has built the machine; an error if it could not. `loader` must have
    /// commands for a plan if the request has one.
    [[nodiscard]] static Result<std::unique_ptr<BochsMachine>>
    start(const BochsConfiguration& configuration, const BootLoader& loader,
          const BootRequest& request);
    /// The same with any files for GRUB.
    [[nodiscard]] static Result<std::unique_ptr<BochsMachine>>
    start(BochsConfiguration configuration, const BootLoader& loader,
          const std::vector<BootFile>& files, const std::vector<BochsHandOver>& more = {});

    ReadOutcome read(std::span<std::byte> into, std::chrono::milliseconds limit) override;
    [[nodiscard]] MachineEnd end() const override { return end_; }
    void stop() override;

    [[nodiscard]] pid_t process_id() const { return process_.id(); }
    [[nodiscard]] bool is_over() const { return over_; }
    /// Waits for any line of Bochs' own, one of `others`, or `limit`.
    void wait_for_news(std::chrono::milliseconds limit, std::span<const int> others = {});

private:
    /// Our ends of everything that leads to Bochs.
    struct Lines {
        FileDescriptor output;
        FileDescriptor errors;
        FileDescriptor log;
    };

    BochsMachine(TemporaryFolder folder, Process process, Lines lines);
    [[nodiscard]] std::optional<Error> wait_until_started();
    [[nodiscard]] std::size_t take(std::span<std::byte> into);
    void read_output();
    void read_side_lines();
    void read_log();
    void finish();

    std::optional<TemporaryFolder> folder_;
    Process process_;
    Lines lines_;
    BochsOutput output_;
    std::vector<std::byte> pending_; ///< Of the stream, what nobody has read yet.
    std::size_t taken_ = 0;          ///< Of that, what somebody has.
    TextTail errors_;
    TextTail log_;
    std::string log_end_; ///< For words that arrive in two pieces.
    unsigned resets_ = 0;
    BochsEvidence evidence_;
    MachineEnd end_;
    bool over_ = false; ///< The process is gone; there may be bytes of the stream left.
};

} // namespace vmrunit::runner
