// SPDX-License-Identifier: GPL-2.0-only
// How a lab machine is made to run: an emulator that boots a Linux image, and the lines between the
// runner and the worker in it. One class of each for every emulator; what a lab kernel is, what it
// is told and what its log means is the same for all of them.
#pragma once

#include "host_runner/lab/lab_configuration.hpp"
#include "host_runner/targets/ring_reader.hpp"
#include "host_runner/targets/target.hpp"
#include "host_runner/targets/target_spec.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

namespace vmrunit::runner {

struct TargetOptions;

/// What is booted.
struct LabImage {
    std::filesystem::path kernel; ///< A bzImage.
    std::vector<std::byte> initramfs;
    std::string command_line;
};

/// How the worker reaches the runner: channels as kvm-worker's options name them.
struct WorkerLines {
    std::string requests;
    std::string status;
    std::string output;      ///< Records that do not come by `ring_window`.
    std::string ring_window; ///< Empty: the worker reads its guest's ring and passes it on itself.
    /// Bytes of a plan beyond which sending takes too long. A longer one comes with the image, and
    /// requests then name a part of it.
    std::size_t longest_request = std::numeric_limits<std::size_t>::max();
};

/// One machine that was booted. Its lines carry bytes and never wait.
class LabBoot {
public:
    virtual ~LabBoot() = default;
    [[nodiscard]] virtual pid_t process_id() const = 0;

    /// Waits until any line may have something, or for `limit`. A line that cannot be waited on is
    /// looked into every few milliseconds.
    virtual void wait(std::chrono::milliseconds limit) = 0;
    /// Appends what the kernel's console has said. False: nothing will come any more.
    virtual bool read_log(std::string& text) = 0;
    /// Takes as many bytes of requests as there is room for, and says how many.
    [[nodiscard]] virtual std::size_t send(std::span<const std::byte> bytes) = 0;
    [[nodiscard]] virtual std::size_t read_status(std::span<std::byte> into) = 0;
    [[nodiscard]] virtual std::size_t read_output(std::span<std::byte> into) = 0;
    /// The ring of a payload that is about to start, `size` bytes with its header page; what the
    /// one before left there is gone. Nothing where records come by the output line.
    [[nodiscard]] virtual Result<std::optional<RingReader>> open_ring(std::uint32_t size) = 0;

    /// How the machine ended, once the emulator has gone by itself.
    [[nodiscard]] virtual std::optional<MachineEnd> ended() = 0;
    /// Ends the emulator at once.
    virtual void kill() = 0;
};

class LabEmulator {
public:
    virtual ~LabEmulator() = default;
    /// If available, `reason` is what it is: "QEMU 7.2.22, TCG".
    [[nodiscard]] virtual Availability availability() = 0;
    /// Brings what may take long and may fail, once. boot() needs it.
    [[nodiscard]] virtual Result<void> prepare() { return {}; }
    [[nodiscard]] virtual SubjectFacts facts() = 0;
    /// Whose SVM it is: the layers below the kernel.
    [[nodiscard]] virtual Layers cpu_layer() = 0;
    /// The baseline of the emulated CPU itself, "qemu-tcg-7.2": a lab target's is called "lab-" and
    /// that, for all kernels, and usually inherits it.
    [[nodiscard]] virtual std::string baseline_name() = 0;
    /// How long a boot may take until the worker is ready.
    [[nodiscard]] virtual std::chrono::milliseconds boot_limit() const = 0;
    /// For how much of the emulator's CPU time a kernel may say nothing in its boot, on a slow host
    /// and before its console is there.
    [[nodiscard]] virtual std::chrono::milliseconds silence_limit() const = 0;
    /// In how much of the emulator's CPU time a kernel that is stuck has been reported by its own
    /// watchdogs, which count 20 seconds of its clock.
    [[nodiscard]] virtual std::chrono::milliseconds stall_report_limit() const = 0;
    [[nodiscard]] virtual WorkerLines worker_lines() const = 0;
    /// What this machine needs on the kernel's command line: its console, its clock, its memory.
    [[nodiscard]] virtual std::string kernel_parameters() const = 0;
    /// Steps for lab-init before the worker starts; empty or whole lines.
    [[nodiscard]] virtual std::string steps() const { return {}; }
    /// Returns when the emulator runs.
    [[nodiscard]] virtual Result<std::unique_ptr<LabBoot>> boot(const LabImage& image) = 0;

    /// As silence_limit(), but once a boot has shown how fast this host is, a multiple of its.
    [[nodiscard]] std::chrono::milliseconds allowed_silence() const {
        constexpr int times = 10;
        constexpr std::chrono::milliseconds least = std::chrono::seconds{5};
        return seen_silence_ ? std::min(silence_limit(), std::max(least, *seen_silence_ * times))
                             : silence_limit();
    }
    /// Of a boot that came up, its longest silence.
    void note_silence(std::chrono::milliseconds seen) {
        seen_silence_ = std::max(seen, seen_silence_.value_or(seen));
    }

private:
    std::optional<std::chrono::milliseconds> seen_silence_;
};

/// Takes from the spec the settings that are the emulator's; errors are of usage.
using LabEmulatorFactory = std::function<Result<std::unique_ptr<LabEmulator>>(
    TargetSpec& spec, const TargetOptions& options)>;

/// By the word after '@', and before a colon: "qemu", "bochs", "bochs:3.0". What is none of them is
/// a QEMU, by name or path.
struct NamedLabEmulator {
    std::string name;
    LabEmulatorFactory create;
};

} // namespace vmrunit::runner
