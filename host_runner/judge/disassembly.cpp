// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/judge/disassembly.hpp"

#include <Zydis/Zydis.h>
#include <fmt/format.h>

namespace vmrunit::runner {

std::vector<CodeLine> disassemble(const L2Program& program, std::optional<std::uint64_t> rip) {
    ZydisMachineMode mode = ZYDIS_MACHINE_MODE_LONG_64;
    ZydisStackWidth width = ZYDIS_STACK_WIDTH_64;
    if (program.bits != 64) {
        mode = program.bits == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LEGACY_16;
        width = program.bits == 32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16;
    }
    ZydisDecoder decoder;
    ZydisFormatter formatter;
    ZydisDecoderInit(&decoder, mode, width);
    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);

    std::vector<CodeLine> lines;
    for (std::size_t at = 0; at < program.bytes.size();) {
        CodeLine line;
        line.address = program.start + at;
        ZydisDecodedInstruction instruction;
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
        std::size_t length = 1;
        if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, program.bytes.data() + at,
                                                program.bytes.size() - at, &instruction,
                                                operands))) {
            char text[128];
            ZydisFormatterFormatInstruction(&formatter, &instruction, operands,
                                            instruction.operand_count_visible, text, sizeof text,
                                            line.address, nullptr);
            line.text = text;
            length = instruction.length;
        } else {
            line.text = "(undefined)";
            // What no decoder knows is one instruction under test: up to its label, in one line.
            if (line.address == program.insn) {
                length = program.after - program.insn;
            }
        }
        for (std::size_t i = 0; i < length; ++i) {
            line.bytes += fmt::format("{}{:02x}", i == 0 ? "" : " ", program.bytes[at + i]);
        }
        if (line.address == program.insn) {
            line.note = "insn";
        }
        if (rip == line.address) {
            line.note += line.note.empty() ? "<-- rip" : " <-- rip";
        }
        lines.push_back(std::move(line));
        at += length;
    }
    return lines;
}

} // namespace vmrunit::runner
