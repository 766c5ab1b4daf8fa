// SPDX-License-Identifier: GPL-2.0-only
// Carries one case out and reports what it saw. One executor for each CPU; no state outside it.
#pragma once

#include "guest_payloads/l1/l1_state.hpp"
#include "guest_payloads/l1/plan_reader.hpp"
#include "guest_payloads/l1/record_stream.hpp"
#include "harness/guest/case_arena.hpp"
#include "harness/l1_mode.hpp"
#include "harness/svm/features.hpp"
#include "harness/wire/byte_writer.hpp"

#include <cstdint>

namespace vmrunit::guest {

class CaseExecutor {
public:
    CaseExecutor(CaseArena& arena, const svm::Features& features, L1Mode l1_mode, bool measures)
        : arena_(arena), features_(features), l1_mode_(l1_mode), measures_(measures) {}

    /// Once, in SVM operation, before the first case.
    void prepare();

    /// Runs the case and sends its record.
    void execute(const PlanReader::Case& plan_case, RecordFrames& frames);

private:
    struct Phases {
        std::uint64_t reset, run, compare;
    };

    [[nodiscard]] wire::CaseOutcome perform(const PlanReader::Case& plan_case,
                                            wire::ByteWriter& out);
    [[nodiscard]] wire::CaseOutcome perform_op(const wire::Op& op, wire::ByteWriter& out);
    [[nodiscard]] wire::CaseOutcome run(std::uint64_t vmcb, wire::ByteWriter& out);
    [[nodiscard]] wire::CaseOutcome call(const wire::Op& op, wire::ByteWriter& out);
    [[nodiscard]] wire::CaseOutcome measure(std::uint32_t count, wire::ByteWriter& out);
    /// Gives L1 its own FS, GS, TR, LDTR and system call MSRs back after an L2. APM2 15.5.2.
    void take_vmload_state_back();
    /// Before what #VMEXIT stored is put back.
    [[nodiscard]] L2Trace trace_of_l2(std::uint64_t vmcb) const;
    void report_phases(wire::ByteWriter& out);

    CaseArena& arena_;
    svm::Features features_;
    L1Mode l1_mode_;
    bool measures_;
    L1StateKeeper l1_;
    bool vmload_state_is_foreign_ = false;
    std::uint64_t cr4s_ = 0; ///< L2Trace::cr4s.
    Phases phases_{};
    std::uint8_t observations_ = 0;
    std::uint64_t detail_[2]{};
};

} // namespace vmrunit::guest
