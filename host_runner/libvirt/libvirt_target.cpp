// SPDX-License-Identifier: GPL-2.0-only
// Target `libvirt`: its name, what its host offers, its domains.
#include "host_runner/libvirt/libvirt_target.hpp"

#include "harness/svm/inert_ports.hpp"
#include "host_runner/libvirt/libvirt_machine.hpp"
#include "host_runner/targets/kvm_host.hpp"
#include "host_runner/targets/nearest_names.hpp"

#include <algorithm>
#include <optional>

namespace vmrunit::runner {

namespace {

constexpr unsigned most_domain_cpus = 64;
constexpr unsigned most_domain_memory = 2048; // MiB; above, a PC's memory is no longer in one piece
constexpr std::string_view local = "qemu:///";

class LibvirtTarget final : public Target {
public:
    [[nodiscard]] static Result<std::unique_ptr<Target>> create(TargetSpec spec);

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::string baseline_name() const override;
    [[nodiscard]] Availability availability() override;
    [[nodiscard]] Layers layers() const override;
    [[nodiscard]] SubjectFacts facts() override;
    [[nodiscard]] bool shares_memory() const override { return false; }
    [[nodiscard]] svm::Features machine_features() const override { return svm::all_inert_ports; }
    [[nodiscard]] Result<std::unique_ptr<Machine>> start(const BootRequest& request) override;

private:
    LibvirtTarget(std::string name, LibvirtConfiguration configuration)
        : name_{std::move(name)}, configuration_{std::move(configuration)} {}

    [[nodiscard]] const Result<std::shared_ptr<LibvirtConnection>>& connection() const;
    /// "7.2"; empty without a connection.
    [[nodiscard]] std::string emulator_series() const;
    /// What the configuration leaves open, decided by the host's domain capabilities.
    [[nodiscard]] const Result<DomainType>& type() const;
    [[nodiscard]] Result<DomainType> choose_type() const;
    [[nodiscard]] bool is_kvm() const { return type() && *type() == DomainType::kvm; }
    /// Names of CPU and features, against this host's libvirt.
    [[nodiscard]] Result<void> check_names() const;
    [[nodiscard]] std::string cpu_text() const;

    std::string name_;
    LibvirtConfiguration configuration_;
    mutable std::optional<Result<std::shared_ptr<LibvirtConnection>>> connection_;
    mutable std::optional<Result<DomainType>> type_;
};

Result<std::unique_ptr<Target>> LibvirtTarget::create(TargetSpec spec) {
    const auto bad = [&](const std::string& what, const std::string& cure) {
        return failure("target '" + spec.text + "': " + what, cure);
    };
    if (spec.subject.empty()) {
        return bad("no URI is given", "libvirt:qemu:///system or libvirt:qemu:///session");
    }
    if (!spec.subject.starts_with(local) || !spec.where.empty()) {
        return bad("only QEMU of this machine can be driven by libvirt",
                   "a URI is qemu:///system or qemu:///session");
    }
    LibvirtConfiguration configuration;
    configuration.uri = spec.subject;
    if (const auto type = spec.take("type")) {
        if (*type != "kvm" && *type != "qemu") {
            return bad("type=" + *type, "a type is kvm or qemu");
        }
        configuration.type = *type == "kvm" ? DomainType::kvm : DomainType::qemu;
    }
    configuration.machine = spec.take("machine").value_or(configuration.machine);
    configuration.cpu = spec.take("cpu").value_or("");
    const auto cpus = spec.take_number("cpus", 1, most_domain_cpus);
    const auto memory = spec.take_number("memory", 16, most_domain_memory);
    if (!cpus || !memory) {
        return tl::unexpected(cpus ? memory.error() : cpus.error());
    }
    configuration.cpus = cpus->value_or(configuration.cpus);
    configuration.memory_mebibytes = memory->value_or(configuration.memory_mebibytes);
    for (const auto& [key, value] : spec.settings) {
        const auto on = parse_switch(value);
        if (!on) {
            return bad(key + "=" + value +
                           " is neither one of cpu, cpus, machine, memory, type nor a CPU feature "
                           "that is on or off",
                       did_you_mean(key, {"cpu", "cpus", "machine", "memory", "type"}));
        }
        if (key == "svm" && !*on) {
            return bad("there is nothing to test without SVM", "leave svm=off out");
        }
        if (key != "svm") {
            configuration.features.emplace_back(key, *on);
        }
    }
    const LibvirtConfiguration usual;
    const bool all_usual = configuration.cpu.empty() && configuration.features.empty() &&
                           configuration.machine == usual.machine;
    std::unique_ptr<LibvirtTarget> target{new LibvirtTarget{spec.text, std::move(configuration)}};
    // What keeps a host from being asked is for availability() to report.
    if (!all_usual && target->connection() && target->type()) {
        if (const auto checked = target->check_names(); !checked) {
            return bad(checked.error().what, checked.error().cure);
        }
    }
    return std::unique_ptr<Target>{std::move(target)};
}

const Result<std::shared_ptr<LibvirtConnection>>& LibvirtTarget::connection() const {
    if (!connection_) {
        connection_ = LibvirtConnection::open(configuration_.uri);
    }
    return *connection_;
}

const Result<DomainType>& LibvirtTarget::type() const {
    if (!type_) {
        type_ = choose_type();
    }
    return *type_;
}

Result<DomainType> LibvirtTarget::choose_type() const {
    if (!connection()) {
        return tl::unexpected(connection().error());
    }
    if (configuration_.type == DomainType::qemu) {
        return DomainType::qemu;
    }
    const auto svm = (*connection())->offers_svm(DomainType::kvm, configuration_.machine);
    if (svm && *svm) {
        return DomainType::kvm;
    }
    if (!configuration_.type) {
        return DomainType::qemu;
    }
    return failure("domains of type kvm have no SVM here: " +
                       (svm ? "KVM of this host does not offer it to guests" : svm.error().what),
                   "load kvm_amd with nested=1 on an AMD host, or take type=qemu");
}

Result<void> LibvirtTarget::check_names() const {
    const auto offer = (*connection())->ask_offer(*type(), configuration_.machine);
    if (!offer) {
        return tl::unexpected(offer.error());
    }
    const auto& model = configuration_.cpu;
    if (!model.empty() && std::ranges::find(offer->models, model) == offer->models.end()) {
        const auto hint = did_you_mean(model, offer->models);
        return failure("unknown CPU model '" + model + "'",
                       hint.empty() ? "virsh domcapabilities lists the models" : hint);
    }
    const DomainFiles files{"/payload", {}, "/port"};
    return (*connection())
        ->check_domain(domain_xml(configuration_, *type(), {"vmrunit", {}}, files));
}

std::string LibvirtTarget::baseline_name() const {
    // The subject is KVM or the emulator, whoever drives it: "kvm", "qemu-tcg-7.2".
    if (is_kvm()) {
        return "kvm";
    }
    const auto series = emulator_series();
    return "qemu-tcg-" + (series.empty() ? "unknown" : series);
}

std::string LibvirtTarget::emulator_series() const {
    const auto version = connection() ? (*connection())->emulator_version() : "";
    return version.substr(0, version.rfind('.'));
}

Layers LibvirtTarget::layers() const {
    return is_kvm() ? Layers{.cpu = "hardware", .kernel = look_at_kvm_host().kernel_release}
                    : Layers{.cpu = "qemu", .kernel = {}, .cpu_version = emulator_series()};
}

std::string LibvirtTarget::cpu_text() const {
    std::string text = !configuration_.cpu.empty() ? configuration_.cpu
                       : is_kvm()                  ? "host-passthrough"
                                                   : "maximum";
    text += ",svm=on";
    for (const auto& [feature, on] : configuration_.features) {
        text += "," + feature + (on ? "=on" : "=off");
    }
    return text;
}

Availability LibvirtTarget::availability() {
    if (!connection()) {
        return {false, connection().error().what, connection().error().cure};
    }
    if (!type()) {
        return {false, type().error().what, type().error().cure};
    }
    if (const auto offer = (*connection())->ask_offer(*type(), configuration_.machine); !offer) {
        return {false, offer.error().what, "apt install qemu-system-x86, then restart libvirtd"};
    }
    return {true,
            "libvirt " + (*connection())->library_version() + ", QEMU " +
                (*connection())->emulator_version() + ", " + (is_kvm() ? "KVM" : "TCG") + ", CPU " +
                cpu_text(),
            {}};
}

SubjectFacts LibvirtTarget::facts() {
    SubjectFacts facts;
    if (connection()) {
        facts.emplace_back("libvirt.version", (*connection())->library_version());
        facts.emplace_back("qemu.version", (*connection())->emulator_version());
    }
    facts.emplace_back("libvirt.uri", configuration_.uri);
    facts.emplace_back("qemu.accelerator", is_kvm() ? "kvm" : "tcg");
    facts.emplace_back("qemu.machine", configuration_.machine);
    facts.emplace_back("qemu.cpus", std::to_string(configuration_.cpus));
    facts.emplace_back("qemu.memory", std::to_string(configuration_.memory_mebibytes) + " MiB");
    facts.emplace_back("cpu.model", cpu_text());
    if (is_kvm()) {
        facts.emplace_back("kernel.release", look_at_kvm_host().kernel_release);
    }
    return facts;
}

Result<std::unique_ptr<Machine>> LibvirtTarget::start(const BootRequest& request) {
    if (connection_ && *connection_ && (**connection_)->lost()) {
        connection_.reset(); // the daemon may have been started again
    }
    if (!connection()) {
        return tl::unexpected(connection().error());
    }
    if (!type()) {
        return tl::unexpected(type().error());
    }
    auto machine = LibvirtMachine::start(*connection(), configuration_, *type(), request);
    if (!machine) {
        return tl::unexpected(machine.error());
    }
    return std::unique_ptr<Machine>{std::move(*machine)};
}

} // namespace

TargetFactory libvirt_target_factory() {
    return {"libvirt",
            "domains of libvirt: QEMU's emulated CPU, or KVM of this machine",
            "libvirt:URI[,type=qemu|kvm][,cpu=MODEL][,FEATURE=on|off]...[,cpus=N][,machine=TYPE]"
            "[,memory=MIB]",
            [](TargetSpec spec, const TargetOptions& /*options*/) {
                return LibvirtTarget::create(std::move(spec));
            },
            {"libvirt:qemu:///system"}};
}

} // namespace vmrunit::runner
