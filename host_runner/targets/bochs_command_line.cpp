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
    // The lowest instruction rate Bochs accepts: the seconds its BIOS spends waiting are emulated
    // ones, and are over the sooner the fewer instructions a second has.
    return "cpu: model=" + configuration.cpu +
           ", count=1, ips=1000000, reset_on_triple_fault=0\n"
           "memory: guest=" +
           memory + ", host=" + memory +
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
           "debug: action=ignore\n";
}

std::string bochs_debugger_commands() {
    return "c\n";
}

std::vector<std::string> bochs_command_line(const BochsConfiguration& configuration,
                                            const BochsFiles& files) {
    // env executes Bochs in its own place: the process stays the same one.
    return {"env",
            "TERM=dumb",
            "LINES=1",
            "COLUMNS=1",
            configuration.program,
            "-q",
            "-f",
            files.configuration.string(),
            "-rc",
            files.debugger_commands.string()};
}

} // namespace vmrunit::runner
