// SPDX-License-Identifier: GPL-2.0-only
// Starting QEMU for a lab machine, and its lines.
#include "host_runner/lab/qemu_lab.hpp"

#include "host_runner/lab/lab_memory.hpp"
#include "host_runner/lab/tsc_frequency.hpp"
#include "host_runner/lab/window_line.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/process/process.hpp"
#include "host_runner/process/text_tail.hpp"
#include "host_runner/targets/target_registry.hpp"

#include <array>
#include <fmt/format.h>
#include <poll.h>
#include <string_view>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using How = MachineEnd::How;

// A pipe that is full would stop the machine in the middle of a line.
constexpr int log_capacity = 256 * 1024;
// Without CMPXCHG16B: TCG of QEMU 7.2 leaves garbage in RFLAGS after it, which an interrupt right
// behind it pushes and pops again, and a kernel under load does not come up ("double fault" in
// kmem_cache_alloc). Kernels have another way.
constexpr std::string_view cpu_switches = ",svm=on,cx16=off";
// Windows wake nobody.
constexpr milliseconds window_tick{4};

class QemuLabBoot final : public LabBoot {
public:
    struct Parts {
        LabMemory memory;
        SharedMapping requests, output, status;
        Process process;
        FileDescriptor log, errors;
    };
    explicit QemuLabBoot(Parts parts)
        : memory_{std::move(parts.memory)},
          requests_{std::move(parts.requests)},
          output_{std::move(parts.output)},
          status_{std::move(parts.status)},
          process_{std::move(parts.process)},
          log_line_{std::move(parts.log)},
          errors_line_{std::move(parts.errors)} {}

    pid_t process_id() const override { return process_.id(); }

    void wait(milliseconds limit) override {
        std::array<pollfd, 3> sources{{{log_line_.number(), POLLIN, 0},
                                       {errors_line_.number(), POLLIN, 0},
                                       {process_.descriptor(), POLLIN, 0}}};
        const auto tick = std::min(limit, window_tick);
        ::poll(sources.data(), sources.size(), static_cast<int>(tick.count()));
    }

    bool read_log(std::string& text) override {
        if (log_line_.is_open()) {
            TextTail arrived{log_capacity};
            const auto arrival = arrived.read_from(log_line_.number());
            text += arrived.text();
            if (arrival == Arrival::end) {
                log_line_.reset();
            }
        }
        return log_line_.is_open();
    }

    std::size_t send(std::span<const std::byte> bytes) override { return requests_.write(bytes); }
    std::size_t read_status(std::span<std::byte> into) override { return status_.read(into); }
    std::size_t read_output(std::span<std::byte> into) override { return output_.read(into); }

    Result<std::optional<RingReader>> open_ring(std::uint32_t size) override {
        const auto& window = lab_windows.guest_ring;
        if (size > window.size) {
            return failure("a ring of " + std::to_string(size) +
                           " bytes is larger than the window for it");
        }
        auto mapping = memory_.map(window);
        auto reader = RingReader::of(memory_.descriptor(), memory_.size(), window.address, size);
        if (!mapping || !reader) {
            return tl::unexpected(mapping ? reader.error() : mapping.error());
        }
        auto& header = *reinterpret_cast<wire::RingHeader*>(mapping->bytes().data());
        wire::detail::store_release(header.magic, 0);
        return std::optional{std::move(*reader)};
    }

    std::optional<MachineEnd> ended() override {
        const bool is_over = process_.wait_for(milliseconds{0}).has_value();
        if (errors_line_.is_open() && errors_.read_from(errors_line_.number()) == Arrival::end) {
            errors_line_.reset();
        }
        if (!is_over) {
            return std::nullopt;
        }
        const auto status = process_.kill();
        const auto line = errors_.last_line();
        if (status.succeeded() && line.empty()) { // -no-reboot
            return MachineEnd{
                How::kernel_died, "the lab machine reset itself or was switched off", {}};
        }
        return MachineEnd{How::emulator_died,
                          "QEMU: " + describe(status) + (line.empty() ? "" : ": " + line),
                          {}};
    }

    void kill() override { process_.kill(); }

private:
    LabMemory memory_;
    WindowWriter requests_;
    WindowReader output_;
    WindowReader status_;
    Process process_;
    FileDescriptor log_line_;
    FileDescriptor errors_line_;
    TextTail errors_;
};

} // namespace

NamedLabEmulator qemu_lab_emulator() {
    return {"qemu", QemuLabEmulator::create};
}

Result<std::unique_ptr<LabEmulator>> QemuLabEmulator::create(TargetSpec& spec,
                                                             const TargetOptions& options) {
    QemuLabConfiguration configuration;
    if (!spec.where.empty() && spec.where != "qemu") {
        configuration.program = spec.where;
    } else if (!options.qemu_program.empty()) {
        configuration.program = options.qemu_program;
    }
    configuration.machine = spec.take("machine").value_or(configuration.machine);
    configuration.cpu = spec.take("cpu").value_or(configuration.cpu);
    return std::make_unique<QemuLabEmulator>(std::move(configuration));
}

const Result<QemuVersion>& QemuLabEmulator::version() {
    if (!version_) {
        version_ = ask_qemu_version(configuration_.program);
    }
    return *version_;
}

Availability QemuLabEmulator::availability() {
    if (!find_program(configuration_.program)) {
        return {false, "QEMU not found (" + configuration_.program + ")",
                "apt install qemu-system-x86, or name one with --qemu PATH"};
    }
    if (!version()) {
        return {false, version().error().line(), "name another QEMU with --qemu PATH"};
    }
    return {true, "QEMU " + version()->text() + ", TCG", {}};
}

std::string QemuLabEmulator::baseline_name() {
    const auto& known = version();
    return known ? "qemu-tcg-" + known->series() : "qemu-tcg";
}

Layers QemuLabEmulator::cpu_layer() {
    const auto& known = version();
    return {.cpu = "qemu", .cpu_version = known ? known->series() : ""};
}

SubjectFacts QemuLabEmulator::facts() {
    SubjectFacts facts;
    if (const auto& known = version(); known) {
        facts.emplace_back("qemu.version", known->text());
        if (!known->package.empty()) {
            facts.emplace_back("qemu.package", known->package);
        }
    }
    facts.emplace_back("qemu.machine", configuration_.machine);
    facts.emplace_back("cpu.model", configuration_.cpu + std::string{cpu_switches});
    return facts;
}

milliseconds QemuLabEmulator::boot_limit() const {
    return std::chrono::minutes{
        5}; // it takes seconds, and minutes where twenty others want the CPU
}

milliseconds QemuLabEmulator::silence_limit() const {
    return std::chrono::minutes{1}; // it takes two seconds
}

milliseconds QemuLabEmulator::stall_report_limit() const {
    return std::chrono::seconds{35}; // its clock is ours, and a report is late by some seconds
}

WorkerLines QemuLabEmulator::worker_lines() const {
    return {.requests = "window:" + lab_windows.requests.for_worker(),
            .status = "window:" + lab_windows.status.for_worker(),
            .output = "window:" + lab_windows.output.for_worker(),
            .ring_window = lab_windows.guest_ring.for_worker()};
}

std::string QemuLabEmulator::kernel_parameters() const {
    const TscFrequency frequency;
    return "console=ttyS0 tsc=reliable tsc_early_khz=" + std::to_string(frequency.kilohertz()) +
           " " + LabMemory::reservation();
}

Result<std::unique_ptr<LabBoot>> QemuLabEmulator::boot(const LabImage& image) {
    auto memory = LabMemory::create(configuration_.memory_mebibytes);
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
    const auto initramfs = MemoryFile::with_content("vmrunit-initramfs", image.initramfs);
    if (!initramfs) {
        return tl::unexpected(initramfs.error());
    }
    auto log = open_pipe_to_read(log_capacity);
    auto errors = open_pipe_to_read();
    if (!log || !errors) {
        return tl::unexpected(log ? errors.error() : log.error());
    }
    Command command;
    command.errors = errors->theirs.number();
    const auto memory_path = path_of_own_descriptor(command.hand_over(memory->descriptor()));
    const auto initramfs_path = path_of_own_descriptor(command.hand_over(initramfs->descriptor()));
    const auto log_path = path_of_own_descriptor(command.hand_over(log->theirs.number()));
    const auto size = std::to_string(configuration_.memory_mebibytes) + "M";
    // One CPU: with two, a kernel on TCG of QEMU 7.2 can panic while it patches its own text, and
    // what the kernel logs could not be told to belong to a case.
    // clang-format off
    command.arguments = {
        configuration_.program, "-nodefaults", "-no-user-config", "-no-reboot",
        "-display", "none",
        "-accel", "tcg",
        "-machine", configuration_.machine + ",memory-backend=memory",
        "-cpu", configuration_.cpu + std::string{cpu_switches},
        "-smp", "1",
        "-m", size,
        "-object", "memory-backend-file,id=memory,share=on,size=" + size + ",mem-path=" + memory_path,
        "-kernel", image.kernel.string(),
        "-initrd", initramfs_path,
        "-append", image.command_line,
        "-chardev", "file,id=log,path=" + log_path,
        "-serial", "chardev:log"};
    // clang-format on
    auto process = Process::start(command);
    if (!process) {
        return tl::unexpected(process.error());
    }
    log->theirs.reset(); // so that the end of QEMU is the end of its lines
    errors->theirs.reset();
    return std::make_unique<QemuLabBoot>(QemuLabBoot::Parts{
        std::move(*memory), std::move(*requests), std::move(*output), std::move(*status),
        std::move(*process), std::move(log->ours), std::move(errors->ours)});
}

} // namespace vmrunit::runner
