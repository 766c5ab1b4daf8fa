// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/intercept_bits.hpp"

#include "harness/fresh_vmcb.hpp"
#include "harness/svm/bits.hpp"
#include "harness/svm/vmcb.hpp"

#include <array>
#include <cstring>

namespace vmrunit::cases {

namespace {

using Words = std::array<std::uint8_t, sizeof(svm::InterceptSet)>;

void apply(const Write& write, Words& words) {
    const bool fills = write.code == wire::Op::Code::fill;
    const std::uint64_t length = fills ? write.value.number : write.size;
    for (std::uint64_t i = 0; i < length && write.offset + i < words.size(); ++i) {
        std::uint8_t& byte = words[write.offset + i];
        const auto value =
            static_cast<std::uint8_t>(fills ? write.size : write.value.number >> (8 * i));
        switch (write.code) {
        case wire::Op::Code::set_bits:
            byte = static_cast<std::uint8_t>(byte | value);
            break;
        case wire::Op::Code::clear_bits:
            byte = static_cast<std::uint8_t>(byte & ~value);
            break;
        default:
            byte = value;
            break;
        }
    }
}

} // namespace

svm::InterceptSet fresh_intercepts() {
    return {svm::Intercept::vmrun, svm::Intercept::vmmcall, svm::Intercept::shutdown};
}

svm::InterceptSet intercepts_at_first_run(const Case& one) {
    svm::InterceptSet set = fresh_intercepts();
    Words words{};
    std::memcpy(words.data(), &set, sizeof set);
    for (const Step& step : one.steps) {
        if (std::holds_alternative<Run>(step)) {
            break;
        }
        const auto* write = std::get_if<Write>(&step);
        if (write != nullptr && write->region == Region::vmcb) {
            apply(*write, words);
        }
    }
    std::memcpy(&set, words.data(), sizeof set);
    return set;
}

} // namespace vmrunit::cases
