// SPDX-License-Identifier: GPL-2.0-only
// Target `lab`: its name, its kernel, its machines.
#include "host_runner/lab/lab_target.hpp"

#include "harness/svm/features.hpp"
#include "host_runner/lab/debian_archive.hpp"
#include "host_runner/lab/lab_machine.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/targets/nearest_names.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <initializer_list>
#include <iterator>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

constexpr unsigned most_lab_cpus = 8;
constexpr unsigned most_lab_memory = 256; // MiB, of the VM in the lab machine
constexpr const char* example_version = "6.12";
constexpr const char* example_versions[] = {"6.1", "6.12", "7.3"};

/// Nothing that a kernel's command line or a module's parameters would take apart.
bool is_plain(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char character) {
        return character > ' ' && character <= '~' && character != '"' && character != '\'' &&
               character != '\\';
    });
}

bool is_version(std::string_view text) {
    const bool plain = is_plain(text) && text.find('/') == std::string_view::npos;
    const auto dot = text.find('.');
    return plain && text.front() >= '0' && text.front() <= '9' && dot != std::string_view::npos &&
           dot + 1 < text.size() && text[dot + 1] >= '0' && text[dot + 1] <= '9';
}

void say(const std::string& line) {
    fmt::print(stderr, "vmrunit: {}\n", line);
}

/// By the word after '@'. What is the name of none is a QEMU program, which the first one starts.
Result<const NamedLabEmulator*> find_emulator(const std::string& where,
                                              std::span<const NamedLabEmulator> emulators) {
    const auto name = where.substr(0, where.find(':'));
    const auto named = std::ranges::find(emulators, name, &NamedLabEmulator::name);
    if (named != emulators.end()) {
        return &*named;
    }
    if (!where.empty() && where.find('/') == std::string::npos && !find_program(where)) {
        std::vector<std::string> names;
        std::ranges::transform(emulators, std::back_inserter(names), &NamedLabEmulator::name);
        const auto hint = did_you_mean(name, names);
        return failure("'" + where + "' is no emulator and no QEMU program in PATH",
                       hint.empty()
                           ? "after '@' stands " + fmt::format("{}", fmt::join(names, ", ")) +
                                 " or a QEMU program"
                           : hint);
    }
    return &emulators.front();
}

/// Settings that are none of the target's own are parameters: of kvm_amd, where no module is named.
Result<void> take_parameter(const std::string& key, const std::string& value,
                            LabConfiguration& configuration) {
    if (!is_plain(key) || !is_plain(value)) {
        return failure("'" + key + "=" + value +
                       "' is no parameter: it may not hold spaces, "
                       "quotes or backslashes");
    }
    constexpr std::string_view boot = "boot.";
    constexpr std::string_view cpuid = "cpuid.";
    if (key.starts_with(boot)) {
        configuration.boot_parameters.push_back(key.substr(boot.size()) + "=" + value);
        return {};
    }
    if (key.starts_with(cpuid)) {
        const auto feature = key.substr(cpuid.size());
        if (svm::feature_by_name(feature) == nullptr) {
            std::vector<std::string> names;
            for (const auto& info : svm::feature_table) {
                names.emplace_back(info.name);
            }
            return failure("unknown CPU feature '" + feature + "'", did_you_mean(feature, names));
        }
        if (parse_switch(value) != std::optional{false} || feature == "svm") {
            return failure(key + "=" + value + ": a feature can only be hidden, and not svm",
                           key + "=off");
        }
        configuration.hidden_features.push_back(feature);
        return {};
    }
    const auto dot = key.find('.');
    auto name = dot == std::string::npos ? "kvm_amd." + key : key;
    std::replace(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(name.find('.')), '-',
                 '_');
    if (name == "kvm_amd.nested" && parse_switch(value) != std::optional{true}) {
        return failure("there is nothing to test without nested=1");
    }
    configuration.module_parameters.emplace_back(std::move(name), value);
    return {};
}

/// As baselines compare it: a module takes npt=N, npt=off and npt=0 for the same.
std::string as_number(const std::string& value) {
    const auto is = [&](std::initializer_list<std::string_view> words) {
        return std::ranges::find(words, value) != words.end();
    };
    return is({"n", "N", "off", "OFF", "Off"}) ? "0"
           : is({"y", "Y", "on", "ON", "On"})  ? "1"
                                               : value;
}

/// In place of one whose boot was given up: no case is to be blamed for that, nor the target.
class UnwantedMachine final : public Machine {
public:
    ReadOutcome read(std::span<std::byte>, std::chrono::milliseconds) override {
        return {.ended = true};
    }
    [[nodiscard]] MachineEnd end() const override {
        return {MachineEnd::How::lost, "interrupted while it booted", {}};
    }
    void stop() override {}
};

} // namespace

TargetFactory lab_target_factory(LabPrograms programs, std::vector<NamedLabEmulator> emulators,
                                 std::function<bool()> give_up) {
    std::string usage = "lab:VERSION[@EMULATOR] | lab[@EMULATOR],kernel=PATH [,PARAMETER=VALUE]..."
                        " [,kvm.PARAMETER=VALUE]... [,boot.PARAMETER=VALUE]..."
                        " [,cpuid.FEATURE=off]... [,cpu=MODEL][,cpus=N][,memory=MIB]; EMULATOR is ";
    const auto example = std::string{"lab:"} + example_version;
    std::vector<std::string> examples; // on the first emulator
    for (const char* const version : example_versions) {
        examples.push_back(std::string{"lab:"} + version);
    }
    for (const auto& emulator : emulators) {
        usage += emulator.name + ", ";
        if (&emulator != &emulators.front()) {
            examples.push_back(example + "@" + emulator.name);
        }
    }
    usage += "or a QEMU program";
    return {"lab", "KVM of a Linux kernel, booted under an emulated CPU", std::move(usage),
            [programs = std::move(programs), emulators = std::move(emulators),
             give_up = std::move(give_up)](TargetSpec spec, const TargetOptions& options) {
                return LabTarget::create(std::move(spec), programs, emulators, options, give_up);
            },
            std::move(examples)};
}

Result<std::unique_ptr<Target>> LabTarget::create(TargetSpec spec, LabPrograms programs,
                                                  std::span<const NamedLabEmulator> emulators,
                                                  const TargetOptions& options,
                                                  std::function<bool()> give_up) {
    const auto bad = [&](const std::string& what, const std::string& cure = {}) {
        return failure("target '" + spec.text + "': " + what, cure);
    };
    LabConfiguration configuration;
    configuration.give_up = std::move(give_up);
    configuration.init = std::move(programs.init);
    configuration.worker = std::move(programs.worker);
    auto path = spec.take("kernel");
    const int named_kernels =
        (path ? 1 : 0) + (options.kernel.empty() ? 0 : 1) + (spec.subject.empty() ? 0 : 1);
    if (named_kernels != 1) {
        return bad(named_kernels == 0 ? "no kernel is named" : "more than one kernel is named",
                   std::string{"lab:"} + example_version +
                       " is one of Debian's, --kernel PATH or lab,kernel=PATH one of your own");
    }
    if (!options.kernel.empty()) {
        path = options.kernel.string();
    }
    if (!path && !is_version(spec.subject)) {
        return bad("'" + spec.subject + "' is no version", "a version is written 6.12 or 6.12.95");
    }
    const auto cpus = spec.take_number("cpus", 1, most_lab_cpus);
    const auto memory = spec.take_number("memory", 4, most_lab_memory);
    if (!cpus || !memory) {
        return tl::unexpected(cpus ? memory.error() : cpus.error());
    }
    configuration.vm_cpus = cpus->value_or(configuration.vm_cpus);
    configuration.vm_memory_mebibytes = memory->value_or(configuration.vm_memory_mebibytes);
    const auto factory = find_emulator(spec.where, emulators);
    if (!factory) {
        return bad(factory.error().what, factory.error().cure);
    }
    auto emulator = (*factory)->create(spec, options);
    if (!emulator) {
        return bad(emulator.error().what, emulator.error().cure);
    }
    for (const auto& [key, value] : spec.settings) {
        if (auto taken = take_parameter(key, value, configuration); !taken) {
            return bad(taken.error().what, taken.error().cure);
        }
    }
    std::unique_ptr<LabTarget> target{
        new LabTarget{spec.text, std::move(configuration), std::move(*emulator)}};
    target->version_ = spec.subject;
    target->kernel_path_ = path.value_or("");
    return std::unique_ptr<Target>{std::move(target)};
}

Availability LabTarget::availability() {
    auto emulator = emulator_->availability();
    if (!emulator.available) {
        return emulator;
    }
    for (const auto* program : {&configuration_.worker, &configuration_.init}) {
        if (::access(program->c_str(), X_OK) != 0) {
            return {false,
                    "there is no " + program->filename().string() + " (" + program->string() + ")",
                    "apt install linux-source-6.1 and build again"};
        }
    }
    const auto on = " on " + emulator.reason;
    if (prepared_) {
        return {true, "Linux " + configuration_.kernel.release + on, {}};
    }
    if (!kernel_path_.empty()) {
        return {true, kernel_path_.string() + on, {}};
    }
    const auto folder = KernelPackageCache::default_folder();
    if (!folder) {
        return {false, folder.error().what, folder.error().cure};
    }
    if (const auto version = KernelPackageCache{*folder}.find(version_)) {
        return {true, "Linux " + *version + " of Debian" + on, {}};
    }
    if (const auto archive = DebianArchive::open(*folder / "apt"); !archive) {
        return {false, archive.error().what, archive.error().cure};
    }
    return {true, "Linux " + version_ + " of Debian, fetched on first use," + on, {}};
}

Result<void> LabTarget::prepare() {
    if (prepared_) {
        return {};
    }
    Result<KernelFiles> kernel;
    if (!kernel_path_.empty()) {
        kernel = find_kernel_files(kernel_path_);
    } else {
        const auto folder = KernelPackageCache::default_folder();
        if (!folder) {
            return tl::unexpected(folder.error());
        }
        kernel = KernelPackageCache{*folder}.obtain(version_, debian_source(*folder / "apt"), say);
    }
    if (!kernel) {
        return tl::unexpected(kernel.error());
    }
    configuration_.kernel = std::move(*kernel);
    if (auto checked = check_parameters(); !checked) {
        return checked;
    }
    if (auto ready = emulator_->prepare(); !ready) {
        return ready;
    }
    prepared_ = true;
    return {};
}

/// The kernel only notes a parameter it does not know in its log.
Result<void> LabTarget::check_parameters() const {
    const auto& kernel = configuration_.kernel;
    for (const auto& [name, value] : configuration_.module_parameters) {
        const auto module_name = name.substr(0, name.find('.'));
        const auto parameter = name.substr(module_name.size() + 1);
        const auto module = std::ranges::find(kernel.modules, module_name, &KernelModule::name);
        if (module == kernel.modules.end()) {
            if (std::ranges::find(kernel.built_in, module_name) != kernel.built_in.end()) {
                continue; // of those nobody can be asked
            }
            std::vector<std::string> names;
            std::ranges::transform(kernel.modules, std::back_inserter(names), &KernelModule::name);
            return misuse("no module " + module_name + " is loaded for " + name + "=" + value,
                          did_you_mean(module_name, names));
        }
        if (std::ranges::find(module->parameters, parameter) == module->parameters.end()) {
            return misuse("module " + module_name + " of Linux " + kernel.release +
                              " has no parameter " + parameter,
                          did_you_mean(parameter, module->parameters));
        }
    }
    return {};
}

std::string LabTarget::baseline_name() const {
    return "lab-" + emulator_->baseline_name();
}

Layers LabTarget::layers() const {
    auto layers = emulator_->cpu_layer();
    layers.kernel = prepared_ ? configuration_.kernel.release : version_;
    return layers;
}

SubjectFacts LabTarget::facts() {
    SubjectFacts facts;
    if (prepared_) {
        facts.emplace_back("kernel.release", configuration_.kernel.release);
        facts.emplace_back("kernel.origin", configuration_.kernel.origin);
    }
    for (const auto& [name, value] : configuration_.module_parameters) {
        facts.emplace_back(name, as_number(value));
    }
    for (const auto& parameter : configuration_.boot_parameters) {
        facts.emplace_back("kernel.parameter", parameter);
    }
    std::string hidden;
    for (const auto& feature : configuration_.hidden_features) {
        hidden += (hidden.empty() ? "" : " ") + feature;
    }
    if (!hidden.empty()) {
        facts.emplace_back("kvm.hidden", hidden);
    }
    std::ranges::move(emulator_->facts(), std::back_inserter(facts));
    return facts;
}

Result<std::unique_ptr<Machine>> LabTarget::start(const BootRequest& request) {
    if (auto ready = prepare(); !ready) {
        return tl::unexpected(ready.error());
    }
    auto kernel = idle_kernel(request);
    if (!kernel && configuration_.give_up && configuration_.give_up()) {
        return std::make_unique<UnwantedMachine>();
    }
    if (!kernel) {
        return tl::unexpected(kernel.error());
    }
    auto machine = LabMachine::start(std::move(*kernel), request);
    if (!machine) {
        return tl::unexpected(machine.error());
    }
    return std::unique_ptr<Machine>{std::move(*machine)};
}

Result<std::shared_ptr<LabKernel>> LabTarget::idle_kernel(const BootRequest& request) {
    std::erase_if(kernels_, [](const auto& kernel) { return !kernel->is_well(); });
    const auto is_idle = [](const auto& kernel) { return kernel.use_count() == 1; };
    for (const auto& kernel : kernels_) {
        if (is_idle(kernel) && kernel->payload() == request.image && kernel->takes(request.plan)) {
            kernel->look(); // it may have died meanwhile
            if (kernel->is_well()) {
                return kernel;
            }
        }
    }
    std::erase_if(kernels_, is_idle); // of no use for what is wanted now, and each wants a CPU
    auto kernel = LabKernel::boot(*emulator_, configuration_, request.image, request.plan);
    if (!kernel) {
        return tl::unexpected(kernel.error());
    }
    ++boots_;
    kernels_.push_back(*kernel);
    return kernel;
}

} // namespace vmrunit::runner
