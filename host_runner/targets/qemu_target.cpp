// SPDX-License-Identifier: GPL-2.0-only
// Targets `qemu` and `qemu-kvm`.
//
// The default machine is microvm: it is up in half the time of q35 (23 ms instead of 60), has the
// fewest ports an L2 could stumble over, and its firmware leaves system-management mode alone, so
// that a payload can send itself SMIs. A second CPU costs no time until it is started.
#include "host_runner/targets/qemu_target.hpp"

#include "harness/svm/inert_ports.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/targets/kvm_host.hpp"
#include "host_runner/targets/nearest_names.hpp"

#include <algorithm>

namespace vmrunit::runner {

namespace {

constexpr const char* default_program = "qemu-system-x86_64";
constexpr unsigned most_qemu_cpus = 64;
constexpr unsigned most_qemu_memory = 2048; // MiB; above, a PC's memory is no longer in one piece

std::vector<std::string> own_keys() {
    return {"cpu", "cpus", "machine", "memory"};
}

/// Keys that are not the target's own are CPU features.
Result<CpuModel> take_cpu(TargetSpec& spec, const std::string& default_model) {
    CpuModel model;
    model.name = spec.take("cpu").value_or(default_model);
    for (const auto& [key, value] : spec.settings) {
        const auto on = parse_switch(value);
        if (!on) {
            const auto hint = did_you_mean(key, own_keys());
            std::string setting = key;
            setting.append("=").append(value);
            return failure("target '" + spec.text + "': " + setting +
                               " is neither one of cpu, cpus, machine, memory nor a CPU feature "
                               "that is on or off",
                           hint);
        }
        if (key == "svm" && !*on) {
            return failure("target '" + spec.text + "': there is nothing to test without SVM",
                           "leave svm=off out");
        }
        if (key != "svm") {
            model.features.emplace_back(key, *on);
        }
    }
    return model;
}

/// Asks QEMU only if something other than the default was asked for.
Result<void> check_names(const CpuModel& model, const QemuConfiguration& configuration) {
    const QemuConfiguration usual;
    const bool usual_cpu = model.name == "max" || model.name == "host";
    if ((usual_cpu && model.features.empty() && configuration.machine == usual.machine) ||
        !find_program(configuration.program)) {
        return {};
    }
    const auto offer = ask_qemu_offer(configuration.program, configuration.accelerator);
    if (!offer) {
        return {}; // not a matter of names: availability() says what is wrong with this QEMU
    }
    if (std::ranges::find(offer->machines, configuration.machine) == offer->machines.end()) {
        const auto hint = did_you_mean(configuration.machine, offer->machines);
        return failure("unknown machine '" + configuration.machine + "'",
                       hint.empty() ? "see " + configuration.program + " -machine help" : hint);
    }
    auto offered = offer->cpu;
    for (const auto& key : own_keys()) {
        offered.features.push_back(key); // somebody may have misspelt one of these
    }
    return check(model, offered);
}

} // namespace

std::vector<TargetFactory> qemu_target_factories() {
    const auto factory_for = [](const char* accelerator) {
        return [accelerator](TargetSpec spec, const TargetOptions& options) {
            return QemuTarget::create(std::move(spec), accelerator, options);
        };
    };
    const std::string keys = "[@PROGRAM][,cpu=MODEL][,FEATURE=on|off]...[,cpus=N][,machine=TYPE]"
                             "[,memory=MIB]";
    return {{"qemu", "QEMU's emulated CPU (TCG); runs on any machine", "qemu" + keys,
             factory_for("tcg")},
            {"qemu-kvm", "KVM of this machine, below QEMU", "qemu-kvm" + keys, factory_for("kvm")}};
}

Result<std::unique_ptr<Target>> QemuTarget::create(TargetSpec spec, const std::string& accelerator,
                                                   const TargetOptions& options) {
    QemuConfiguration configuration;
    configuration.accelerator = accelerator;
    configuration.program = !spec.where.empty()             ? spec.where
                            : !options.qemu_program.empty() ? options.qemu_program
                                                            : default_program;
    if (!spec.subject.empty()) {
        return failure("target '" + spec.text + "': nothing to choose by ':" + spec.subject + "'",
                       "a QEMU program is named after '@', a CPU by cpu=");
    }
    configuration.machine = spec.take("machine").value_or(configuration.machine);
    const auto cpus = spec.take_number("cpus", 1, most_qemu_cpus);
    const auto memory = spec.take_number("memory", 16, most_qemu_memory);
    if (!cpus || !memory) {
        return tl::unexpected(cpus ? memory.error() : cpus.error());
    }
    configuration.cpus = cpus->value_or(configuration.cpus);
    configuration.memory_mebibytes = memory->value_or(configuration.memory_mebibytes);
    auto cpu = take_cpu(spec, accelerator == "kvm" ? "host" : "max");
    if (!cpu) {
        return tl::unexpected(cpu.error());
    }
    configuration.cpu = cpu->argument();
    if (const auto checked = check_names(*cpu, configuration); !checked) {
        return failure("target '" + spec.text + "': " + checked.error().what, checked.error().cure);
    }
    return std::unique_ptr<Target>{
        new QemuTarget{spec.text, std::move(*cpu), std::move(configuration)}};
}

QemuTarget::QemuTarget(std::string name, CpuModel cpu, QemuConfiguration configuration)
    : name_{std::move(name)}, cpu_{std::move(cpu)}, configuration_{std::move(configuration)} {}

const Result<QemuVersion>& QemuTarget::version() const {
    if (!version_) {
        version_ = ask_qemu_version(configuration_.program);
    }
    return *version_;
}

std::string QemuTarget::baseline_name() const {
    if (runs_kvm()) {
        // The subject is the kernel's KVM, whoever drives it.
        return "kvm";
    }
    const auto& known = version();
    return "qemu-tcg-" + (known ? known->series() : "unknown");
}

Layers QemuTarget::layers() const {
    if (runs_kvm()) {
        return {.cpu = "hardware", .kernel = look_at_kvm_host().kernel_release};
    }
    const auto& known = version();
    return {.cpu = "qemu", .cpu_version = known ? known->series() : ""};
}

Availability QemuTarget::availability() {
    if (const auto found = find_program(configuration_.program); !found) {
        return {false, "QEMU not found (" + found.error().what + ")",
                "apt install qemu-system-x86, or name one with --qemu PATH"};
    }
    if (!version()) {
        return {false, version().error().line(), "name another QEMU with --qemu PATH"};
    }
    std::string what = "QEMU " + version()->text() + ", ";
    if (runs_kvm()) {
        auto host = judge_nested_svm(look_at_kvm_host());
        if (!host.available) {
            return host;
        }
        what += host.reason;
    } else {
        what += "TCG";
    }
    const auto missing = first_missing_feature();
    if (!missing) {
        return {false, missing.error().line(), {}};
    }
    if (!missing->empty()) {
        return {false, what + " cannot give a guest " + *missing,
                "leave " + *missing + "=on out, or name a newer QEMU with --qemu PATH"};
    }
    return {true, what + ", CPU " + configuration_.cpu, {}};
}

Result<std::string> QemuTarget::first_missing_feature() const {
    const auto is_on = [](const auto& feature) { return feature.second; };
    if (std::ranges::none_of(cpu_.features, is_on)) {
        return std::string{}; // what a model brings by itself, the guest reads and cases respect
    }
    const auto missing = ask_missing_features(configuration_);
    if (!missing) {
        return tl::unexpected(missing.error());
    }
    for (const auto& [feature, on] : cpu_.features) {
        if (on && std::ranges::find(*missing, feature) != missing->end()) {
            return feature;
        }
    }
    return std::string{};
}

svm::Features QemuTarget::machine_features() const {
    svm::Features features =
        svm::Features{svm::Feature::machine_check_service} | svm::all_inert_ports;
    if (configuration_.cpus > 1) {
        features.set(svm::Feature::second_cpu);
    }
    // Firmware of the other machines moves SMBASE and locks it.
    if (configuration_.machine.starts_with("microvm")) {
        features.set(svm::Feature::smm_in_memory);
    }
    return features;
}

SubjectFacts QemuTarget::facts() {
    SubjectFacts facts;
    if (const auto& known = version(); known) {
        facts.emplace_back("qemu.version", known->text());
        if (!known->package.empty()) {
            facts.emplace_back("qemu.package", known->package);
        }
    }
    const auto program = find_program(configuration_.program);
    facts.emplace_back("qemu.program", program ? *program : configuration_.program);
    facts.emplace_back("qemu.accelerator", configuration_.accelerator);
    facts.emplace_back("qemu.machine", machine_argument(configuration_));
    facts.emplace_back("qemu.cpus", std::to_string(configuration_.cpus));
    facts.emplace_back("qemu.memory", std::to_string(configuration_.memory_mebibytes) + " MiB");
    facts.emplace_back("cpu.model", configuration_.cpu);
    if (runs_kvm()) {
        const auto host = look_at_kvm_host();
        facts.emplace_back("kernel.release", host.kernel_release);
        facts.emplace_back("kvm.cpu_vendor", host.cpu_vendor);
        facts.emplace_back("kvm.under_hypervisor", host.under_hypervisor ? "yes" : "no");
    }
    return facts;
}

Result<std::unique_ptr<Machine>> QemuTarget::start(const BootRequest& request) {
    auto machine = QemuMachine::start(configuration_, request);
    if (!machine) {
        return tl::unexpected(machine.error());
    }
    return std::unique_ptr<Machine>{std::move(*machine)};
}

} // namespace vmrunit::runner
