// SPDX-License-Identifier: GPL-2.0-only
// Starting Bochs for a lab machine, and its lines.
#include "host_runner/lab/bochs_lab.hpp"

#include "host_runner/debian/package_version.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/process/text_tail.hpp"
#include "host_runner/targets/bochs_machine.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using How = MachineEnd::How;

/// The first version under which a kernel of Debian's comes up.
constexpr const char* first_version_for_linux = "3.0";
constexpr int log_capacity = 256 * 1024;
// A serial line carries some 20 KB in a second of ours.
constexpr std::size_t longest_serial_request = std::size_t{64} * 1024;
constexpr const char* serial_line = "/dev/ttyS1";

class BochsLabBoot final : public LabBoot {
public:
    BochsLabBoot(std::unique_ptr<BochsMachine> machine, FileDescriptor log, DescriptorPair serial)
        : machine_{std::move(machine)}, log_{std::move(log)}, serial_{std::move(serial)} {}

    pid_t process_id() const override { return machine_->process_id(); }

    void wait(milliseconds limit) override {
        const std::array others{log_.number(), serial_.ours.number()};
        machine_->wait_for_news(limit, others);
    }

    bool read_log(std::string& text) override {
        if (log_.is_open()) {
            TextTail arrived{log_capacity};
            const auto arrival = arrived.read_from(log_.number());
            text += arrived.text();
            if (arrival == Arrival::end) {
                log_.reset();
            }
        }
        return log_.is_open();
    }

    std::size_t send(std::span<const std::byte> bytes) override {
        if (bytes.empty()) {
            return 0;
        }
        const auto count = ::write(serial_.ours.number(), bytes.data(), bytes.size());
        return count > 0 ? static_cast<std::size_t>(count) : 0;
    }

    std::size_t read_status(std::span<std::byte> into) override {
        const auto count = ::read(serial_.ours.number(), into.data(), into.size());
        return count > 0 ? static_cast<std::size_t>(count) : 0;
    }

    std::size_t read_output(std::span<std::byte> into) override {
        return machine_->read(into, milliseconds{0}).bytes;
    }

    Result<std::optional<RingReader>> open_ring(std::uint32_t /*size*/) override {
        return std::optional<RingReader>{};
    }

    std::optional<MachineEnd> ended() override {
        machine_->wait_for_news(milliseconds{0});
        if (!machine_->is_over()) {
            return std::nullopt;
        }
        auto end = machine_->end();
        if (end.how == How::triple_fault) {
            return MachineEnd{How::kernel_died, "the lab machine itself: " + end.text, {}};
        }
        return end;
    }

    void kill() override { machine_->stop(); }

private:
    std::unique_ptr<BochsMachine> machine_;
    FileDescriptor log_;
    DescriptorPair serial_; ///< Theirs too: without a reader, what we send would be refused.
};

/// The machine's own, if a kernel comes up under it.
Result<BochsChoice> usual_bochs() {
    auto installed = BochsChoice::installed();
    const bool good = installed.is_here() && installed.offer() &&
                      check_bochs_boots_linux(installed.version()).has_value();
    return good ? std::move(installed) : BochsChoice::of_debian(first_version_for_linux);
}

} // namespace

NamedLabEmulator bochs_lab_emulator() {
    return {"bochs", BochsLabEmulator::create};
}

Result<void> check_bochs_boots_linux(const std::string& version) {
    if (!version_is_older(version, first_version_for_linux)) {
        return {};
    }
    return failure("no Linux comes up under Bochs " + version + ": it stops before its clock runs",
                   std::string{"take lab:VERSION@bochs:"} + first_version_for_linux +
                       ", a version of Debian's that is fetched on first use, or name a newer one "
                       "by program=PATH");
}

Result<std::unique_ptr<LabEmulator>> BochsLabEmulator::create(TargetSpec& spec,
                                                              const TargetOptions& /*options*/) {
    const auto colon = spec.where.find(':');
    const auto version = colon == std::string::npos ? "" : spec.where.substr(colon + 1);
    const auto program = spec.take("program");
    if (program && colon != std::string::npos) {
        return failure("one Bochs is enough",
                       "@bochs:3.0 is a version of Debian's, program=PATH one of your own");
    }
    auto bochs = program ? Result<BochsChoice>{BochsChoice::installed(*program)}
                 : colon != std::string::npos ? BochsChoice::of_debian(version)
                                              : usual_bochs();
    if (!bochs) {
        return tl::unexpected(bochs.error());
    }
    BochsLabConfiguration configuration;
    configuration.cpu = spec.take("cpu").value_or(configuration.cpu);
    auto emulator = std::make_unique<BochsLabEmulator>(std::move(*bochs), std::move(configuration));
    if (!program && colon != std::string::npos) {
        if (const auto checked = check_bochs_boots_linux(version); !checked) {
            return tl::unexpected(checked.error());
        }
    }
    return emulator;
}

/// What only a Bochs that is here can be asked.
Result<void> BochsLabEmulator::check() const {
    if (!bochs_.is_here()) {
        return {};
    }
    if (!bochs_.offer()) {
        return tl::unexpected(bochs_.offer().error());
    }
    if (auto checked = check_bochs_boots_linux(bochs_.version()); !checked) {
        return checked;
    }
    return check_bochs_cpu(configuration_.cpu, *bochs_.offer());
}

Availability BochsLabEmulator::availability() {
    auto what = bochs_.availability();
    if (!what.available) {
        return what;
    }
    if (const auto checked = check(); !checked) {
        return {false, checked.error().what, checked.error().cure};
    }
    if (const auto checked = BootLoader::check_programs(); !checked) {
        return {false, what.reason + " needs something to boot from: " + checked.error().what,
                checked.error().cure};
    }
    return {true, what.reason + ", CPU " + configuration_.cpu, {}};
}

SubjectFacts BochsLabEmulator::facts() {
    SubjectFacts facts;
    facts.emplace_back("bochs.version", bochs_.version());
    const auto& last = bochs_.program().command.back();
    const auto program = find_program(last);
    facts.emplace_back("bochs.program", program ? *program : last);
    facts.emplace_back("bochs.ips", std::to_string(configuration_.instructions_per_second));
    facts.emplace_back("cpu.model", configuration_.cpu);
    return facts;
}

milliseconds BochsLabEmulator::boot_limit() const {
    return std::chrono::minutes{15}; // it takes one where nobody else wants the CPU
}

milliseconds BochsLabEmulator::silence_limit() const {
    return std::chrono::minutes{5}; // BIOS, GRUB and the kernel's first steps take 20 s
}

milliseconds BochsLabEmulator::stall_report_limit() const {
    return std::chrono::minutes{2}; // its clock counts instructions
}

WorkerLines BochsLabEmulator::worker_lines() const {
    const auto serial = std::string{"file:"} + serial_line;
    return {.requests = serial,
            .status = serial,
            .output = "port:0xe9",
            .ring_window = {},
            .longest_request = longest_serial_request};
}

std::string BochsLabEmulator::kernel_parameters() const {
    // Nothing is to be calibrated: timers of emulated seconds against instructions.
    const auto kilohertz = configuration_.instructions_per_second / 1000;
    return "console=ttyS0 tsc=reliable clocksource=tsc tsc_early_khz=" + std::to_string(kilohertz) +
           " lpj=" + std::to_string(configuration_.instructions_per_second / 250) + " nosmp";
}

std::string BochsLabEmulator::steps() const {
    return std::string{"require "} + serial_line + "\n";
}

Result<std::unique_ptr<LabBoot>> BochsLabEmulator::boot(const LabImage& image) {
    if (auto ready = bochs_.prepare(); !ready) {
        return tl::unexpected(ready.error());
    }
    if (auto checked = check(); !checked) {
        return tl::unexpected(checked.error());
    }
    if (!loader_ || command_line_ != image.command_line) {
        auto loader = BootLoader::make_for_linux(image.command_line);
        if (!loader) {
            return tl::unexpected(loader.error());
        }
        loader_ = std::move(*loader);
        command_line_ = image.command_line;
    }
    const auto kernel = read_whole_file(image.kernel);
    auto log = open_pipe_to_read(log_capacity);
    auto serial = open_terminal_pair();
    if (!kernel || !log || !serial) {
        return tl::unexpected(!kernel ? kernel.error() : !log ? log.error() : serial.error());
    }
    BochsConfiguration configuration;
    configuration.program = bochs_.program();
    configuration.cpu = configuration_.cpu;
    configuration.memory_mebibytes = configuration_.memory_mebibytes;
    configuration.instructions_per_second = configuration_.instructions_per_second;
    // A kernel reads SEV_STATUS before it has handlers, since CPUID promises SEV.
    configuration.ignores_unknown_msrs = true;
    const auto com = [](const std::string& which) {
        return [which](const std::string& path) { return which + ", dev=\"" + path + "\"\n"; };
    };
    auto machine = BochsMachine::start(
        configuration, *loader_, {{"kernel", *kernel}, {"initramfs", image.initramfs}},
        {{log->theirs.number(), com("com1: enabled=1, mode=file")},
         {serial->theirs.number(), com("com2: enabled=1, mode=term")}});
    if (!machine) {
        return tl::unexpected(machine.error());
    }
    return std::make_unique<BochsLabBoot>(std::move(*machine), std::move(log->ours),
                                          std::move(*serial));
}

} // namespace vmrunit::runner
