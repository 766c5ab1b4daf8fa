// SPDX-License-Identifier: GPL-2.0-only
// Several VMCBs that take turns: each L2 finds what is its own, whatever a CPU keeps of a VMCB by
// its address, and of translations by their ASID. APM2 15.15, 15.16.

#include "harness/guest/routine.hpp"
#include "harness/guest/run_l2.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr unsigned most = 3;
/// Where the tables of each lead to another page.
constexpr std::uint64_t shared_address = 0xc000'0000;

constexpr std::uint32_t own_tables = 0x01; ///< By CR3, not by N_CR3.
constexpr std::uint32_t one_asid = 0x02;   ///< All have the same one, and flush it each time.
constexpr std::uint32_t flush_asid = 0x04; ///< With TLB_CONTROL 3, not 1.
constexpr std::uint32_t three_of_them = 0x08;

/// Four levels that are the usual ones but for the first page of the last of four gigabytes.
struct Tables {
    PageTable top, pointers, directory, last;
    alignas(page_size) std::uint32_t words[page_size / sizeof(std::uint32_t)];

    void build(PageTable (&usual)[4], std::uint32_t word) {
        const auto at = [](const auto& page) -> std::uint64_t {
            return reinterpret_cast<std::uintptr_t>(&page);
        };
        *this = {};
        top.entries[0] = at(pointers) | world::table_bits;
        for (unsigned i = 0; i < 3; ++i) {
            pointers.entries[i] = at(usual[i]) | world::table_bits;
        }
        pointers.entries[3] = at(directory) | world::table_bits;
        directory.entries[0] = at(last) | world::table_bits;
        last.entries[0] = at(words) | world::table_bits | world::dirty;
        words[0] = word;
    }
};
alignas(page_size) constinit Tables tables[most]{};
alignas(page_size) constinit svm::Vmcb copies[most]{};

struct Own {
    std::uint32_t word;
    std::uint64_t cr2, dr6, rax, rsp;
    std::uint32_t gdtr_limit;
    std::uint64_t v_tpr;

    explicit Own(unsigned number)
        : word{0x1111'1111 * (number + 1)},
          cr2{0x1000 + number},
          dr6{0xffff'0ff0 | (1u << number)},
          rax{0x2000 + number},
          rsp{0x3000 + 0x10 * number},
          gdtr_limit{0x100 + number},
          v_tpr{number + 1} {}

    void give(svm::Vmcb& vmcb) const {
        vmcb.save.cr2 = cr2;
        vmcb.save.dr6 = dr6;
        vmcb.save.rax = rax;
        vmcb.save.rsp = rsp;
        vmcb.save.gdtr.limit = gdtr_limit;
        vmcb.control.virtual_interrupt.set(svm::VirtualInterrupt::v_tpr, v_tpr);
        vmcb.control.virtual_interrupt.set(svm::VirtualInterrupt::v_intr_masking, 1);
    }
};

/// How often something of L2 was not its own.
struct Wrong {
    std::uint64_t exit_code, word, cr2, dr6, registers, gdtr, v_tpr;

    void look(const Own& own, const svm::Vmcb& vmcb, std::uint64_t seen) {
        exit_code += static_cast<std::uint32_t>(vmcb.control.exit_code) !=
                     static_cast<std::uint32_t>(svm::ExitCode::vmmcall);
        word += seen != own.word;
        cr2 += vmcb.save.cr2 != own.cr2;
        dr6 += vmcb.save.dr6 != own.dr6;
        registers += vmcb.save.rax != own.rax || vmcb.save.rsp != own.rsp;
        gdtr += vmcb.save.gdtr.limit != own.gdtr_limit;
        v_tpr += vmcb.control.virtual_interrupt.get(svm::VirtualInterrupt::v_tpr) != own.v_tpr;
    }
};

} // namespace

/// L2 is to read a word at RDI into RBX. Argument: the bits above. Each of two or three VMCBs has
/// values and a page of its own; they take turns, with every clean bit set from the second time on.
/// Reports how many VMRUNs there were; and in how many L2 did not come to its VMMCALL, or had not
/// its own word, CR2, DR6, RAX and RSP, limit of GDTR, and V_TPR.
VMRUNIT_ROUTINE(vmrun_alternated) {
    static constexpr std::uint8_t turns[] = {0, 1, 2, 0, 1, 2, 1, 0, 2, 2, 0, 0, 1};
    const unsigned count = (call.argument & three_of_them) != 0 ? 3 : 2;
    const std::uint64_t rip = call.arena.vmcb.save.rip;
    bool has_run[most] = {};
    for (unsigned i = 0; i < count; ++i) {
        const bool by_cr3 = (call.argument & own_tables) != 0;
        tables[i].build(by_cr3 ? call.arena.pd : call.arena.nested_pd, Own{i}.word);
        svm::Vmcb& vmcb = copies[i];
        vmcb = call.arena.vmcb;
        const std::uint64_t root = reinterpret_cast<std::uintptr_t>(&tables[i].top);
        (by_cr3 ? vmcb.save.cr3 : vmcb.control.n_cr3) = root;
        const bool shares = (call.argument & one_asid) != 0;
        vmcb.control.guest_asid = shares ? 1 : i + 1;
        if (shares && (call.argument & flush_asid) != 0) {
            vmcb.control.tlb_control = svm::TlbControl::flush_asid;
        }
        Own{i}.give(vmcb);
    }
    Wrong wrong{};
    std::uint64_t runs = 0;
    for (const std::uint8_t turn : turns) {
        if (turn >= count) {
            continue;
        }
        svm::Vmcb& vmcb = copies[turn];
        vmcb.save.rip = rip;
        vmcb.control.clean_bits.value = has_run[turn] ? ~0u : 0;
        if (has_run[turn] && (call.argument & one_asid) == 0) {
            vmcb.control.tlb_control = svm::TlbControl::do_nothing;
        }
        has_run[turn] = true;
        L2Registers registers{};
        registers.value[static_cast<unsigned>(Register::rdi)] = shared_address;
        RunEdge edge{};
        vmrunit_run_l2(reinterpret_cast<std::uintptr_t>(&vmcb), &registers, &edge);
        wrong.look(Own{turn}, vmcb, registers.value[static_cast<unsigned>(Register::rbx)]);
        ++runs;
    }
    call.report(runs);
    for (const std::uint64_t number : {wrong.exit_code, wrong.word, wrong.cr2, wrong.dr6,
                                       wrong.registers, wrong.gdtr, wrong.v_tpr}) {
        call.report(number);
    }
}

} // namespace vmrunit::guest
