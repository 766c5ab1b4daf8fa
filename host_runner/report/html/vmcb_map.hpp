// SPDX-License-Identifier: GPL-2.0-only
// What a run touched of the VMCB, byte by byte: which bytes cases loaded with a value of their own,
// which a #VMEXIT stored, which rows checked, and where something was wrong.
#pragma once

#include "cases/model/catalogue.hpp"
#include "harness/svm/vmcb.hpp"
#include "host_runner/report/run_record.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace vmrunit::runner::html {

/// How cases did in which a byte had a part. In the order of their weight.
enum class ByteState : std::uint8_t { untouched, not_run, right, known_deviation, wrong };

struct VmcbByte {
    std::uint32_t loaded = 0;  ///< Cases that gave it a value.
    std::uint32_t checked = 0; ///< Cases whose row says what it must be after the exit.
    ByteState as_loaded = ByteState::untouched;
    ByteState as_stored = ByteState::untouched;
    ByteState as_checked = ByteState::untouched;
    ByteState deviation = ByteState::untouched; ///< Where the field itself was seen to differ.

    [[nodiscard]] ByteState worst() const;
    bool operator==(const VmcbByte&) const = default;
};

using VmcbMap = std::array<VmcbByte, svm::vmcb_size>;

[[nodiscard]] VmcbMap map_vmcb(const RunRecord& record, const cases::Catalogue& catalogue);

/// An SVG element with three bands to a byte: loaded, stored, checked.
[[nodiscard]] std::string vmcb_svg(const VmcbMap& map);

} // namespace vmrunit::runner::html
