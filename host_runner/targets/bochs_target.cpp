// SPDX-License-Identifier: GPL-2.0-only
// Target `bochs`.
#include "host_runner/targets/bochs_target.hpp"

#include "host_runner/process/find_program.hpp"
#include "host_runner/targets/nearest_names.hpp"

namespace vmrunit::runner {

namespace {

constexpr unsigned most_memory = 2048; // MiB
constexpr const char* packages = "apt install bochs bochs-term bochsbios vgabios";

} // namespace

TargetFactory bochs_target_factory() {
    return {"bochs", "the Bochs emulator's CPU; runs on any machine",
            "bochs[,cpu=MODEL][,memory=MIB][,program=PATH]",
            [](TargetSpec spec, const TargetOptions& /*options*/) {
                return BochsTarget::create(std::move(spec));
            }};
}

Result<std::unique_ptr<Target>> BochsTarget::create(TargetSpec spec) {
    const auto quoted = "target '" + spec.text + "': ";
    if (!spec.subject.empty() || !spec.where.empty()) {
        return failure(quoted + "there is nothing to choose by ':' or '@'",
                       "another Bochs is named by program=PATH");
    }
    BochsConfiguration configuration;
    configuration.program = spec.take("program").value_or(configuration.program);
    configuration.cpu = spec.take("cpu").value_or(configuration.cpu);
    const auto memory = spec.take_number("memory", 16, most_memory);
    if (!memory) {
        return tl::unexpected(memory.error());
    }
    configuration.memory_mebibytes = memory->value_or(configuration.memory_mebibytes);
    if (!spec.settings.empty()) {
        const auto& key = spec.settings.front().first;
        const auto hint = did_you_mean(key, {"cpu", "memory", "program"});
        return failure(quoted + "unknown key '" + key + "'",
                       hint.empty() ? "there are cpu, memory and program" : hint);
    }
    const bool usual_cpu = configuration.cpu == BochsConfiguration{}.cpu;
    std::unique_ptr<BochsTarget> target{new BochsTarget{spec.text, std::move(configuration)}};
    if (usual_cpu || !find_program(target->configuration_.program)) {
        return target;
    }
    if (const auto& offer = target->offer(); offer) {
        if (const auto checked = check_bochs_cpu(target->configuration_.cpu, *offer); !checked) {
            return failure(quoted + checked.error().what, checked.error().cure);
        }
    }
    return target; // a Bochs that does not answer is for availability() to report
}

const Result<BochsOffer>& BochsTarget::offer() const {
    if (!offer_) {
        offer_ = ask_bochs_offer(configuration_.program);
    }
    return *offer_;
}

std::string BochsTarget::baseline_name() const {
    return "bochs-" + (offer() ? offer()->version : std::string{"unknown"});
}

Availability BochsTarget::availability() {
    if (const auto found = find_program(configuration_.program); !found) {
        return {false, "Bochs not found (" + found.error().what + ")",
                std::string{packages} + ", or name one by program=PATH"};
    }
    if (!offer()) {
        return {false, offer().error().line(), "name another Bochs by program=PATH"};
    }
    const auto what = "Bochs " + offer()->version;
    if (const auto checked = check_bochs_cpu(configuration_.cpu, *offer()); !checked) {
        return {false, checked.error().what, checked.error().cure};
    }
    if (const auto checked = BootLoader::check_programs(); !checked) {
        return {false, what + " needs something to boot from: " + checked.error().what,
                checked.error().cure};
    }
    return {true, what + ", CPU " + configuration_.cpu, {}};
}

SubjectFacts BochsTarget::facts() {
    SubjectFacts facts;
    if (offer()) {
        facts.emplace_back("bochs.version", offer()->version);
    }
    const auto program = find_program(configuration_.program);
    facts.emplace_back("bochs.program", program ? *program : configuration_.program);
    facts.emplace_back("bochs.memory", std::to_string(configuration_.memory_mebibytes) + " MiB");
    facts.emplace_back("cpu.model", configuration_.cpu);
    return facts;
}

Result<std::unique_ptr<Machine>> BochsTarget::start(const BootRequest& request) {
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
