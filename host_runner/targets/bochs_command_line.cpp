// SPDX-License-Identifier: GPL-2.0-only
// Configuration and command line of Bochs.
//
// The display is "term", the only one of Debian's that opens no network port. In a build with
// debugger it draws on a pseudo terminal that Bochs opens itself, so standard output carries
// nothing but port 0xE9 and the debugger's few words. The screen is one character in size: nobody
// reads that terminal, and what nobody reads must not fill up.
#include "host_runner/targets/bochs_command_line.hpp"

namespace vmrunit::runner {

std::string bochs_configuration_text(const BochsConfiguration& configuration,
                                     const BochsFiles& files) {
    const auto memory = std::to_string(configuration.memory_mebibytes);
    const auto& firmware = configuration.program.firmware;
    const auto roms = firmware.empty() ? std::string{}
                                       : "romimage: file=\"" + (firmware / "bios").string() +
                                             "\"\nvgaromimage: file=\"" +
                                             (firmware / "vgabios").string() + "\"\n";
    std::string hidden;
    for (const auto& feature : configuration.hidden) {
        hidden += (hidden.empty() ? ", exclude_features=\"" : ",") + feature;
    }
    hidden += hidden.empty() ? "" : "\"";
    return "cpu: model=" + configuration.cpu + hidden +
           ", count=1, ips=" + std::to_string(configuration.instructions_per_second) +
           ", reset_on_triple_fault=0, ignore_bad_msrs=" +
           (configuration.ignores_unknown_msrs ? "1" : "0") + "\n" + roms +
           "memory: guest=" + memory + ", host=" + memory +
           "\n"
           "ata0: enabled=1\n"
           "ata0-master: type=disk, mode=flat, path=\"" +
           files.disk.string() +
           "\"\n"
           "boot: disk\n"
           "clock: sync=none\n"
           "display_library: term\n"
           "port_e9_hack: enabled=1\n"
           "log: " +
           files.log.string() +
           "\n"
           "panic: action=fatal\n"
           "error: action=report\n"
           "info: action=report\n"
           "debug: action=ignore\n" +
           configuration.devices;
}

std::string bochs_debugger_commands() {
    return "c\n";
}

std::vector<std::string> bochs_command_line(const BochsConfiguration& configuration,
                                            const BochsFiles& files) {
    // env executes Bochs in its own place: the process stays the same one. Without MALLOC_PERTURB_,
    // which test runners set: Bochs reads memory that it has not written, and 2.7 then dies.
    std::vector<std::string> line{"env",       "-u",      "MALLOC_PERTURB_",
                                  "TERM=dumb", "LINES=1", "COLUMNS=1"};
    const auto& command = configuration.program.command;
    line.insert(line.end(), command.begin(), command.end());
    line.insert(line.end(), {"-q", "-f", files.configuration.string(), "-rc",
                             files.debugger_commands.string()});
    return line;
}

} // namespace vmrunit::runner
