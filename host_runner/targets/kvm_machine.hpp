// SPDX-License-Identifier: GPL-2.0-only
// One VM of this machine's KVM: a kvm-worker, its record stream and what it says of the VM's end.
#pragma once

#include "host_runner/kvm_worker/worker_status.hpp"
#include "host_runner/process/process.hpp"
#include "host_runner/process/text_tail.hpp"
#include "host_runner/targets/target.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct KvmConfiguration {
    std::filesystem::path worker;
    unsigned memory_mebibytes = 64;
    unsigned cpus = 2;
    std::vector<std::string> hidden_features; ///< Names of svm::Feature.
};

class KvmMachine final : public Machine {
public:
    /// Returns when the VM runs; an error if there could be none.
    [[nodiscard]] static Result<std::unique_ptr<KvmMachine>>
    start(const KvmConfiguration& configuration, const BootRequest& request);

    ReadOutcome read(std::span<std::byte> into, std::chrono::milliseconds limit) override;
    [[nodiscard]] MachineEnd end() const override { return end_; }
    void stop() override;

    [[nodiscard]] pid_t process_id() const { return process_.id(); }

private:
    struct Lines {
        FileDescriptor records;
        FileDescriptor status;
        FileDescriptor errors;
    };

    KvmMachine(Process process, Lines lines);
    [[nodiscard]] std::optional<Error> wait_until_started();
    void wait_for_news(std::chrono::milliseconds limit);
    void read_side_lines();
    void finish(std::optional<ProcessStatus> status);

    Process process_;
    Lines lines_;
    std::string status_text_; ///< Of status lines, what is not complete yet.
    bool started_ = false;
    std::optional<worker::StatusMessage> last_word_; ///< That the VM ended, or could not be.
    TextTail errors_;
    MachineEnd end_;
    bool over_ = false; ///< The process is gone; there may be records left in the pipe.
};

/// What a worker's last word means, or its end without one.
[[nodiscard]] MachineEnd conclude_worker(const std::optional<worker::StatusMessage>& last_word,
                                         std::optional<ProcessStatus> status,
                                         const std::string& last_error_line);

} // namespace vmrunit::runner
