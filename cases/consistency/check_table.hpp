// SPDX-License-Identifier: GPL-2.0-only
// Rows about what VMRUN refuses, and next to it what it must not refuse. APM2 15.5.1,
// "Canonicalization and Consistency Checks".
#pragma once

#include "cases/model/case.hpp"
#include "cases/model/catalogue.hpp"
#include "cases/model/l1_reach.hpp"

#include <cstdint>
#include <source_location>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

struct CheckOptions {
    L2Mode mode = L2Mode::long64;
    bool nested_paging = false;
    svm::Features needs{};
    L1Modes l1_modes{};
    svm::Features without{}; ///< See Case::without.
    std::string_view manual = "APM2 15.5.1";
};

[[nodiscard]] constexpr std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}

/// Names are what follows "consistency/".
class Checks {
public:
    explicit Checks(Catalogue& catalogue) : catalogue_(catalogue) {}

    void refused(std::string_view name, std::string_view title, std::vector<Step> setup,
                 const CheckOptions& options,
                 const std::source_location& where = std::source_location::current());
    void refused(std::string_view name, std::string_view title, std::vector<Step> setup,
                 const std::source_location& where = std::source_location::current()) {
        refused(name, title, std::move(setup), CheckOptions{}, where);
    }

    void entered(std::string_view name, std::string_view title, std::vector<Step> setup,
                 std::vector<FieldExpectation> fields = {}, const CheckOptions& options = {},
                 const std::source_location& where = std::source_location::current());

    /// Each of the bits alone makes VMRUN refuse.
    void refused_bits(std::string_view subject, std::string_view title, svm::FieldRef place,
                      std::uint64_t bits, const CheckOptions& options = {},
                      const std::source_location& where = std::source_location::current());

private:
    void add(std::string_view name, std::string_view title, std::vector<Step> steps,
             const CheckOptions& options, ExitExpectation exit, const std::source_location& where);

    Catalogue& catalogue_;
};

} // namespace vmrunit::cases
