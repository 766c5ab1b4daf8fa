// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/plan/plan_builder.hpp"

#include "cases/model/l1_reach.hpp"
#include "harness/wire/apply_op.hpp"
#include "harness/wire/crc32.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

using wire::Op;

template<class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template<class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

/// A case that hands L2 an address in memory nobody compares must have that memory put back: a fill
/// of no bytes marks its region as written.
void mark_regions(const cases::Write& write, std::vector<Op>& ops) {
    if (write.value.anchor == cases::Anchor::region &&
        place_of(static_cast<Region>(write.value.part)).watched == 0) {
        ops.push_back({Op::Code::fill, 0, write.value.part, 0, 0});
    }
}

/// Writes to RAX and RSP of L2 go where VMRUN loads them from.
Op memory_op(const cases::Write& write, const Resolver& resolve) {
    Op op{write.code, write.size, static_cast<std::uint16_t>(resolve.region(write.region)),
          write.offset, resolve(write.value)};
    if (write.region == Region::registers) {
        const auto reg = static_cast<Register>(write.offset / 8);
        if (reg == Register::rax || reg == Register::rsp) {
            const svm::FieldRef field = reg == Register::rax ? svm::field::rax : svm::field::rsp;
            op.region = static_cast<std::uint16_t>(Region::vmcb);
            op.offset = field.offset + write.offset % 8;
        }
    }
    return op;
}

/// Writes bytes of code to a region, as many at a time as an op takes.
void write_code(std::span<const std::uint8_t> bytes, Region region, std::uint32_t offset,
                std::vector<Op>& ops) {
    while (!bytes.empty()) {
        const std::size_t size = std::bit_floor(std::min<std::size_t>(bytes.size(), 8));
        Op op{Op::Code::write, static_cast<std::uint8_t>(size), static_cast<std::uint16_t>(region),
              offset, 0};
        std::memcpy(&op.value, bytes.data(), size);
        ops.push_back(op);
        offset += static_cast<std::uint32_t>(size);
        bytes = bytes.subspan(size);
    }
}

/// See CodeCopy; the resolver has moved the program to the border. What L2 begins with before the
/// program goes along.
void copy_code(const cases::CodeCopy& copy, const L2Program& program, bool clears_upper_halves,
               std::vector<Op>& ops) {
    std::vector<std::uint8_t> bytes;
    if (clears_upper_halves) {
        bytes = program.clears_upper_halves;
    }
    const std::uint64_t split = copy.splits_insn ? program.insn + 1 : program.after;
    const std::size_t before = bytes.size() + (split - program.start);
    bytes.insert(bytes.end(), program.bytes.begin(), program.bytes.end());
    write_code(std::span{bytes}.first(before), copy.first.region,
               copy.first.offset - static_cast<std::uint32_t>(before), ops);
    write_code(std::span{bytes}.subspan(before), copy.second.region, copy.second.offset, ops);
}

/// MOV to a debug register, 0F 23; that some other instruction has these bytes does no harm.
bool may_write_debug_registers(std::span<const std::uint8_t> code) {
    constexpr std::uint8_t opcode[] = {0x0f, 0x23};
    return !std::ranges::search(code, opcode).empty();
}

/// What L2 writes to DR0 to DR3 no VMCB holds: L1 has them 0 before, and puts them back behind.
void bracket_debug_registers(std::vector<Op>& ops) {
    for (const auto target : {wire::L1Register::dr0, wire::L1Register::dr1, wire::L1Register::dr2,
                              wire::L1Register::dr3}) {
        ops.push_back({Op::Code::l1_write, 8, static_cast<std::uint16_t>(target), 0, 0});
    }
}

} // namespace

Result<EncodedCase> encode_case(const cases::Case& subject, std::uint32_t index,
                                const Resolver& resolve) {
    EncodedCase encoded;
    encoded.head.index = index;
    encoded.head.mode = subject.start.mode;
    encoded.head.cpl = subject.start.cpl;
    encoded.head.nested_paging = subject.start.nested_paging ? 1 : 0;
    const auto needs = subject.needs.words();
    encoded.head.needs[0] = needs[0];
    encoded.head.needs[1] = needs[1];
    const auto without = subject.without.words();
    encoded.head.without[0] = without[0];
    encoded.head.without[1] = without[1];

    auto& ops = encoded.ops;
    ops.push_back({Op::Code::write, 8, static_cast<std::uint16_t>(Region::vmcb),
                   svm::field::rip.offset, resolve(cases::entry_of(subject, cases::at_start))});
    if (subject.code_copy) {
        copy_code(*subject.code_copy, resolve.program(), cases::clears_upper_halves(subject), ops);
    }
    if (may_write_debug_registers(resolve.program().bytes)) {
        bracket_debug_registers(ops);
    }
    for (const cases::Step& step : subject.steps) {
        std::string wrong;
        std::visit(
            Overloaded{
                [&](cases::Write write) {
                    if (write.region == Region::vmcb && write.offset == svm::field::rip.offset) {
                        write.value = cases::entry_of(subject, write.value);
                    }
                    const Op op = memory_op(write, resolve);
                    if (!wire::stays_inside(op)) {
                        wrong =
                            fmt::format("writes outside region {}", place_of(write.region).name);
                    }
                    ops.push_back(op);
                    mark_regions(write, ops);
                },
                [&](const cases::L1Write& write) {
                    ops.push_back({Op::Code::l1_write, 8, static_cast<std::uint16_t>(write.target),
                                   write.msr, resolve(write.value)});
                },
                [&](const cases::Run& run) {
                    ops.push_back({Op::Code::run, 0, 0, 0, resolve(run.vmcb)});
                },
                [&](const cases::Measure& measure) {
                    ops.push_back({Op::Code::measure, 0, 0, measure.runs, 0});
                },
                [&](const cases::Call& call) {
                    const std::uint64_t entry = resolve.image().routine(call.routine);
                    if (entry == 0) {
                        wrong = "calls L1 routine " + call.routine +
                                ", which the payload does not have";
                    }
                    ops.push_back({Op::Code::call, 0, 0, call.argument, entry});
                },
            },
            step);
        if (!wrong.empty()) {
            return failure(fmt::format("{} {}", subject.name, wrong), "mend its row");
        }
    }
    if (ops.size() > wire::max_ops_per_case) {
        return failure(fmt::format("{} has {} steps; a plan holds {} for each case", subject.name,
                                   ops.size(), wire::max_ops_per_case));
    }
    encoded.head.op_count = static_cast<std::uint16_t>(ops.size());
    return encoded;
}

std::vector<std::byte> build_plan(const PayloadImage& image,
                                  std::span<const EncodedCase* const> cases, const RingPlace& ring,
                                  std::uint32_t flags, L1Mode l1_mode,
                                  const svm::Features& machine) {
    std::size_t size = sizeof(wire::PlanHeader);
    for (const EncodedCase* one : cases) {
        size += sizeof(wire::PlanCase) + one->ops.size() * sizeof(Op);
    }
    std::vector<std::byte> plan(size);
    std::size_t at = sizeof(wire::PlanHeader);
    const auto put = [&](const void* from, std::size_t bytes) {
        if (bytes != 0) {
            std::memcpy(plan.data() + at, from, bytes);
        }
        at += bytes;
    };
    for (const EncodedCase* one : cases) {
        put(&one->head, sizeof one->head);
        put(one->ops.data(), one->ops.size() * sizeof(Op));
    }
    wire::PlanHeader header{};
    header.magic = wire::plan_magic;
    header.version = wire::plan_version;
    header.header_size = sizeof header;
    header.total_size = static_cast<std::uint32_t>(size);
    header.crc = wire::crc32(std::span{plan}.subspan(sizeof header));
    std::memcpy(header.build_id, image.build_id().data(), sizeof header.build_id);
    header.case_count = static_cast<std::uint32_t>(cases.size());
    header.ring_address = ring.address;
    header.ring_size = ring.size;
    header.flags = flags;
    header.l1_mode = l1_mode;
    header.machine = svm::machine_bits(machine);
    std::memcpy(plan.data(), &header, sizeof header);
    return plan;
}

} // namespace vmrunit::runner
