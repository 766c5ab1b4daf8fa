// SPDX-License-Identifier: GPL-2.0-only
// Target `kvm`.
#include "host_runner/targets/kvm_target.hpp"

#include "harness/svm/features.hpp"
#include "host_runner/targets/kvm_host.hpp"
#include "host_runner/targets/nearest_names.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <unistd.h>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

constexpr unsigned most_vm_cpus = 8;
constexpr unsigned most_vm_memory = 2048; // MiB

/// The parameters that the modules were loaded with: half of what a result depends on.
void add_module_parameters(const std::string& module, SubjectFacts& facts) {
    std::error_code error;
    const fs::path folder = fs::path{"/sys/module"} / module / "parameters";
    std::vector<fs::path> files;
    for (fs::directory_iterator it{folder, error}, end; !error && it != end; it.increment(error)) {
        files.push_back(it->path());
    }
    std::ranges::sort(files);
    for (const auto& file : files) {
        std::ifstream stream{file};
        std::string value;
        if (std::getline(stream, value)) {
            facts.emplace_back(module + "." + file.filename().string(), value);
        }
    }
}

std::vector<std::string> known_keys() {
    std::vector<std::string> names{"cpus", "memory"};
    for (const auto& info : svm::feature_table) {
        names.emplace_back(info.name);
    }
    return names;
}

/// What is wrong with a setting that should be a feature to hide.
std::optional<Error> complaint_about(const std::string& key, const std::string& value) {
    if (svm::feature_by_name(key) == nullptr) {
        return Error{"unknown key or CPU feature '" + key + "'", did_you_mean(key, known_keys())};
    }
    if (parse_switch(value) != std::optional{false}) {
        return Error{"a feature can only be hidden, by " + key + "=off", {}};
    }
    if (key == "svm") {
        return Error{"there is nothing to test without SVM", "leave svm=off out"};
    }
    return std::nullopt;
}

} // namespace

TargetFactory kvm_target_factory(fs::path worker) {
    return {"kvm", "KVM of this machine", "kvm[,FEATURE=off]...[,cpus=N][,memory=MIB]",
            [worker = std::move(worker)](TargetSpec spec, const TargetOptions& /*options*/) {
                return KvmTarget::create(std::move(spec), worker);
            }};
}

Result<std::unique_ptr<Target>> KvmTarget::create(TargetSpec spec, fs::path worker) {
    const auto quoted = "target '" + spec.text + "': ";
    if (!spec.subject.empty() || !spec.where.empty()) {
        return failure(quoted + "there is nothing to choose by ':' or '@'",
                       "other kernels are lab targets");
    }
    KvmConfiguration configuration;
    configuration.worker = std::move(worker);
    const auto cpus = spec.take_number("cpus", 1, most_vm_cpus);
    const auto memory = spec.take_number("memory", 4, most_vm_memory);
    if (!cpus || !memory) {
        return tl::unexpected(cpus ? memory.error() : cpus.error());
    }
    configuration.cpus = cpus->value_or(configuration.cpus);
    configuration.memory_mebibytes = memory->value_or(configuration.memory_mebibytes);
    for (const auto& [key, value] : spec.settings) {
        if (const auto error = complaint_about(key, value)) {
            return failure(quoted + error->what, error->cure);
        }
        configuration.hidden_features.push_back(key);
    }
    return std::unique_ptr<Target>{new KvmTarget{spec.text, std::move(configuration)}};
}

Layers KvmTarget::layers() const {
    return {.cpu = "hardware", .kernel = look_at_kvm_host().kernel_release};
}

Availability KvmTarget::availability() {
    auto host = judge_nested_svm(look_at_kvm_host());
    if (!host.available) {
        return host;
    }
    if (::access(configuration_.worker.c_str(), X_OK) != 0) {
        return {false, "there is no kvm-worker (" + configuration_.worker.string() + ")",
                "apt install linux-source-6.1 and build again"};
    }
    return host;
}

SubjectFacts KvmTarget::facts() {
    const auto host = look_at_kvm_host();
    SubjectFacts facts;
    facts.emplace_back("kernel.release", host.kernel_release);
    facts.emplace_back("kvm.cpu_vendor", host.cpu_vendor);
    facts.emplace_back("kvm.under_hypervisor", host.under_hypervisor ? "yes" : "no");
    facts.emplace_back("kvm.cpus", std::to_string(configuration_.cpus));
    facts.emplace_back("kvm.memory", std::to_string(configuration_.memory_mebibytes) + " MiB");
    std::string hidden;
    for (const auto& feature : configuration_.hidden_features) {
        hidden += (hidden.empty() ? "" : " ") + feature;
    }
    if (!hidden.empty()) {
        facts.emplace_back("kvm.hidden", hidden);
    }
    add_module_parameters("kvm", facts);
    add_module_parameters("kvm_amd", facts);
    return facts;
}

Result<std::unique_ptr<Machine>> KvmTarget::start(const BootRequest& request) {
    auto machine = KvmMachine::start(configuration_, request);
    if (!machine) {
        return tl::unexpected(machine.error());
    }
    return std::unique_ptr<Machine>{std::move(*machine)};
}

} // namespace vmrunit::runner
