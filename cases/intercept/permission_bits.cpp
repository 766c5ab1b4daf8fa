// SPDX-License-Identifier: GPL-2.0-only
// Every bit of the permission maps by itself: all 65536 ports in each width, all MSRs of the three
// ranges for reads and writes. With nothing but its own bit set each access exits. A case walks
// 4096 bits, so there are few; what the exits have in common is compared. APM2 15.10, 15.11.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/exit_info.hpp"
#include "harness/svm/msr.hpp"

#include <cstdio>
#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

using svm::ExitCode;
using svm::Intercept;
using svm::IoAccess;

constexpr unsigned walk = 4096;

/// AND and OR of a field over all exits, both of which are its value where it is always the same.
void in_common(CallExpectation& expected, const std::string& what, Value value,
               std::uint64_t mask = ~std::uint64_t{0}) {
    for (const char* const which : {", AND of all", ", OR of all"}) {
        expected.values.push_back({.value = value, .mask = mask, .what = what + which});
    }
}

CallExpectation exits(unsigned runs, ExitCode code) {
    CallExpectation expected;
    expected.values = {reported("VMRUNs", runs)};
    in_common(expected, "exit code", static_cast<std::uint64_t>(code));
    in_common(expected, "RIP", at_insn);
    return expected;
}

std::string hex(std::uint32_t number, int digits) {
    char text[16];
    std::snprintf(text, sizeof text, "%0*x", digits, number);
    return text;
}

struct PortProgram {
    std::string name;
    IoAccess info;
    bool every_port; ///< Otherwise every 17th.
    L1Modes l1_modes;
};

void ports(Catalogue& catalogue, const PortProgram& program) {
    constexpr std::uint32_t port_count = 0x1'0000;
    const std::uint32_t stride = program.every_port ? 1 : 17;
    const std::uint32_t step = program.every_port ? walk : port_count;
    for (std::uint32_t first = 0; first < port_count; first += step) {
        const unsigned runs = program.every_port ? walk : (port_count - 1) / stride + 1;
        CallExpectation expected = exits(runs, ExitCode::ioio_prot);
        // The address size has rows of its own, and SEG is of string instructions.
        in_common(expected, "EXITINFO1 without the port", program.info.value,
                  ~(IoAccess::segment.mask() | IoAccess::address_16.mask() |
                    IoAccess::address_32.mask() | IoAccess::address_64.mask()));
        in_common(expected, "EXITINFO2", at_after);
        const std::string name = "intercept/ioio/every_port/" + program.name +
                                 (program.every_port ? "/" + hex(first, 4) : "");
        L1Row row{.name = name,
                  .title = "The bit of each port alone makes an access of it exit.",
                  .manual = "APM2 15.10.1",
                  .program = program.name,
                  .l1_modes = program.l1_modes,
                  .steps = {intercepting(Intercept::ioio_prot),
                            Call{"ports_one_by_one", stride << 16 | first}},
                  .expectations = {expected},
                  .vmruns = runs,
                  .intercepts = {{Intercept::ioio_prot, InterceptUse::Kind::taken}}};
        // Each bit of a port's number is set in some port here and clear in another.
        for (unsigned bit = 0; bit < 16; ++bit) {
            if (step == port_count || bit < 12) {
                for (const char* const state : {"/set", "/clear"}) {
                    row.covers.push_back("exit_info/ioio_prot/1/port." + std::to_string(bit) +
                                         state);
                }
            } else {
                row.covers.push_back("exit_info/ioio_prot/1/port." + std::to_string(bit) +
                                     ((first >> bit & 1) != 0 ? "/set" : "/clear"));
            }
        }
        add_l1_case(catalogue, row);
    }
}

/// Accesses of which only the last byte has its bit set: at every 17th port, or at all of them,
/// 4096 in a case.
void last_bytes(Catalogue& catalogue, const PortProgram& program, unsigned bytes) {
    const std::uint32_t stride = program.every_port ? 1 : 17;
    const unsigned runs = program.every_port ? walk : 0xffff / stride + 1;
    CallExpectation expected = exits(runs, ExitCode::ioio_prot);
    in_common(expected, "EXITINFO1 without the port", program.info.value,
              ~(IoAccess::segment.mask() | IoAccess::address_16.mask() |
                IoAccess::address_32.mask() | IoAccess::address_64.mask()));
    in_common(expected, "EXITINFO2", at_after);
    for (std::uint32_t part = 0; part < (program.every_port ? 16u : 1u); ++part) {
        const std::string name = "intercept/ioio/last_byte/" + program.name +
                                 (program.every_port ? "/" + hex(part * walk, 4) : "");
        add_l1_case(catalogue,
                    {.name = name,
                     .title = "The bit of the last byte alone makes an access exit.",
                     .manual = "APM2 15.10.1",
                     .program = program.name,
                     .l1_modes = program.l1_modes,
                     .steps = {intercepting(Intercept::ioio_prot),
                               Call{"ports_by_last_byte", stride << 16 | part << 4 | (bytes - 1)}},
                     .expectations = {expected},
                     .vmruns = runs,
                     .intercepts = {{Intercept::ioio_prot, InterceptUse::Kind::taken}}});
    }
}

void msrs(Catalogue& catalogue, bool writes) {
    for (const std::uint32_t range : {0x0000'0000u, 0xc000'0000u, 0xc001'0000u}) {
        for (const std::uint32_t first : {range, range + 0x1000}) {
            CallExpectation expected = exits(walk, ExitCode::msr_prot);
            in_common(expected, "EXITINFO1", writes ? svm::msr_write : svm::msr_read);
            const std::string name = std::string{"intercept/msr_"} + (writes ? "write" : "read") +
                                     "/every_msr/" + hex(first, 8);
            add_l1_case(catalogue,
                        {.name = name,
                         .title = "The bit of each MSR alone makes its access exit.",
                         .manual = "APM2 15.11",
                         .program = writes ? "wrmsr" : "rdmsr",
                         .l1_modes = all_l1_modes,
                         .steps = {intercepting(Intercept::msr_prot),
                                   Call{"msrs_one_by_one", first | (writes ? 1u : 0u)}},
                         .expectations = {expected},
                         .vmruns = walk,
                         .intercepts = {{Intercept::msr_prot, InterceptUse::Kind::taken}}});
        }
    }
}

void permission_bits(Catalogue& catalogue) {
    const auto info = [](auto size, bool in) {
        return IoAccess{}.with(size).with(IoAccess::in, in);
    };
    for (const auto& [letter, size] :
         {std::pair{'b', IoAccess::size_8}, std::pair{'w', IoAccess::size_16},
          std::pair{'l', IoAccess::size_32}}) {
        for (const bool in : {true, false}) {
            const std::string name = std::string{in ? "in_dx_" : "out_dx_"} + letter;
            // The map does not ask for the direction, so one for each width is enough under a
            // 32-bit L1, and the other one has a sample there.
            const bool everywhere = in == (letter != 'w');
            ports(catalogue,
                  {name, info(size, in), true, everywhere ? all_l1_modes : only_l1_long64});
            if (!everywhere) {
                ports(catalogue, {name, info(size, in), false, all_l1_modes});
            }
        }
    }
    const IoAccess in_word = info(IoAccess::size_16, true);
    const IoAccess out_dword = info(IoAccess::size_32, false);
    for (const bool every_port : {false, true}) {
        last_bytes(catalogue, {"in_dx_w", in_word, every_port, only_l1_long64}, 2);
        last_bytes(catalogue, {"out_dx_l", out_dword, every_port, only_l1_long64}, 4);
    }
    msrs(catalogue, false);
    msrs(catalogue, true);
}

const Registration registration{permission_bits};

} // namespace
} // namespace vmrunit::cases
