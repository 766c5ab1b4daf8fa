// SPDX-License-Identifier: GPL-2.0-only
// IN, OUT, INS and OUTS: IOIO_PROT and the I/O permission map. The exit comes after the #GP of IOPL
// and TSS and before every other exception. APM2 15.10; EXITINFO: 15.10.2.
//
// Port 80h is the diagnostic port: reading it says nothing, writing it does nothing but show a
// number. Wider accesses reach the page registers of a DMA controller that nobody uses.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;
using svm::IoAccess;

constexpr std::string_view manual = "APM2 15.10.2";
constexpr std::uint16_t inert_port = 0x80;
constexpr std::uint64_t iopl_3 = svm::rflags::always_one | svm::rflags::iopl;

/// Rows of their own judge the address size, and SEG is only of string instructions.
constexpr std::uint64_t address_size =
    IoAccess::address_16.mask() | IoAccess::address_32.mask() | IoAccess::address_64.mask();
constexpr std::uint64_t most_of_info = ~(address_size | IoAccess::segment.mask());

struct Size {
    char suffix;
    std::uint8_t bytes;
    IoAccess bit;
};
constexpr Size sizes[] = {
    {'b', 1, IoAccess{}.with(IoAccess::size_8)},
    {'w', 2, IoAccess{}.with(IoAccess::size_16)},
    {'l', 4, IoAccess{}.with(IoAccess::size_32)},
};

/// The map's bit of one port.
Step closed(std::uint32_t port) {
    return Write{wire::Op::Code::set_bits, Region::io_permissions, port / 8, 1,
                 std::uint64_t{1} << (port % 8)};
}

Step port_in_dx(std::uint16_t port) {
    return l2_register(Register::rdx, port);
}

IoAccess access(const Size& size, bool in, std::uint16_t port = inert_port) {
    return size.bit.with(IoAccess::in, in).with(IoAccess::port, port);
}

std::vector<FieldExpectation> reported(IoAccess info) {
    return {{field::exit_info_1, info.value, most_of_info}, {field::exit_info_2, at_after}};
}

/// What a port answers is nobody's business here, only that nothing else of rAX changes.
Effect anything_read(const Size& size) {
    return {.fields = {{field::rax, {}, svm::low_bits(size.bytes * 8), Match::free}}};
}

/// 32-bit results clear the upper half of rAX, so it begins clear.
Step narrow_rax() {
    return l2_register(Register::rax, 0x89ab'cdef);
}

// clang-format off

void in_and_out(InstructionTable& table) {
    const Size& byte = sizes[0];
    table.row({.subject = "ioio", .variant = "in_immediate", .program = "in_80",
               .intercept = Intercept::ioio_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {closed(inert_port), narrow_rax()},
               .taken_fields = reported(access(byte, true)),
               .executed = anything_read(byte)});
    table.row({.subject = "ioio", .variant = "out_immediate", .program = "out_80",
               .intercept = Intercept::ioio_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {closed(inert_port)},
               .taken_fields = reported(access(byte, false))});
    for (const Size& size : sizes) {
        const std::string in = std::string{"in_dx_"} + size.suffix;
        const std::string out = std::string{"out_dx_"} + size.suffix;
        table.row({.subject = "ioio", .variant = in, .program = in,
                   .intercept = Intercept::ioio_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::behind,
                   .setup = {closed(inert_port), port_in_dx(inert_port), narrow_rax()},
                   .taken_fields = reported(access(size, true)),
                   .executed = anything_read(size)});
        table.row({.subject = "ioio", .variant = out, .program = out,
                   .intercept = Intercept::ioio_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::behind,
                   .setup = {closed(inert_port), port_in_dx(inert_port)},
                   .taken_fields = reported(access(size, false))});
    }
    // REP is for string instructions; in front of others it is nothing.
    table.row({.subject = "ioio", .variant = "in_with_rep_prefix", .program = "rep_in_b",
               .intercept = Intercept::ioio_prot, .manual = manual,
               .setup = {closed(inert_port), port_in_dx(inert_port), narrow_rax()},
               .taken_fields = reported(access(byte, true)),
               .executed = anything_read(byte)});
    // In virtual-8086 mode it is the TSS that decides, whatever the IOPL. APM2 12.2.4.
    table.row({.subject = "ioio", .variant = "iopl_3", .program = "out_dx_b",
               .intercept = Intercept::ioio_prot, .manual = manual, .modes = only_v86,
               .cpl3 = AtCpl3::only,
               .setup = {closed(inert_port), port_in_dx(inert_port),
                         vmcb_set(field::rflags, svm::rflags::iopl)},
               .reach = Reach::exception_first,
               .raises = Delivery{.vector = 13, .error_code = 0, .rflags = iopl_3}});
    // Elsewhere user code may, and then the map is asked.
    table.row({.subject = "ioio", .variant = "iopl_3", .program = "out_dx_b",
               .intercept = Intercept::ioio_prot, .manual = manual, .modes = protected_modes,
               .cpl3 = AtCpl3::only,
               .setup = {closed(inert_port), port_in_dx(inert_port), vmcb_field(field::rflags, iopl_3)},
               .taken_fields = reported(access(byte, false))});
}

void strings(InstructionTable& table) {
    for (const Size& size : sizes) {
        const std::string ins = std::string{"ins_"} + size.suffix;
        const std::string outs = std::string{"outs_"} + size.suffix;
        const auto segment = [](std::uint64_t number) {
            return FieldExpectation{.field = field::exit_info_1,
                                    .value = IoAccess{}.with(IoAccess::segment, number).value,
                                    .mask = IoAccess::segment.mask(),
                                    .needs = Feature::decode_assists};
        };
        constexpr std::uint64_t es = 0;
        constexpr std::uint64_t ds = 3;
        std::vector<FieldExpectation> in_info = reported(access(size, true).with(IoAccess::string));
        std::vector<FieldExpectation> out_info = reported(access(size, false).with(IoAccess::string));
        in_info.push_back(segment(es));
        out_info.push_back(segment(ds));
        table.row({.subject = "ioio", .variant = ins, .program = ins,
                   .intercept = Intercept::ioio_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::behind,
                   .setup = {closed(inert_port), port_in_dx(inert_port),
                             l2_register(Register::rdi, l2_data)},
                   .taken_fields = in_info,
                   .executed = {.registers = {{Register::rdi, in_memory(l2_data_offset + size.bytes)}},
                                .memory    = {{Region::l2_memory, l2_data_offset, size.bytes, {},
                                               ~0ull, Match::free}}}});
        table.row({.subject = "ioio", .variant = outs, .program = outs,
                   .intercept = Intercept::ioio_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::behind,
                   .setup = {closed(inert_port), port_in_dx(inert_port),
                             l2_register(Register::rsi, l2_data)},
                   .taken_fields = out_info,
                   .executed = {.registers = {{Register::rsi, in_memory(l2_data_offset + size.bytes)}}}});
    }
    const Size& byte = sizes[0];
    constexpr std::uint64_t count = 3;
    const auto repeated = [&](bool in) {
        return reported(access(byte, in).with(IoAccess::string).with(IoAccess::repeated));
    };
    table.row({.subject = "ioio", .variant = "rep_ins_b", .program = "rep_ins_b",
               .intercept = Intercept::ioio_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .setup = {closed(inert_port), port_in_dx(inert_port),
                         l2_register(Register::rdi, l2_data), l2_register(Register::rcx, count)},
               .taken_fields = repeated(true),
               .executed = {.registers = {{Register::rdi, in_memory(l2_data_offset + count)},
                                          {Register::rcx, 0}},
                            .memory    = {{Region::l2_memory, l2_data_offset, count, {}, ~0ull,
                                           Match::free}}}});
    table.row({.subject = "ioio", .variant = "rep_outs_b", .program = "rep_outs_b",
               .intercept = Intercept::ioio_prot, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {closed(inert_port), port_in_dx(inert_port),
                         l2_register(Register::rsi, l2_data), l2_register(Register::rcx, count)},
               .taken_fields = repeated(false),
               .executed = {.registers = {{Register::rsi, in_memory(l2_data_offset + count)},
                                          {Register::rcx, 0}}}});
    // Segments by their number, as in the encoding of MOV.
    for (const auto& [program, number] : {
             std::pair{"outs_es_b", 0u}, std::pair{"outs_cs_b", 1u}, std::pair{"outs_ss_b", 2u},
             std::pair{"outs_ds_b", 3u}, std::pair{"outs_fs_b", 4u}, std::pair{"outs_gs_b", 5u}}) {
        std::vector<FieldExpectation> info = reported(access(byte, false).with(IoAccess::string));
        info.push_back({.field = field::exit_info_1,
                        .value = IoAccess{}.with(IoAccess::segment, number).value,
                        .mask = IoAccess::segment.mask(),
                        .needs = Feature::decode_assists});
        // CS of 16-bit code begins elsewhere.
        table.row({.subject = "ioio", .variant = program, .program = program,
                   .intercept = Intercept::ioio_prot, .manual = manual,
                   .modes = number == 1 ? flat_modes : all_modes,
                   .setup = {closed(inert_port), port_in_dx(inert_port),
                             l2_register(Register::rsi, l2_data)},
                   .taken_fields = info,
                   .executed = {.registers = {{Register::rsi, in_memory(l2_data_offset + 1)}}}});
    }
    // The operand would fault, but nobody looks at it.
    for (const auto& [program, write] : {std::pair{"ins_b", true}, std::pair{"outs_b", false}}) {
        const std::string variant = std::string{program} + "_unmapped";
        table.row({.subject = "ioio", .variant = variant, .program = program,
                   .intercept = Intercept::ioio_prot, .manual = manual, .modes = only_long64,
                   .setup = {closed(inert_port), port_in_dx(inert_port),
                             l2_register(Register::rdi, world::unmapped),
                             l2_register(Register::rsi, world::unmapped)},
                   .taken_fields = reported(access(byte, write).with(IoAccess::string)),
                   .executed = {.fields = {{field::cr2, world::unmapped}}},
                   .raises = Delivery{.vector = 14, .error_code = write ? 2u : 0u},
                   .also_meets = {svm::exception_intercept(14)}});
    }
}

/// Exactly one of A16, A32 and A64.
void address_sizes(InstructionTable& table) {
    struct Expected {
        Modes modes;
        IoAccess usual, other;
    };
    const auto of = [](auto size) { return IoAccess{}.with(size); };
    const Expected by_mode[] = {
        {only_long64, of(IoAccess::address_64), of(IoAccess::address_32)},
        {only_32bit,  of(IoAccess::address_32), of(IoAccess::address_16)},
        {only_16bit,  of(IoAccess::address_16), of(IoAccess::address_32)},
    };
    for (const Expected& expected : by_mode) {
        for (const char* program : {"in_dx_b", "out_dx_b", "ins_b", "outs_b", "outs_other_size_b"}) {
            const bool other = program == std::string_view{"outs_other_size_b"};
            const IoAccess info = other ? expected.other : expected.usual;
            const std::string variant = std::string{"address_size/"} + program;
            table.row({.subject = "ioio", .variant = variant, .program = program,
                       .intercept = Intercept::ioio_prot, .manual = manual,
                       .modes = expected.modes,
                       .setup = {closed(inert_port), port_in_dx(inert_port),
                                 l2_register(Register::rdi, l2_data),
                                 l2_register(Register::rsi, l2_data)},
                       .taken_fields = {{field::exit_info_1, info.value, address_size}},
                       .runs_without_intercept = false});
        }
    }
}

/// At CPL 3 with too low an IOPL the TSS decides, and only then the map is asked. APM2 12.2.5.
void task_state_segment(InstructionTable& table) {
    struct Tss { Modes modes; std::uint32_t at; };
    constexpr std::uint32_t io_map_base = 0x66;
    constexpr std::uint32_t io_map = 0x68; // Of all ports up to 0BFh; its bytes are zero.
    constexpr std::uint64_t limit = io_map + 0xc0 / 8 - 1;
    for (const Tss& tss : {Tss{{true, true, false, false}, offsetof(L2Memory, tss64)},
                           Tss{{false, false, true, true}, offsetof(L2Memory, tss32)}}) {
        const auto in_tss = [&](std::uint32_t offset, std::uint8_t size, std::uint64_t value) {
            return Write{wire::Op::Code::write, Region::l2_memory, tss.at + offset, size, value};
        };
        std::vector<Step> open{closed(inert_port), port_in_dx(inert_port),
                               in_tss(io_map_base, 2, io_map), vmcb_field(field::tr_limit, limit)};
        table.row({.subject = "ioio", .variant = "tss_open", .program = "out_dx_b",
                   .intercept = Intercept::ioio_prot, .manual = "APM2 12.2.5, 15.10.2",
                   .modes = tss.modes, .cpl3 = AtCpl3::only, .setup = open,
                   .taken_fields = reported(access(sizes[0], false))});
        // The processor reads two bytes of the bit map, so the port's neighbours are there too.
        std::vector<Step> shut = open;
        shut.emplace_back(in_tss(io_map + inert_port / 8, 1, 1u << inert_port % 8));
        table.row({.subject = "ioio", .variant = "tss_closed", .program = "out_dx_b",
                   .intercept = Intercept::ioio_prot, .manual = "APM2 12.2.5, 15.10.2",
                   .modes = tss.modes, .cpl3 = AtCpl3::only, .setup = shut,
                   .reach = Reach::exception_first,
                   .raises = Delivery{.vector = 13, .error_code = 0}});
    }
}

/// Which bits of the map an access looks at. The ports below 80h belong to nobody.
void map_bits(InstructionTable& table) {
    const std::string_view map_manual = "APM2 15.10.1";
    const auto reads = [](std::uint16_t port, std::uint32_t closed_port) {
        return std::vector<Step>{closed(closed_port), port_in_dx(port), narrow_rax()};
    };
    struct Row {
        std::string_view variant;
        const Size& size;
        std::uint16_t port;
        std::uint32_t closed_port;
        bool exits;
    };
    const Size& byte = sizes[0];
    const Size& word = sizes[1];
    const Size& dword = sizes[2];
    for (const Row& row : {
             Row{"map/open",                byte,  inert_port, 0xffff,   false},
             Row{"map/closed_port_below",   byte,  0x81,       0x80,     false},
             Row{"map/closed_port_above",   byte,  0x7f,       0x80,     false},
             Row{"map/closed_above_word",   word,  0x7e,       0x80,     false},
             Row{"map/closed_above_dword",  dword, 0x7c,       0x80,     false},
             Row{"map/second_byte_of_word", word,  0x7f,       0x80,     true},
             Row{"map/last_byte_of_dword",  dword, 0x7d,       0x80,     true},
             Row{"map/across_a_byte",       dword, 0x7e,       0x81,     true},
             Row{"map/word_in_next_page",   word,  0x7fff,     0x8000,   true},
             Row{"map/dword_in_next_page",  dword, 0x7ffd,     0x8000,   true},
             Row{"map/last_of_first_page",  byte,  0x7fff,     0x7fff,   true},
             Row{"map/last_port",           byte,  0xffff,     0xffff,   true},
             Row{"map/word_in_third_page",  word,  0xffff,     0x1'0000, true},
             Row{"map/dword_in_third_page", dword, 0xffff,     0x1'0002, true},
         }) {
        const std::string program = std::string{"in_dx_"} + row.size.suffix;
        InstructionRow made{.subject = "ioio", .variant = row.variant, .program = program,
                            .intercept = Intercept::ioio_prot, .manual = map_manual,
                            .setup = reads(row.port, row.closed_port)};
        made.reach = row.exits ? Reach::taken : Reach::not_covered;
        if (row.exits) {
            made.taken_fields = reported(access(row.size, true, row.port));
        }
        // What lies at other ports differs from machine to machine.
        made.runs_without_intercept = row.port < 0x100;
        made.executed = anything_read(row.size);
        table.row(made);
    }
}

/// Every bit of the map is set but those of the access: none of the others is looked at.
void all_others_closed(InstructionTable& table) {
    struct Row { const Size& size; std::uint16_t port; };
    for (const Row& row : {Row{sizes[0], inert_port}, Row{sizes[1], 0x7e}, Row{sizes[2], 0x7c}}) {
        const std::uint64_t own = svm::low_bits(row.size.bytes) << row.port % 8;
        const std::string variant = std::string{"map/all_others_closed_"} + row.size.suffix;
        const std::string program = std::string{"in_dx_"} + row.size.suffix;
        table.row({.subject = "ioio", .variant = variant, .program = program,
                   .intercept = Intercept::ioio_prot, .manual = "APM2 15.10.1",
                   .setup = {Write{wire::Op::Code::fill, Region::io_permissions, 0, 0xff,
                                   sizeof(Arena::io_permissions)},
                             Write{wire::Op::Code::clear_bits, Region::io_permissions,
                                   row.port / 8u, 1, own},
                             port_in_dx(row.port), narrow_rax()},
                   .reach = Reach::not_covered,
                   .executed = anything_read(row.size)});
    }
}

// clang-format on

void io_ports(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    in_and_out(table);
    strings(table);
    address_sizes(table);
    task_state_segment(table);
    map_bits(table);
    all_others_closed(table);
}

const Registration registration{io_ports};

} // namespace
} // namespace vmrunit::cases
