// SPDX-License-Identifier: GPL-2.0-only
// Target `bochs`.
#include "host_runner/targets/bochs_target.hpp"

#include "host_runner/baseline/version.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/targets/nearest_names.hpp"

namespace vmrunit::runner {

namespace {

constexpr unsigned most_bochs_memory = 2048; // MiB

/// exclude_features came with Bochs 2.8.
bool can_hide_features(const std::string& version) {
    const auto own = Version::parse(version);
    return own && *own >= *Version::parse("2.8");
}

} // namespace

TargetFactory bochs_target_factory() {
    return {"bochs", "the Bochs emulator's CPU; runs on any machine",
            "bochs[:VERSION][,FEATURE=off]...[,cpu=MODEL][,memory=MIB][,program=PATH]",
            [](TargetSpec spec, const TargetOptions& /*options*/) {
                return BochsTarget::create(std::move(spec));
            }};
}

Result<std::unique_ptr<Target>> BochsTarget::create(TargetSpec spec) {
    const auto quoted = "target '" + spec.text + "': ";
    const auto program = spec.take("program");
    if (!spec.where.empty() || (program && !spec.subject.empty())) {
        return failure(quoted + "one Bochs is enough",
                       "bochs:3.0 is a version of Debian's, program=PATH one of your own");
    }
    auto bochs = spec.subject.empty() ? BochsChoice::installed(program.value_or("bochs-bin"))
                                      : BochsChoice::of_debian(spec.subject);
    if (!bochs) {
        return failure(quoted + bochs.error().what, bochs.error().cure);
    }
    BochsConfiguration configuration;
    configuration.cpu = spec.take("cpu").value_or(configuration.cpu);
    const auto memory = spec.take_number("memory", 16, most_bochs_memory);
    if (!memory) {
        return tl::unexpected(memory.error());
    }
    configuration.memory_mebibytes = memory->value_or(configuration.memory_mebibytes);
    for (const auto& [key, value] : spec.settings) {
        if (const auto on = parse_switch(value); !on || *on) {
            const auto hint = did_you_mean(key, {"cpu", "memory", "program"});
            return failure(quoted + "unknown key '" + key + "'",
                           hint.empty() ? "there are cpu, memory and program, and FEATURE=off"
                                        : hint);
        }
        configuration.hidden.push_back(key);
    }
    const bool usual_cpu = configuration.cpu == BochsConfiguration{}.cpu;
    std::unique_ptr<BochsTarget> target{
        new BochsTarget{spec.text, std::move(configuration), std::move(*bochs)}};
    if (usual_cpu || !target->bochs_.is_here()) {
        return target;
    }
    if (const auto& offer = target->bochs_.offer(); offer) {
        if (const auto checked = check_bochs_cpu(target->configuration_.cpu, *offer); !checked) {
            return failure(quoted + checked.error().what, checked.error().cure);
        }
    }
    return target; // a Bochs that does not answer is for availability() to report
}

std::string BochsTarget::baseline_name() const {
    return "bochs-" + bochs_.version();
}

Availability BochsTarget::availability() {
    auto what = bochs_.availability();
    if (!what.available) {
        return what;
    }
    if (!configuration_.hidden.empty() && !can_hide_features(bochs_.version())) {
        return {false, "Bochs " + bochs_.version() + " cannot hide CPU features",
                "bochs:3.0 is one that can"};
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

Result<void> BochsTarget::prepare() {
    if (auto ready = bochs_.prepare(); !ready) {
        return ready;
    }
    configuration_.program = bochs_.program();
    return {};
}

SubjectFacts BochsTarget::facts() {
    SubjectFacts facts;
    facts.emplace_back("bochs.version", bochs_.version());
    const auto& last = bochs_.program().command.back();
    const auto program = find_program(last);
    facts.emplace_back("bochs.program", program ? *program : last);
    facts.emplace_back("bochs.memory", std::to_string(configuration_.memory_mebibytes) + " MiB");
    facts.emplace_back("cpu.model", configuration_.cpu);
    return facts;
}

Result<std::unique_ptr<Machine>> BochsTarget::start(const BootRequest& request) {
    if (auto ready = prepare(); !ready) {
        return tl::unexpected(ready.error());
    }
    const bool with_plan = !request.plan.empty();
    if (!with_plan || !loader_) {
        auto made = BootLoader::make(with_plan);
        if (!made) {
            return tl::unexpected(made.error());
        }
        loader_ = std::move(*made);
    }
    auto machine = BochsMachine::start(configuration_, *loader_, request);
    if (!with_plan) {
        loader_.reset();
    }
    if (!machine) {
        return tl::unexpected(machine.error());
    }
    return std::unique_ptr<Machine>{std::move(*machine)};
}

} // namespace vmrunit::runner
