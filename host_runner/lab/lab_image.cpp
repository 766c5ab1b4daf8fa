// SPDX-License-Identifier: GPL-2.0-only
// Building what a lab kernel starts with.
#include "host_runner/lab/lab_image.hpp"

#include "host_runner/lab/initramfs.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace vmrunit::runner {

namespace {

constexpr std::size_t largest_file = std::size_t{256} << 20;

Result<std::vector<std::byte>> read_file(const std::filesystem::path& file) {
    std::ifstream stream{file, std::ios::binary | std::ios::ate};
    const auto size = stream ? static_cast<std::size_t>(stream.tellg()) : 0;
    if (!stream || size > largest_file) {
        return failure("cannot read " + file.string() + ": " +
                       (stream ? "it is too large" : std::strerror(errno)));
    }
    std::vector<std::byte> content(size);
    stream.seekg(0);
    if (!stream.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(size))) {
        return failure("cannot read " + file.string() + ": " + std::strerror(errno));
    }
    return content;
}

/// "npt=0", "vgif=0": what a module is loaded with.
std::vector<std::string> parameters_of(const LabConfiguration& configuration,
                                       const std::string& module) {
    std::vector<std::string> parameters;
    if (module == "kvm_amd") {
        parameters.emplace_back("nested=1");
    }
    for (const auto& [name, value] : configuration.module_parameters) {
        const auto dot = name.find('.');
        if (name.substr(0, dot) == module) {
            parameters.push_back(name.substr(dot + 1) + "=" + value);
        }
    }
    return parameters;
}

} // namespace

std::string lab_kernel_command_line(const LabConfiguration& configuration,
                                    const std::string& machine) {
    // Addresses are those of the image, for whoever reads a log.
    std::string line = machine + " loglevel=7 panic=0 printk.devkmsg=on nokaslr mitigations=off";
    for (const auto& module : configuration.kernel.built_in) {
        for (const auto& parameter : parameters_of(configuration, module)) {
            line += " " + module + "." + parameter;
        }
    }
    for (const auto& parameter : configuration.boot_parameters) {
        line += " " + parameter;
    }
    return line;
}

std::string lab_steps(const LabConfiguration& configuration, const WorkerLines& lines,
                      bool with_plan) {
    // A WARN stops the kernel once it is up: in the case at fault, with the ring as it is then.
    std::string steps = "write /proc/sys/kernel/panic_on_oops 1\n"
                        "write /proc/sys/kernel/panic_on_warn 1\n";
    for (const auto& module : configuration.kernel.modules) {
        steps += "insert /modules/" + module.name + ".ko";
        for (const auto& parameter : parameters_of(configuration, module.name)) {
            steps += " " + parameter;
        }
        steps += "\n";
    }
    steps += "require /dev/kvm\n";
    steps += "run /kvm-worker --serve --image /payload --boot-limit 0"
             " --memory " +
             std::to_string(configuration.vm_memory_mebibytes) + " --cpus " +
             std::to_string(configuration.vm_cpus) + " --requests " + lines.requests +
             " --status " + lines.status + " --output " + lines.output;
    if (with_plan) {
        steps += " --plan /plan";
    }
    if (!lines.ring_window.empty()) {
        steps += " --ring-window " + lines.ring_window;
    }
    for (const auto& feature : configuration.hidden_features) {
        steps += " --hide-feature " + feature;
    }
    return steps + "\n";
}

Result<LabImage> build_lab_image(const LabConfiguration& configuration, const LabEmulator& emulator,
                                 const std::filesystem::path& payload,
                                 std::span<const std::byte> plan) {
    const auto init = read_file(configuration.init);
    const auto worker = read_file(configuration.worker);
    const auto guest = read_file(payload);
    for (const auto* file : {&init, &worker, &guest}) {
        if (!*file) {
            return tl::unexpected(file->error());
        }
    }
    Initramfs archive;
    archive.add_folder("dev");
    archive.add_folder("proc");
    archive.add_folder("sys");
    archive.add_folder("modules");
    archive.add_file("init", *init, true);
    archive.add_file("kvm-worker", *worker, true);
    archive.add_file("payload", *guest);
    if (!plan.empty()) {
        archive.add_file("plan", plan);
    }
    archive.add_text("steps", emulator.steps() +
                                  lab_steps(configuration, emulator.worker_lines(), !plan.empty()));
    for (const auto& module : configuration.kernel.modules) {
        archive.add_file("modules/" + module.name + ".ko", module.content);
    }
    return LabImage{configuration.kernel.image, std::move(archive).finish(),
                    lab_kernel_command_line(configuration, emulator.kernel_parameters())};
}

} // namespace vmrunit::runner
