// SPDX-License-Identifier: GPL-2.0-only
// Asks a QEMU program what it is and what it has, by --version and by its monitor.
#include "host_runner/targets/qemu_inquiry.hpp"

#include "host_runner/process/capture.hpp"

#include <charconv>

namespace vmrunit::runner {

namespace {

using nlohmann::json;
constexpr std::chrono::milliseconds qemu_answer_limit{20'000};

/// A QEMU started for its monitor only; the guest, if there is one, does not run.
class Inquiry {
public:
    static Result<Inquiry> start(std::vector<std::string> arguments) {
        auto monitor = open_socket_pair();
        auto errors = open_pipe_to_read();
        if (!monitor || !errors) {
            return tl::unexpected(monitor ? errors.error() : monitor.error());
        }
        Command command;
        command.errors = errors->theirs.number();
        const int number = command.hand_over(monitor->theirs.number());
        arguments.insert(arguments.end(),
                         {"-nodefaults", "-no-user-config", "-display", "none", "-S", "-chardev",
                          "socket,id=monitor,fd=" + std::to_string(number), "-mon",
                          "chardev=monitor,mode=control"});
        command.arguments = std::move(arguments);
        auto process = Process::start(command);
        if (!process) {
            return tl::unexpected(process.error());
        }
        monitor->theirs.reset();
        errors->theirs.reset();
        Inquiry inquiry{std::move(*process), std::move(monitor->ours)};
        if (auto greeting = inquiry.monitor_.open(qemu_answer_limit); !greeting) {
            inquiry.process_.kill();
            TextTail said{16 * 1024};
            said.read_from(errors->ours.number());
            const auto line = said.last_line();
            return failure(line.empty() ? greeting.error().what : line);
        }
        return inquiry;
    }

    Result<json> ask(const std::string& command, const json& arguments = json::object()) {
        return monitor_.execute(command, arguments, qemu_answer_limit);
    }

private:
    Inquiry(Process process, FileDescriptor monitor)
        : process_{std::move(process)}, monitor_{std::move(monitor)} {}

    Process process_;
    QmpConnection monitor_;
};

/// The texts under `key` of every object in a list, whatever else the list may hold.
std::vector<std::string> texts_under(const json& list, const char* key) {
    std::vector<std::string> texts;
    for (const auto& element : list) {
        if (element.is_object() && element.contains(key) && element[key].is_string()) {
            texts.push_back(element[key].get<std::string>());
        }
    }
    return texts;
}

} // namespace

std::string QemuVersion::text() const {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(micro);
}

std::string QemuVersion::series() const {
    return std::to_string(major) + "." + std::to_string(minor);
}

Result<QemuVersion> parse_qemu_version(std::string_view output) {
    constexpr std::string_view words = "QEMU emulator version ";
    const auto at = output.find(words);
    if (at == std::string_view::npos) {
        return failure("it does not say \"" + std::string{words} + "...\"");
    }
    auto line = output.substr(at + words.size());
    line = line.substr(0, line.find('\n'));
    QemuVersion version;
    const char* position = line.data();
    const char* const end = line.data() + line.size();
    for (unsigned* part : {&version.major, &version.minor, &version.micro}) {
        const auto [stop, error] = std::from_chars(position, end, *part);
        if (error != std::errc{}) {
            return failure("cannot read its version: " + printable(line));
        }
        const bool last = part == &version.micro;
        if (!last && (stop == end || *stop != '.')) {
            return failure("cannot read its version: " + printable(line));
        }
        position = last ? stop : stop + 1;
    }
    const std::string_view rest{position, static_cast<std::size_t>(end - position)};
    const auto open = rest.find('(');
    const auto close = rest.rfind(')');
    if (open != std::string_view::npos && close != std::string_view::npos && open < close) {
        version.package = printable(rest.substr(open + 1, close - open - 1));
    }
    return version;
}

Result<QemuVersion> ask_qemu_version(const std::string& program) {
    const auto answer = capture({program, "--version"}, qemu_answer_limit);
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    auto version = parse_qemu_version(answer->output);
    if (!version) {
        return failure(program + " is not a QEMU that can be used: " + version.error().what +
                       (answer->status.succeeded() ? "" : ", " + describe(answer->status)));
    }
    return version;
}

Result<QemuOffer> ask_qemu_offer(const std::string& program, const std::string& accelerator) {
    auto inquiry = Inquiry::start({program, "-machine", "none", "-accel", accelerator});
    if (!inquiry) {
        return tl::unexpected(inquiry.error());
    }
    const auto models = inquiry->ask("query-cpu-definitions");
    const auto properties = inquiry->ask("qom-list-properties", {{"typename", "max-x86_64-cpu"}});
    const auto machines = inquiry->ask("query-machines");
    for (const auto* answer : {&models, &properties, &machines}) {
        if (!*answer) {
            return tl::unexpected(answer->error());
        }
    }
    QemuOffer offer;
    offer.cpu.models = texts_under(*models, "name");
    offer.machines = texts_under(*machines, "name");
    for (const auto& machine : texts_under(*machines, "alias")) {
        offer.machines.push_back(machine);
    }
    // A feature is what can be on or off.
    json features = json::array();
    for (const auto& property : *properties) {
        if (property.is_object() && property.value("type", json{}) == "bool") {
            features.push_back(property);
        }
    }
    offer.cpu.features = texts_under(features, "name");
    return offer;
}

Result<std::vector<std::string>> ask_missing_features(const QemuConfiguration& configuration) {
    auto inquiry =
        Inquiry::start({configuration.program, "-accel", configuration.accelerator, "-machine",
                        machine_argument(configuration), "-m", "64M", "-cpu", configuration.cpu});
    if (!inquiry) {
        return tl::unexpected(inquiry.error());
    }
    const auto cpus = inquiry->ask("query-cpus-fast");
    if (!cpus) {
        return tl::unexpected(cpus.error());
    }
    const auto paths = texts_under(*cpus, "qom-path");
    if (paths.empty()) {
        return failure("QEMU names no CPU of its machine");
    }
    const auto missing =
        inquiry->ask("qom-get", {{"path", paths.front()}, {"property", "unavailable-features"}});
    if (!missing) {
        return tl::unexpected(missing.error());
    }
    std::vector<std::string> names;
    for (const auto& name : *missing) {
        if (name.is_string()) {
            names.push_back(name.get<std::string>());
        }
    }
    return names;
}

} // namespace vmrunit::runner
