// SPDX-License-Identifier: GPL-2.0-only
// See vmcb_section.hpp.
#include "host_runner/report/html/vmcb_section.hpp"
#include "host_runner/report/html/vmcb_map.hpp"

#include "harness/svm/vmcb_fields.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace vmrunit::runner::html {
namespace {

using kainjow::mustache::data;

constexpr const char* vmcb_section =
#include "host_runner/report/html/vmcb_section.inc"
    ;

} // namespace

void set_vmcb_section(data& page, const RunRecord& run, const cases::Catalogue& catalogue) {
    const VmcbMap map = map_vmcb(run, catalogue);
    page.set("vmcb_map", vmcb_svg(map));
    data rows{data::type::list};
    for (const svm::Field& field : svm::vmcb_fields) {
        VmcbByte sum;
        for (std::size_t at = field.offset; at < field.offset + field.bit_count / 8u; ++at) {
            sum.loaded = std::max(sum.loaded, map[at].loaded);
            sum.checked = std::max(sum.checked, map[at].checked);
            sum.as_stored = std::max(sum.as_stored, map[at].as_stored);
            sum.deviation = std::max(sum.deviation, map[at].deviation);
            sum.as_loaded = std::max(sum.as_loaded, map[at].worst());
        }
        if (sum.worst() == ByteState::untouched) {
            continue;
        }
        constexpr std::array words{"untouched", "not run", "right", "known deviation", "wrong"};
        constexpr std::array kinds{"skip", "skip", "pass", "known", "fail"};
        data row{data::type::object};
        row.set("offset", fmt::format("{:03x}", field.offset));
        row.set("name", std::string{field.name});
        row.set("loaded", std::to_string(sum.loaded));
        row.set("checked", std::to_string(sum.checked));
        row.set("stored", sum.as_stored == ByteState::untouched ? "" : "yes");
        row.set("word", words[static_cast<std::size_t>(sum.worst())]);
        row.set("kind", kinds[static_cast<std::size_t>(sum.worst())]);
        rows << row;
    }
    page.set("vmcb_rows", rows);
    page.set("vmcb_section", data{kainjow::mustache::partial{[] { return vmcb_section; }}});
}

} // namespace vmrunit::runner::html
