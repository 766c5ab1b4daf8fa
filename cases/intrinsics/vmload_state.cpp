// SPDX-License-Identifier: GPL-2.0-only
#include "cases/intrinsics/vmload_state.hpp"

#include "cases/model/instruction_table.hpp"

#include "harness/svm/observed_attributes.hpp"
#include "harness/svm/vmcb_fields.hpp"

namespace vmrunit::cases {

std::vector<Step> set_vmload_state() {
    std::vector<Step> steps;
    for (const VmloadPart& part : vmload_parts) {
        steps.emplace_back(vmcb_field(part.place, part.value));
    }
    return steps;
}

void cover_segment(std::vector<std::string>& covers, std::string_view segment,
                   std::string_view aspect) {
    const bool moves = aspect == "vmload" || aspect == "vmsave";
    const std::string prefix = "save." + std::string{segment} + ".";
    const auto cover = [&](const svm::Field& part) {
        const bool is_kept =
            (svm::observed_bits(svm::find_field(part.offset)->ref()) & part.mask()) != 0;
        if (part.kind != svm::FieldKind::reserved && (is_kept || !moves)) {
            covers.push_back("field/" + std::string{part.name} + "/" + std::string{aspect});
        }
    };
    for (const svm::Field& word : svm::vmcb_fields) {
        if (!word.name.starts_with(prefix)) {
            continue;
        }
        if (svm::bits_of(word).empty()) {
            cover(word);
        }
        for (const svm::Field& run : svm::bits_of(word)) {
            cover(run);
        }
    }
}

} // namespace vmrunit::cases
