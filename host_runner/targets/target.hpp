// SPDX-License-Identifier: GPL-2.0-only
// A target is a subject under test and the way to start it; a machine is one boot of it.
//
// A machine hands out the record stream as bytes, however they travelled (a ring in guest memory or
// port 0xE9), and says how it ended. It judges nothing.
#pragma once

#include "harness/svm/features.hpp"
#include "host_runner/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::runner {

/// What a machine is started with. The files belong to the caller and outlive the machine.
struct BootRequest {
    std::filesystem::path image;    ///< The payload, the very file that L2 programs are read from.
    std::vector<std::byte> plan;    ///< The plan, handed to the payload as its boot module.
    std::uint64_t ring_address = 0; ///< Guest physical address of the ring, page aligned.
    std::uint32_t ring_size = 0;    ///< Bytes, header page included; 0: records by port 0xE9.
};

/// How a machine ended. `how` is one of the fixed words below so that reports can group by it.
struct MachineEnd {
    enum class How : std::uint8_t {
        finished,       ///< Stopped by the runner after the end of the plan.
        triple_fault,   ///< The guest shut down or reset itself.
        emulator_died,  ///< The process ended by a signal, or with a message of its own.
        internal_error, ///< The subject gave up: KVM internal error, failed entry.
        hung,           ///< It stood still for longer than its worker allows, or halted for good.
        kernel_died,    ///< Lab targets: the kernel under test panicked.
        lost,           ///< The connection to the machine broke.
    };
    How how = How::finished;
    std::string text; ///< One line of detail: exit status, signal, the emulator's last message.
    std::vector<std::string> log{}; ///< What the subject itself logged about it, to be quoted.
};

[[nodiscard]] constexpr std::string_view to_string(MachineEnd::How how) {
    switch (how) {
    case MachineEnd::How::finished:
        return "finished";
    case MachineEnd::How::triple_fault:
        return "triple fault";
    case MachineEnd::How::emulator_died:
        return "emulator died";
    case MachineEnd::How::internal_error:
        return "internal error";
    case MachineEnd::How::hung:
        return "hang";
    case MachineEnd::How::kernel_died:
        return "kernel died";
    case MachineEnd::How::lost:
        return "machine lost";
    }
    return "unknown";
}

/// What `Machine::read` came back with.
struct ReadOutcome {
    std::size_t bytes = 0; ///< Bytes stored; 0 on a timeout or at the end.
    bool ended = false;    ///< The machine is gone and every byte of it was read.
};

class Machine {
public:
    virtual ~Machine() = default;
    /// Waits until bytes of the record stream are there, the machine ended, or `limit` passed.
    virtual ReadOutcome read(std::span<std::byte> into, std::chrono::milliseconds limit) = 0;
    /// How it ended; meaningful once `read` said so or after `stop`.
    [[nodiscard]] virtual MachineEnd end() const = 0;
    /// Ends the machine at once, whatever it is doing. Leaves no process and no file behind.
    virtual void stop() = 0;
};

/// Can this target be tested here?
struct Availability {
    bool available = false;
    std::string reason; ///< Why not; or, if available, what it is ("QEMU 7.2.22, TCG").
    std::string cure;   ///< What to do about it.
};

/// Facts about the subject for reports: ("qemu.version", "7.2.22"), ("cpu.model", "max,+svm").
using SubjectFacts = std::vector<std::pair<std::string, std::string>>;

/// What executes the payload's VMRUN, from the bottom up. Two targets that share a layer share its
/// defects, which is how `vmrunit matrix` tells one culprit from another.
struct Layers {
    std::string cpu;      ///< Whose SVM it is, of any version: "qemu", "bochs", "hardware".
    std::string kernel{}; ///< The Linux above it whose KVM offers that: "6.12.95"; empty: none.
    std::string cpu_version{}; ///< "7.2"; empty where it is not known or there is none.
    bool operator==(const Layers&) const = default;
};

class Target {
public:
    virtual ~Target() = default;
    /// As given on the command line: "qemu", "lab:6.12,npt=0".
    [[nodiscard]] virtual std::string name() const = 0;
    /// The name baselines are kept under: "qemu-tcg-7.2".
    [[nodiscard]] virtual std::string baseline_name() const = 0;
    [[nodiscard]] virtual Availability availability() = 0;
    /// Complete after prepare().
    [[nodiscard]] virtual Layers layers() const { return {.cpu = name(), .kernel = {}}; }
    /// Brings what may take long and may fail, once: a kernel that has to be fetched. Facts are
    /// complete after it. start() does it if nobody has.
    [[nodiscard]] virtual Result<void> prepare() { return {}; }
    [[nodiscard]] virtual SubjectFacts facts() = 0;
    /// True where the runner can see guest memory, so that records go into a ring.
    [[nodiscard]] virtual bool shares_memory() const = 0;
    /// What its machines have that CPUID does not tell: features of svm::machine_leaf.
    [[nodiscard]] virtual svm::Features machine_features() const { return {}; }
    [[nodiscard]] virtual Result<std::unique_ptr<Machine>> start(const BootRequest& request) = 0;
};

} // namespace vmrunit::runner
