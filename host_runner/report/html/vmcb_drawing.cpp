// SPDX-License-Identifier: GPL-2.0-only
// See vmcb_drawing.hpp.
#include "host_runner/report/html/vmcb_drawing.hpp"

#include "harness/svm/vmcb_fields.hpp"
#include "host_runner/report/plain_text.hpp"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <vector>

namespace vmrunit::runner::html {
namespace {

constexpr std::size_t bytes_in_row = 32;
constexpr std::size_t cell = 18;
constexpr std::size_t band_height = 4;
constexpr std::size_t gap = 3;
constexpr std::size_t left = 30; ///< Of the offsets.

std::size_t end_of_fields() {
    std::size_t end = 0;
    for (const svm::Field& field : svm::vmcb_fields) {
        if (field.kind != svm::FieldKind::reserved) {
            end = field.offset + field.bit_count / 8u;
        }
    }
    return end;
}

/// One field fills the row, and looks the same all along.
bool is_uniform(const DrawnVmcb& page, std::size_t first) {
    const auto* const begin = page.begin() + static_cast<std::ptrdiff_t>(first);
    return svm::find_field(first) == svm::find_field(first + bytes_in_row - 1) &&
           std::all_of(begin, begin + bytes_in_row,
                       [&](const DrawnByte& byte) { return byte == *begin; });
}

/// Where the rows begin. Of a long field that looks the same in many rows one is enough.
std::vector<std::size_t> rows_of(const DrawnVmcb& page) {
    std::vector<std::size_t> rows;
    for (std::size_t first = 0; first < end_of_fields(); first += bytes_in_row) {
        const bool repeats = !rows.empty() &&
                             svm::find_field(first) == svm::find_field(rows.back()) &&
                             is_uniform(page, first) && is_uniform(page, rows.back()) &&
                             page[first] == page[rows.back()];
        if (!repeats) {
            rows.push_back(first);
        }
    }
    return rows;
}

} // namespace

std::string vmcb_drawing(const DrawnVmcb& page, std::string_view label) {
    const std::size_t height = page[0].bands.size() * band_height + gap;
    const std::vector<std::size_t> rows = rows_of(page);
    std::string out =
        fmt::format("<svg class=\"vmcb\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n",
                    left + cell * bytes_in_row, rows.size() * height, xml_escaped(label));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::size_t first = rows[row];
        out += fmt::format("<text x=\"0\" y=\"{}\">{:03x}</text>\n", row * height + 10, first);
        // Neighbours of one field that look alike are one drawing.
        for (std::size_t at = first; at < first + bytes_in_row;) {
            const svm::Field& field = *svm::find_field(at);
            std::size_t stop = at + 1;
            while (stop < first + bytes_in_row && svm::find_field(stop) == &field &&
                   page[stop] == page[at]) {
                ++stop;
            }
            const DrawnByte& byte = page[at];
            if (!byte.link.empty()) {
                out += fmt::format("<a href=\"#{}\">", xml_escaped(byte.link));
            }
            out += fmt::format("<g><title>{}</title>", xml_escaped(byte.hint));
            for (std::size_t band = 0; band < byte.bands.size(); ++band) {
                out += fmt::format(
                    "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                    byte.bands[band], left + (at - first) * cell, row * height + band * band_height,
                    (stop - at) * cell - 1, band_height);
            }
            out += byte.link.empty() ? "</g>\n" : "</g></a>\n";
            at = stop;
        }
    }
    return out + "</svg>\n";
}

} // namespace vmrunit::runner::html
