// SPDX-License-Identifier: GPL-2.0-only
// QEMU's command line. No file with a name but the image: all else is inherited, and opened by QEMU
// as /proc/self/fd/N, which QEMU 7.2, 10 and 11 do for memory, boot module, log and character
// devices alike.
#include "host_runner/targets/qemu_command_line.hpp"

#include "host_runner/files/memory_file.hpp"

namespace vmrunit::runner {

std::string machine_argument(const QemuConfiguration& configuration) {
    // No device a payload does not use: the ports are empty, so that an L2 may write to any of
    // them, and the firmware has less to do.
    constexpr const char* bare = ",acpi=off,rtc=off,pit=off,pic=off,isa-serial=off";
    return configuration.machine + (configuration.machine == "microvm" ? bare : "");
}

std::vector<std::string> qemu_command_line(const QemuConfiguration& configuration,
                                           const std::filesystem::path& image,
                                           const QemuDescriptors& descriptors) {
    const std::string memory_size = std::to_string(configuration.memory_mebibytes) + "M";
    const std::string machine =
        machine_argument(configuration) + (descriptors.memory ? ",memory-backend=memory" : "");
    // clang-format off
    std::vector<std::string> arguments{
        configuration.program, "-nodefaults", "-no-user-config", "-display", "none",
        // Events that come before the monitor is open are lost, so the machine waits for that.
        "-S",
        // A machine that has ended stays to be asked for its registers; then the runner ends it.
        "-action",  "reboot=shutdown,shutdown=pause",
        "-accel",   configuration.accelerator,
        "-machine", machine,
        "-cpu",     configuration.cpu,
        "-smp",     std::to_string(configuration.cpus),
        "-m",       memory_size,
        "-kernel",  image.string(),
        "-chardev", "file,id=debug-port,path=" + path_of_own_descriptor(descriptors.debug_port),
        "-device",  "isa-debugcon,iobase=0xe9,chardev=debug-port",
        "-chardev", "file,id=service-port,path=" + path_of_own_descriptor(descriptors.service_port),
        "-device",  "isa-debugcon,iobase=0xea,chardev=service-port",
        "-chardev", "socket,id=monitor,fd=" + std::to_string(descriptors.monitor),
        "-mon",     "chardev=monitor,mode=control",
        // Under TCG the log says which reset was a triple fault; the monitor does not.
        "-d",       "cpu_reset",
        "-D",       path_of_own_descriptor(descriptors.log),
    };
    // clang-format on
    const auto add = [&arguments](const char* option, std::string value) {
        arguments.emplace_back(option);
        arguments.push_back(std::move(value));
    };
    if (descriptors.plan) {
        add("-initrd", path_of_own_descriptor(*descriptors.plan));
    }
    if (descriptors.memory) {
        add("-object", "memory-backend-file,id=memory,share=on,size=" + memory_size +
                           ",mem-path=" + path_of_own_descriptor(*descriptors.memory));
    }
    return arguments;
}

} // namespace vmrunit::runner
