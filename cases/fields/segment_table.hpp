// SPDX-License-Identifier: GPL-2.0-only
// Rows about segment registers: which there are, and a table that runs each row with nested paging
// and without. APM2 4.5.3, 15.5.1.
#pragma once

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"

#include <array>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

struct SegmentField {
    std::string_view name;
    svm::FieldRef selector, attributes, limit, base;
    bool is_stack = false;
};

namespace segment {
namespace field = svm::field;
// clang-format off
inline constexpr SegmentField es{"es", field::es_selector, field::es_attributes, field::es_limit, field::es_base};
inline constexpr SegmentField cs{"cs", field::cs_selector, field::cs_attributes, field::cs_limit, field::cs_base};
inline constexpr SegmentField ss{"ss", field::ss_selector, field::ss_attributes, field::ss_limit, field::ss_base, true};
inline constexpr SegmentField ds{"ds", field::ds_selector, field::ds_attributes, field::ds_limit, field::ds_base};
inline constexpr SegmentField fs{"fs", field::fs_selector, field::fs_attributes, field::fs_limit, field::fs_base};
inline constexpr SegmentField gs{"gs", field::gs_selector, field::gs_attributes, field::gs_limit, field::gs_base};
// clang-format on
} // namespace segment

/// Base and limit of these mean nothing in 64-bit mode.
inline constexpr std::array data_segments{segment::es, segment::ss, segment::ds};
inline constexpr std::array modes_with_segments{L2Mode::compat, L2Mode::pae, L2Mode::prot32};

struct SegmentRow {
    svm::FieldRef place;
    std::string what; ///< Behind the field's name in the case's.
    std::string_view title;
    std::string_view program = "nothing";
    std::vector<Step> steps{};
    ExitExpectation exit = program_ends();
    std::optional<Delivery> raises{}; ///< Instead of `exit`, with these of its fields besides.
    std::vector<FieldExpectation> raised_fields{};
    std::string_view manual = "APM2 15.5.1";
    std::uint8_t cpl = 0;
};

class Segments {
public:
    explicit Segments(Catalogue& catalogue) : catalogue_(catalogue) {}

    /// With nested paging and without.
    void add(const SegmentRow& row, L2Mode mode,
             const std::source_location& where = std::source_location::current());

private:
    Catalogue& catalogue_;
};

/// The program ends and rBX holds the value, which 32 bits can hold.
[[nodiscard]] ExitExpectation reads(std::uint64_t value);

/// "read_through", ES: "read_through_es".
[[nodiscard]] std::string program_for(std::string_view verb, const SegmentField& segment);

} // namespace vmrunit::cases
