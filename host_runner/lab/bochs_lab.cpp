// SPDX-License-Identifier: GPL-2.0-only
// Starting Bochs for a lab machine, and its lines: com1 is the console, com2 a pseudo terminal.
#include "host_runner/lab/bochs_lab.hpp"

#include "host_runner/debian/package_version.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/process/text_tail.hpp"
#include "host_runner/targets/bochs_machine.hpp"
#include "host_runner/targets/target_registry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

using std::chrono::milliseconds;
using How = MachineEnd::How;

/// 2.7 stops before a 6.12 kernel has its clock.
constexpr std::string_view first_for_linux = "3.0";
constexpr unsigned memory_mebibytes = 512;
/// Few, for a kernel's waiting is over the sooner; but its timer ticks 250 times a second, and
/// each tick takes thousands.
constexpr unsigned instructions_per_second = 10'000'000;
constexpr unsigned ticks_per_second = 250;
// A pipe that is full would stop the machine in the middle of a line.
constexpr int console_capacity = 256 * 1024;

/// Both ends: a terminal whose other end is closed reads as an error.
struct Terminal {
    FileDescriptor ours;
    FileDescriptor theirs;
    std::string path;
};

Result<Terminal> open_terminal() {
    Terminal terminal;
    terminal.ours = FileDescriptor{::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
    std::array<char, 64> path{};
    if (!terminal.ours.is_open() || ::grantpt(terminal.ours.number()) != 0 ||
        ::unlockpt(terminal.ours.number()) != 0 ||
        ::ptsname_r(terminal.ours.number(), path.data(), path.size()) != 0) {
        return failure(with_errno("cannot open a pseudo terminal", errno));
    }
    terminal.path = path.data();
    terminal.theirs = FileDescriptor{::open(path.data(), O_RDWR | O_NOCTTY | O_CLOEXEC)};
    if (!terminal.theirs.is_open()) {
        return failure(with_errno("cannot open " + terminal.path, errno));
    }
    return terminal;
}

/// Bytes, not characters: Bochs leaves it so that some bytes raise signals.
Result<void> make_raw(const FileDescriptor& terminal) {
    termios settings{};
    if (::tcgetattr(terminal.number(), &settings) != 0) {
        return failure(with_errno("settings of a pseudo terminal", errno));
    }
    ::cfmakeraw(&settings);
    if (::tcsetattr(terminal.number(), TCSANOW, &settings) != 0) {
        return failure(with_errno("settings of a pseudo terminal", errno));
    }
    return {};
}

class BochsLabBoot final : public LabBoot {
public:
    BochsLabBoot(std::unique_ptr<BochsMachine> machine, FileDescriptor console, Terminal terminal)
        : machine_{std::move(machine)},
          console_{std::move(console)},
          terminal_{std::move(terminal)} {}

    pid_t process_id() const override { return machine_->process_id(); }

    void wait(milliseconds limit) override {
        machine_->wait_for_news(limit, std::array{console_.number(), terminal_.ours.number()});
    }

    bool read_log(std::string& text) override {
        if (console_.is_open()) {
            TextTail arrived{console_capacity};
            const auto arrival = arrived.read_from(console_.number());
            text += arrived.text();
            if (arrival == Arrival::end) {
                console_.reset();
            }
        }
        return console_.is_open();
    }

    std::size_t send(std::span<const std::byte> bytes) override {
        std::size_t sent = 0;
        while (sent < bytes.size()) {
            const auto rest = bytes.subspan(sent);
            const auto count = ::write(terminal_.ours.number(), rest.data(), rest.size());
            if (count <= 0) {
                break;
            }
            sent += static_cast<std::size_t>(count);
        }
        return sent;
    }

    std::size_t read_status(std::span<std::byte> into) override {
        const auto count = ::read(terminal_.ours.number(), into.data(), into.size());
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
        return machine_->is_over() ? std::optional{lab_end(machine_->end())} : std::nullopt;
    }

    void kill() override { machine_->stop(); }

private:
    /// A machine that resets or switches itself off: here it is the kernel that did.
    static MachineEnd lab_end(MachineEnd end) {
        if (end.how == How::triple_fault) {
            return {How::kernel_died, "the lab machine: " + end.text, {}};
        }
        if (end.text.find("soft power off") != std::string::npos) {
            return {How::kernel_died, "the lab machine switched itself off", {}};
        }
        return end;
    }

    std::unique_ptr<BochsMachine> machine_;
    FileDescriptor console_;
    Terminal terminal_;
};

} // namespace

NamedLabEmulator bochs_lab_emulator() {
    return {"bochs", BochsLabEmulator::create};
}

Result<std::unique_ptr<LabEmulator>> BochsLabEmulator::create(TargetSpec& spec,
                                                              const TargetOptions& /*options*/) {
    BochsConfiguration configuration;
    configuration.memory_mebibytes = memory_mebibytes;
    configuration.instructions_per_second = instructions_per_second;
    configuration.cpu = spec.take("cpu").value_or(configuration.cpu);
    const auto colon = spec.where.find(':');
    auto bochs = BochsChoice::installed();
    const bool will_do = bochs.is_here() && bochs.offer() &&
                         !version_is_older(bochs.offer()->version, first_for_linux);
    if (colon != std::string::npos || !will_do) {
        auto named =
            BochsChoice::of_debian(colon != std::string::npos ? spec.where.substr(colon + 1)
                                                              : std::string{first_for_linux});
        if (!named) {
            return tl::unexpected(named.error());
        }
        bochs = std::move(*named);
    }
    return std::make_unique<BochsLabEmulator>(std::move(configuration), std::move(bochs));
}

Availability BochsLabEmulator::availability() {
    auto what = bochs_.availability();
    if (!what.available) {
        return what;
    }
    if (version_is_older(bochs_.version(), first_for_linux)) {
        return {false, what.reason + " stops when it boots Linux", "name another: @bochs:3.0"};
    }
    if (bochs_.is_here()) {
        if (const auto checked = check_bochs_cpu(configuration_.cpu, *bochs_.offer()); !checked) {
            return {false, checked.error().what, checked.error().cure};
        }
    }
    if (const auto checked = BootLoader::check_programs(); !checked) {
        return {false, what.reason + " needs something to boot from: " + checked.error().what,
                checked.error().cure};
    }
    return {true, what.reason + ", CPU " + configuration_.cpu, {}};
}

Result<void> BochsLabEmulator::prepare() {
    if (auto ready = bochs_.prepare(); !ready) {
        return ready;
    }
    configuration_.program = bochs_.program();
    return {};
}

SubjectFacts BochsLabEmulator::facts() {
    return {{"bochs.version", bochs_.version()},
            {"bochs.program", bochs_.program().command.back()},
            {"cpu.model", configuration_.cpu}};
}

milliseconds BochsLabEmulator::boot_limit() const {
    return std::chrono::minutes{10}; // 40 s on a machine that does nothing else
}

WorkerLines BochsLabEmulator::worker_lines() const {
    return {.requests = "file:/dev/ttyS1",
            .status = "file:/dev/ttyS1",
            .output = "port:0xe9",
            .ring_window = {}};
}

std::string BochsLabEmulator::kernel_parameters() const {
    const auto rate = configuration_.instructions_per_second;
    // The counter counts instructions, so nothing has to be measured.
    return "console=ttyS0,115200 nosmp tsc=reliable clocksource=tsc tsc_early_khz=" +
           std::to_string(rate / 1000) + " lpj=" + std::to_string(rate / ticks_per_second);
}

Result<std::unique_ptr<LabBoot>> BochsLabEmulator::boot(const LabImage& image) {
    const auto loader = BootLoader::make_for_linux(image.command_line);
    const auto kernel = read_whole_file(image.kernel);
    auto console = open_pipe_to_read(console_capacity);
    auto terminal = open_terminal();
    if (!loader || !kernel) {
        return tl::unexpected(loader ? kernel.error() : loader.error());
    }
    if (!console || !terminal) {
        return tl::unexpected(console ? terminal.error() : console.error());
    }
    auto configuration = configuration_;
    configuration.devices = "com2: enabled=1, mode=term, dev=" + terminal->path + "\n";
    const std::vector<BochsHandOver> more{{console->theirs.number(), [](const std::string& path) {
                                               return "com1: enabled=1, mode=file, dev=" + path +
                                                      "\n";
                                           }}};
    auto machine = BochsMachine::start(std::move(configuration), *loader,
                                       {{"kernel", *kernel}, {"initramfs", image.initramfs}}, more);
    if (!machine) {
        return tl::unexpected(machine.error());
    }
    console->theirs.reset(); // so that the end of Bochs is the end of its lines
    if (auto raw = make_raw(terminal->theirs); !raw) {
        return tl::unexpected(raw.error());
    }
    return std::make_unique<BochsLabBoot>(std::move(*machine), std::move(console->ours),
                                          std::move(*terminal));
}

} // namespace vmrunit::runner
