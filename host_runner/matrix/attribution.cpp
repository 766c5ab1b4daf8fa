// SPDX-License-Identifier: GPL-2.0-only
// See attribution.hpp.
#include "host_runner/matrix/attribution.hpp"

#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"
#include "host_runner/targets/target_spec.hpp"

#include <algorithm>
#include <functional>
#include <set>

namespace vmrunit::runner {

namespace {

/// What was given behind the name, but for which kernel: two kernels are compared only if told the
/// same.
std::string settings_of(const Witness& witness) {
    std::string settings;
    const auto spec = TargetSpec::parse(witness.target);
    for (const auto& [key, value] : spec ? spec->settings : std::vector<TargetSpec::Setting>{}) {
        settings += key == "kernel" ? "" : "," + key + "=" + value;
    }
    return settings;
}

/// The CPU with its version, where that is known.
std::string cpu_text(const Layers& layers) {
    return layers.cpu + (layers.cpu_version.empty() ? "" : " " + layers.cpu_version);
}

/// One case, looked at by one of its deviations.
class Examination {
public:
    Examination(std::span<const Witness> witnesses, std::span<const Cell> cells, std::size_t at)
        : witnesses_{witnesses}, cells_{cells}, at_{at} {}

    [[nodiscard]] Attribution judge() const {
        if (nobody_is_right()) {
            return {at_, Culprit::table, {}, "no target holds, and two CPUs do the same"};
        }
        return own().layers.kernel.empty() ? judge_bare_cpu() : judge_kernel();
    }

private:
    using Condition = std::function<bool(std::size_t)>;

    [[nodiscard]] const Witness& own() const { return witnesses_[at_]; }

    /// The first target other than the own one that meets all conditions.
    [[nodiscard]] const Witness* find(const std::vector<Condition>& conditions) const {
        for (std::size_t i = 0; i < cells_.size(); ++i) {
            if (i != at_ &&
                std::ranges::all_of(conditions, [&](const Condition& meets) { return meets(i); })) {
                return &witnesses_[i];
            }
        }
        return nullptr;
    }

    [[nodiscard]] Condition holds() const {
        return [this](std::size_t i) { return cells_[i].holds(); };
    }
    [[nodiscard]] Condition deviates() const {
        return [this](std::size_t i) { return cells_[i].deviates(); };
    }
    [[nodiscard]] Condition deviates_alike() const {
        return [this](std::size_t i) {
            return cells_[i].deviates() && cells_[i].manner == cells_[at_].manner;
        };
    }
    [[nodiscard]] Condition same_cpu(const Layers& as) const {
        return [this, as](std::size_t i) {
            const auto& layers = witnesses_[i].layers;
            return layers.cpu == as.cpu && layers.cpu_version == as.cpu_version;
        };
    }
    /// Of the same project: what both do is no second witness, where they differ is telling.
    [[nodiscard]] Condition other_version() const {
        return [this](std::size_t i) {
            const auto& layers = witnesses_[i].layers;
            return layers.cpu == own().layers.cpu && layers.cpu_version != own().layers.cpu_version;
        };
    }
    [[nodiscard]] Condition other_cpu() const {
        return [this](std::size_t i) { return witnesses_[i].layers.cpu != own().layers.cpu; };
    }
    [[nodiscard]] Condition bare() const {
        return [this](std::size_t i) { return witnesses_[i].layers.kernel.empty(); };
    }
    [[nodiscard]] Condition same_kernel() const {
        return [this](std::size_t i) { return witnesses_[i].layers.kernel == own().layers.kernel; };
    }
    [[nodiscard]] Condition other_kernel_told_the_same() const {
        return [this](std::size_t i) {
            const auto& kernel = witnesses_[i].layers.kernel;
            return !kernel.empty() && kernel != own().layers.kernel &&
                   settings_of(witnesses_[i]) == settings_of(own());
        };
    }

    /// Nobody holds, and no CPU is the cause: two do the same. Two that deviate in ways of their
    /// own are more likely to be wrong both.
    [[nodiscard]] bool nobody_is_right() const {
        std::set<std::string> cpus;
        bool any_bare = false;
        for (std::size_t i = 0; i < cells_.size(); ++i) {
            if (cells_[i].holds() || cells_[i].flaky) {
                return false;
            }
            if (cells_[i].deviates() && cells_[i].manner == cells_[at_].manner) {
                cpus.insert(witnesses_[i].layers.cpu);
                any_bare = any_bare || bare()(i);
            }
        }
        return cpus.size() > 1 && any_bare;
    }

    [[nodiscard]] Attribution cpu(std::string evidence) const {
        return {at_, Culprit::cpu, cpu_text(own().layers), std::move(evidence)};
    }
    [[nodiscard]] Attribution kvm(std::string evidence) const {
        return {at_, Culprit::kvm, own().layers.kernel, std::move(evidence)};
    }
    [[nodiscard]] Attribution undecided(std::string evidence) const {
        return {at_, Culprit::undecided, {}, std::move(evidence)};
    }

    [[nodiscard]] Attribution judge_bare_cpu() const {
        if (const auto* other = find({bare(), other_version(), holds()})) {
            return cpu("holds on " + other->target);
        }
        if (const auto* other = find({bare(), other_cpu(), holds()})) {
            return cpu("holds on " + other->target);
        }
        if (const auto* other = find({other_cpu(), holds()})) {
            return cpu("holds on " + other->target);
        }
        if (const auto* above = find({same_cpu(own().layers), holds()})) {
            return cpu("holds on " + above->target + ", where KVM is in between");
        }
        return find({other_cpu(), deviates()}) != nullptr
                   ? undecided("no target holds, each CPU in its own way")
                   : undecided("no other CPU has run it: the CPU or our table");
    }

    /// The order is that of how little differs between the two targets compared.
    [[nodiscard]] Attribution judge_kernel() const {
        const auto own_cpu = same_cpu(own().layers);
        const auto* const bare_cpu_fails_alike = find({bare(), own_cpu, deviates_alike()});
        const auto* const bare_cpu_holds = find({bare(), own_cpu, holds()});
        if (const auto* other = find({own_cpu, other_kernel_told_the_same(), holds()})) {
            return kvm("holds on " + other->target);
        }
        if (const auto* other = find({same_kernel(), other_cpu(), deviates_alike()})) {
            // What a second CPU shows as well is not this one's, if that one is right when bare.
            if (bare_cpu_fails_alike == nullptr ||
                find({bare(), same_cpu(other->layers), holds()}) != nullptr) {
                return kvm("the same on " + other->target);
            }
        }
        if (bare_cpu_fails_alike != nullptr) {
            return find({holds()}) != nullptr
                       ? cpu("the same on " + bare_cpu_fails_alike->target)
                       : undecided("the same on " + bare_cpu_fails_alike->target +
                                   ", and no other CPU has run it: the CPU or our table");
        }
        for (const auto& another : {other_version(), other_cpu()}) {
            if (const auto* other = find({same_kernel(), another, holds()})) {
                return cpu("holds on " + other->target);
            }
        }
        if (const auto* other = find({same_kernel(), other_cpu(), deviates()})) {
            return kvm("in another way on " + other->target);
        }
        if (const auto* below = find({bare(), own_cpu, deviates()})) {
            return cpu("in another way on " + below->target);
        }
        if (bare_cpu_holds != nullptr) {
            return undecided(
                "holds on " + bare_cpu_holds->target +
                ": KVM, or that CPU below it; the same kernel on another CPU can tell");
        }
        return undecided("no target that ran it can tell");
    }

    std::span<const Witness> witnesses_;
    std::span<const Cell> cells_;
    std::size_t at_;
};

} // namespace

Cell cell_of(const CaseResult& result) {
    Cell cell{.verdict = result.verdict, .manner = {}, .reason = {}, .flaky = result.flaky()};
    if (!cell.deviates()) {
        cell.reason = cell.flaky ? attempts_text(result) : short_reason(result);
        return cell;
    }
    std::vector<std::string> seen;
    for (const FieldDifference& field : result.fields) {
        if (!field.matches) {
            seen.push_back(field.field + "=" + field.actual);
        }
    }
    std::ranges::sort(seen);
    for (const std::string& one : seen) {
        cell.manner += (cell.manner.empty() ? "" : " ") + one;
    }
    const auto marked = result.fields.empty() ? result.reason.find(seen_mark) : std::string::npos;
    if (seen.empty()) {
        const auto how = marked == std::string::npos
                             ? std::string_view{result.reason}
                             : std::string_view{result.reason}.substr(marked + seen_mark.size());
        cell.manner = how.substr(0, how.find_first_of(";)")); // registers follow
    }
    if (result.verdict == Verdict::expected_fail) {
        cell.reason = one_line(result.reason.substr(0, marked));
    } else {
        const std::string reason = seen.empty() ? one_line(cell.manner) : short_reason(result);
        // What was expected and seen differs from case to case.
        cell.reason = reason.substr(0, reason.find(": expected "));
    }
    return cell;
}

std::vector<Attribution> attribute(std::span<const Witness> witnesses,
                                   std::span<const Cell> cells) {
    std::vector<Attribution> made;
    for (std::size_t at = 0; at < cells.size(); ++at) {
        if (cells[at].deviates()) {
            made.push_back(Examination{witnesses, cells, at}.judge());
        }
    }
    return made;
}

} // namespace vmrunit::runner
