// SPDX-License-Identifier: GPL-2.0-only
// One boot of a lab kernel: its log, what the worker in it says, and whether it is well. It
// outlives the VMs that the worker runs in it one after the other.
#pragma once

#include "host_runner/kvm_worker/worker_status.hpp"
#include "host_runner/lab/kernel_log.hpp"
#include "host_runner/lab/lab_configuration.hpp"
#include "host_runner/lab/lab_emulator.hpp"
#include "host_runner/targets/target.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

class LabKernel {
public:
    using Clock = std::chrono::steady_clock;

    /// Returns when the worker is ready; an error if it does not come to that. `plan` is one that
    /// the worker is going to be asked for, so that it can come along where sending it is slow.
    [[nodiscard]] static Result<std::shared_ptr<LabKernel>>
    boot(LabEmulator& emulator, const LabConfiguration& configuration,
         const std::filesystem::path& payload, std::span<const std::byte> plan);
    ~LabKernel() { boot_->kill(); }
    LabKernel(const LabKernel&) = delete;
    LabKernel& operator=(const LabKernel&) = delete;

    /// Which payload the worker has.
    [[nodiscard]] const std::filesystem::path& payload() const { return payload_; }
    [[nodiscard]] std::chrono::milliseconds boot_time() const { return boot_time_; }
    [[nodiscard]] pid_t process_id() const { return boot_->process_id(); }

    /// The worker runs, and the kernel has found no fault with itself.
    [[nodiscard]] bool is_well() const { return !fault_; }
    /// What is wrong, if it is not well. Complete only after settle().
    [[nodiscard]] const std::optional<MachineEnd>& fault() const { return fault_; }
    /// Waits until the kernel has said all about its fault, for a moment at most.
    void settle();

    /// As LabEmulator.
    [[nodiscard]] std::chrono::milliseconds stall_report_limit() const {
        return stall_report_limit_;
    }
    /// Nobody waits for it any more.
    [[nodiscard]] bool is_given_up() const { return give_up_ && give_up_(); }
    /// The last lines of its log, oldest first.
    [[nodiscard]] std::vector<std::string> last_words() const;

    /// Takes in what has come, without waiting: the log first.
    void look();
    /// Waits for news from the machine, or for `limit`, and takes them in.
    void wait(std::chrono::milliseconds limit);

    /// False for a plan that would take too long to send: it needs a kernel of its own.
    [[nodiscard]] bool takes(std::span<const std::byte> plan) const;
    /// The request that has the worker run such a plan.
    [[nodiscard]] std::vector<std::byte> run_request(std::uint32_t number,
                                                     std::span<const std::byte> plan) const;
    [[nodiscard]] std::uint32_t next_request() { return ++requests_sent_; }
    /// Takes as many bytes as there is room for, and says how many.
    [[nodiscard]] std::size_t send(std::span<const std::byte> bytes) { return boot_->send(bytes); }
    [[nodiscard]] std::optional<worker::StatusMessage> next_status();
    /// Records that do not come by the guest's ring.
    [[nodiscard]] std::size_t read_output(std::span<std::byte> into) {
        return boot_->read_output(into);
    }
    /// As LabBoot.
    [[nodiscard]] Result<std::optional<RingReader>> open_ring(std::uint32_t size) {
        return boot_->open_ring(size);
    }

    /// Ends the emulator. It is not well afterwards.
    void kill();

private:
    LabKernel(std::filesystem::path payload, std::unique_ptr<LabBoot> boot,
              const LabEmulator& emulator, std::span<const std::byte> plan,
              std::function<bool()> give_up)
        : payload_{std::move(payload)},
          boot_{std::move(boot)},
          longest_request_{emulator.worker_lines().longest_request},
          stall_report_limit_{emulator.stall_report_limit()},
          plan_{plan.begin(), plan.end()},
          give_up_{std::move(give_up)} {}

    [[nodiscard]] std::optional<Error> wait_until_ready(LabEmulator& emulator);
    void read_log();
    void read_status();
    void hear(const std::string& line);
    void note_fault(MachineEnd::How how, std::string text);

    std::filesystem::path payload_;
    std::unique_ptr<LabBoot> boot_;
    std::size_t longest_request_;
    std::chrono::milliseconds stall_report_limit_;
    std::vector<std::byte> plan_;   ///< That the worker has without being sent one; may be empty.
    std::function<bool()> give_up_; ///< May be empty.
    KernelLog log_;
    bool log_is_open_ = true;
    std::string status_text_; ///< Of status lines, what is not complete yet.
    std::deque<worker::StatusMessage> messages_;
    std::string worker_said_; ///< The last line the worker printed outside its channels.
    std::uint32_t requests_sent_ = 0;
    bool ready_ = false;
    bool gone_ = false; ///< The emulator has ended.
    std::optional<MachineEnd> fault_;
    Clock::time_point last_word_{};
    std::chrono::milliseconds boot_time_{};
};

} // namespace vmrunit::runner
