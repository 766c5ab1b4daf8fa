// SPDX-License-Identifier: GPL-2.0-only
// From the name of a target to the target.
#include "host_runner/targets/target_registry.hpp"

#include "host_runner/targets/nearest_names.hpp"

#include <algorithm>
#include <stdexcept>

namespace vmrunit::runner {

void TargetRegistry::add(TargetFactory factory) {
    if (std::ranges::find(factories_, factory.name, &TargetFactory::name) != factories_.end()) {
        throw std::logic_error("two kinds of target are called " + factory.name);
    }
    factories_.push_back(std::move(factory));
}

void TargetRegistry::add(std::vector<TargetFactory> factories) {
    for (auto& factory : factories) {
        add(std::move(factory));
    }
}

Result<std::unique_ptr<Target>> TargetRegistry::create(std::string_view spec,
                                                       const TargetOptions& options) const {
    auto parsed = TargetSpec::parse(spec);
    if (!parsed) {
        return tl::unexpected(parsed.error());
    }
    const auto factory = std::ranges::find(factories_, parsed->name, &TargetFactory::name);
    if (factory != factories_.end()) {
        return factory->create(std::move(*parsed), options);
    }
    std::vector<std::string> names;
    std::string known;
    for (const auto& one : factories_) {
        names.push_back(one.name);
        known += (known.empty() ? "" : ", ") + one.name;
    }
    const auto hint = did_you_mean(parsed->name, names);
    return failure("unknown target '" + parsed->name + "'",
                   (hint.empty() ? "" : hint + " ") + "there are " + known);
}

} // namespace vmrunit::runner
