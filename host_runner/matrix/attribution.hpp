// SPDX-License-Identifier: GPL-2.0-only
// Whose fault a deviation is, as far as the targets that ran the case can tell. Data in, data out.
//
// Every target is a stack: a CPU (emulated, or hardware), and perhaps a Linux whose KVM offers SVM
// to the payload. A deviation is put down to the layer that all targets that show it share and that
// the targets that do not show it lack; where no target can tell, that is said.
#pragma once

#include "host_runner/targets/target.hpp"
#include "host_runner/verdict.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// What one target made of a case.
struct Cell {
    std::optional<Verdict> verdict; ///< Nothing: it did not run there.
    std::string manner; ///< Of a deviation: what was seen, the same for the same deviation.
    std::string reason; ///< One line for people; may be empty.
    bool flaky = false; ///< It failed there before it did not.

    /// FAIL, and XFAIL: that a deviation is known does not say whose it is.
    [[nodiscard]] bool deviates() const {
        return verdict == Verdict::fail || verdict == Verdict::expected_fail;
    }
    /// A flaky case is evidence for nobody.
    [[nodiscard]] bool holds() const {
        return !flaky && (verdict == Verdict::pass || verdict == Verdict::unexpected_pass);
    }
};

/// The cell of a result.
[[nodiscard]] Cell cell_of(const CaseResult& result);

/// A target as attribution sees it.
struct Witness {
    std::string target; ///< Its name: "lab:6.12,npt=0".
    Layers layers;
};

enum class Culprit : std::uint8_t { table, undecided, kvm, cpu };

inline constexpr std::array<std::string_view, 4> culprit_names{"table", "undecided", "kvm", "cpu"};

[[nodiscard]] constexpr std::string_view to_string(Culprit culprit) {
    return culprit_names[static_cast<std::size_t>(culprit)];
}

struct Attribution {
    std::size_t column = 0; ///< Whose deviation.
    Culprit culprit = Culprit::undecided;
    std::string layer;    ///< Which CPU or which kernel; empty for the other two.
    std::string evidence; ///< The targets that show it, in one line.
    bool operator==(const Attribution&) const = default;
};

/// One for each cell that deviates. `cells` are those of one case, one for each witness.
[[nodiscard]] std::vector<Attribution> attribute(std::span<const Witness> witnesses,
                                                 std::span<const Cell> cells);

} // namespace vmrunit::runner
