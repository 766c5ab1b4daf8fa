// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/coverage/vmcb_coverage.hpp"

#include "harness/svm/vmcb_fields.hpp"
#include "host_runner/coverage/item_state.hpp"
#include "host_runner/report/html/vmcb_drawing.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <optional>

namespace vmrunit::runner {

namespace {

constexpr std::array<std::string_view, 4> uses{"loaded", "stored", "checked", "left alone"};

/// The items about one byte, by what they say of it.
struct ByteItems {
    struct Band {
        std::optional<ItemState> state{}; ///< None: no item says so of the byte.
        std::size_t items = 0, with_cases = 0;
    };
    std::array<Band, uses.size()> bands{};
    const ItemCoverage* worst = nullptr;

    void add(const ItemCoverage& item, cases::VmcbUse use) {
        const ItemState state = state_of(item);
        Band& band = bands[static_cast<std::size_t>(use)];
        band.state = std::min(band.state.value_or(state), state);
        ++band.items;
        band.with_cases += item.shown_by.empty() ? 0 : 1;
        if (worst == nullptr || state < state_of(*worst)) {
            worst = &item;
        }
    }
};

using PageItems = std::array<ByteItems, svm::vmcb_size>;

html::DrawnByte drawn_byte(const ByteItems& byte, std::size_t at) {
    html::DrawnByte made;
    made.hint = fmt::format("{:03x} {}", at, svm::find_field(at)->name);
    for (std::size_t use = 0; use < uses.size(); ++use) {
        const ByteItems::Band& band = byte.bands[use];
        made.bands.push_back(band.state ? name_of(*band.state) : "idle");
        if (band.state) {
            fmt::format_to(std::back_inserter(made.hint), "\n{}: {}, {} of {} items have cases",
                           uses[use], name_of(*band.state), band.with_cases, band.items);
        }
    }
    if (byte.worst != nullptr) {
        made.link = byte.worst->item->id;
    }
    return made;
}

} // namespace

std::string vmcb_coverage_svg(const Coverage& coverage) {
    const auto page = std::make_unique<PageItems>();
    bool any = false;
    for (const FamilyCoverage& family : coverage.families) {
        for (const ItemCoverage& item : family.items) {
            for (const cases::VmcbBytes& bytes : item.item->vmcb) {
                const std::size_t end =
                    std::min<std::size_t>(bytes.offset + bytes.count, page->size());
                for (std::size_t at = bytes.offset; at < end; ++at) {
                    (*page)[at].add(item, bytes.use);
                    any = true;
                }
            }
        }
    }
    if (!any) {
        return {};
    }
    const auto made = std::make_unique<html::DrawnVmcb>();
    for (std::size_t at = 0; at < page->size(); ++at) {
        (*made)[at] = drawn_byte((*page)[at], svm::find_field(at)->offset);
    }
    return html::vmcb_drawing(*made, "Map of the VMCB; the items below say the same");
}

} // namespace vmrunit::runner
