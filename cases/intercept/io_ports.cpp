// SPDX-License-Identifier: GPL-2.0-only
// IN, OUT, INS and OUTS: IOIO_PROT and the I/O permission map. The exit comes after the #GP of IOPL
// and TSS and before every other exception. APM2 15.10; EXITINFO: 15.10.2.
//
// What executes uses ports that the target lists as inert (inert_ports.hpp): 80h and its neighbours
// mostly. A REP with a count of 0 has no row: that it accesses no port is clear, whether it exits
// before that is found is not said anywhere.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/svm/inert_ports.hpp"
#include "harness/world.hpp"

#include <optional>
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

/// By which feature a target lists all ports of an access; none where it may not touch one of them.
std::optional<Feature> inert(std::uint32_t port, const Size& size) {
    for (const svm::InertPorts& ports : svm::inert_ports) {
        if (ports.first <= port && port + size.bytes - 1 <= ports.last) {
            return ports.listed;
        }
    }
    return std::nullopt;
}

std::string hex(unsigned port) {
    constexpr const char* digits = "0123456789abcdef";
    return {digits[port >> 12 & 15], digits[port >> 8 & 15], digits[port >> 4 & 15],
            digits[port & 15]};
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

/// An instruction with the state it needs: each is intercepted, refused and executed the same way.
struct Form {
    std::string variant, program;
    PageEnd page_end;
    std::vector<Step> setup;
    std::vector<FieldExpectation> taken_fields;
    Effect executed;
};

FieldExpectation segment(std::uint64_t number) {
    return {.field = field::exit_info_1,
            .value = IoAccess{}.with(IoAccess::segment, number).value,
            .mask = IoAccess::segment.mask(),
            .needs = Feature::decode_assists};
}

/// `bytes` of L2's data hold whatever the port said.
std::vector<MemoryExpectation> anything_stored(std::uint32_t bytes) {
    std::vector<MemoryExpectation> memory;
    for (std::uint32_t at = 0; at < bytes; at += 8) {
        const auto size = static_cast<std::uint8_t>(bytes - at < 8 ? bytes - at : 8);
        memory.push_back(
            {Region::l2_memory, l2_data_offset + at, size, {}, ~std::uint64_t{0}, Match::free});
    }
    return memory;
}

Form immediate(bool in) {
    const Size& byte = sizes[0];
    Form form{.variant = in ? "in_immediate" : "out_immediate",
              .program = in ? "in_80" : "out_80",
              .page_end = PageEnd::within,
              .setup = {},
              .taken_fields = reported(access(byte, in)),
              .executed = {}};
    if (in) {
        form.setup = {narrow_rax()};
        form.executed = anything_read(byte);
    }
    return form;
}

Form port_of_dx(const Size& size, bool in, std::uint16_t port = inert_port) {
    const std::string name = std::string{in ? "in_dx_" : "out_dx_"} + size.suffix;
    Form form{.variant = name,
              .program = name,
              .page_end = PageEnd::behind,
              .setup = {port_in_dx(port)},
              .taken_fields = reported(access(size, in, port)),
              .executed = {}};
    if (in) {
        form.setup.emplace_back(narrow_rax());
        form.executed = anything_read(size);
    }
    return form;
}

Form string(const Size& size, bool in, std::uint16_t port = inert_port) {
    const Register pointer = in ? Register::rdi : Register::rsi;
    const std::string name = std::string{in ? "ins_" : "outs_"} + size.suffix;
    constexpr std::uint64_t es = 0;
    constexpr std::uint64_t ds = 3;
    Form form{.variant = name,
              .program = name,
              .page_end = PageEnd::behind,
              .setup = {port_in_dx(port), l2_register(pointer, l2_data)},
              .taken_fields = reported(access(size, in, port).with(IoAccess::string)),
              .executed = {.registers = {{pointer, in_memory(l2_data_offset + size.bytes)}}}};
    form.taken_fields.push_back(segment(in ? es : ds));
    if (in) {
        form.executed.memory = anything_stored(size.bytes);
    }
    return form;
}

Form repeated(const Size& size, bool in) {
    constexpr unsigned count = 3;
    const Register pointer = in ? Register::rdi : Register::rsi;
    const std::string name = std::string{in ? "rep_ins_" : "rep_outs_"} + size.suffix;
    const IoAccess info = access(size, in).with(IoAccess::string).with(IoAccess::repeated);
    Form form{.variant = name,
              .program = name,
              .page_end = name == "rep_outs_b" ? PageEnd::within : PageEnd::no,
              .setup = {port_in_dx(inert_port), l2_register(pointer, l2_data),
                        l2_register(Register::rcx, count)},
              .taken_fields = reported(info),
              .executed = {.registers = {{pointer, in_memory(l2_data_offset + count * size.bytes)},
                                         {Register::rcx, 0}}}};
    if (in) {
        form.executed.memory = anything_stored(count * size.bytes);
    }
    return form;
}

std::vector<Form> every_form() {
    std::vector<Form> forms;
    for (const bool in : {true, false}) {
        forms.push_back(immediate(in));
        for (const Size& size : sizes) {
            forms.push_back(port_of_dx(size, in));
            forms.push_back(string(size, in));
            forms.push_back(repeated(size, in));
        }
    }
    return forms;
}

/// What has `closed_port` closed to it. Strings live as long as the form and the variant given.
InstructionRow row_of(const Form& form, std::string_view variant,
                      std::uint32_t closed_port = inert_port) {
    InstructionRow row{.subject = "ioio",
                       .variant = variant,
                       .program = form.program,
                       .intercept = Intercept::ioio_prot,
                       .manual = manual,
                       .setup = form.setup,
                       .taken_fields = form.taken_fields,
                       .executed = form.executed,
                       .needs_to_execute = Feature::inert_ports_80};
    row.setup.emplace_back(closed(closed_port));
    return row;
}

// clang-format off

void every_instruction(InstructionTable& table) {
    for (const Form& form : every_form()) {
        InstructionRow row = row_of(form, form.variant);
        row.cpl3 = AtCpl3::gp_first;
        row.page_end = form.page_end;
        table.row(row);
    }
}

void with_rep_prefix_and_iopl(InstructionTable& table) {
    const Size& byte = sizes[0];
    // REP is for string instructions; in front of others it is nothing.
    table.row({.subject = "ioio", .variant = "in_with_rep_prefix", .program = "rep_in_b",
               .intercept = Intercept::ioio_prot, .manual = manual,
               .setup = {closed(inert_port), port_in_dx(inert_port), narrow_rax()},
               .taken_fields = reported(access(byte, true)),
               .executed = anything_read(byte),
               .needs_to_execute = Feature::inert_ports_80});
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
               .taken_fields = reported(access(byte, false)),
               .needs_to_execute = Feature::inert_ports_80});
}

void strings(InstructionTable& table) {
    const Size& byte = sizes[0];
    // Segments by their number, as in the encoding of MOV.
    for (const auto& [program, number] : {
             std::pair{"outs_es_b", 0u}, std::pair{"outs_cs_b", 1u}, std::pair{"outs_ss_b", 2u},
             std::pair{"outs_ds_b", 3u}, std::pair{"outs_fs_b", 4u}, std::pair{"outs_gs_b", 5u}}) {
        std::vector<FieldExpectation> info = reported(access(byte, false).with(IoAccess::string));
        info.push_back(segment(number));
        // Where CS begins elsewhere that is another byte, which nobody sees.
        table.row({.subject = "ioio", .variant = program, .program = program,
                   .intercept = Intercept::ioio_prot, .manual = manual,
                   .setup = {closed(inert_port), port_in_dx(inert_port),
                             l2_register(Register::rsi, l2_data)},
                   .taken_fields = info,
                   .executed = {.registers = {{Register::rsi, in_memory(l2_data_offset + 1)}}},
                   .needs_to_execute = Feature::inert_ports_80});
    }
    // INS stores by ES, and says so, where a prefix names a segment that begins elsewhere. APM3, INS.
    for (const auto& [program, base] : {std::pair{"ins_ds_b", field::ds_base},
                                        std::pair{"ins_fs_b", field::fs_base}}) {
        Form form = string(byte, true);
        form.program = program;
        form.setup.emplace_back(vmcb_field(base, 0x100));
        table.row(row_of(form, program));
    }
    // The operand would fault, but nobody looks at it.
    struct Unmapped { Modes modes; std::uint64_t address; std::vector<Step> setup; };
    for (const Unmapped& operand : {Unmapped{only_long64, world::unmapped, {}},
                                    Unmapped{only_32bit, spare_page, spare_page_absent()}}) {
        for (const bool in : {true, false}) {
            Form form = string(byte, in);
            const std::string variant = form.variant + "_unmapped";
            form.setup = join({port_in_dx(inert_port), l2_register(Register::rdi, operand.address),
                               l2_register(Register::rsi, operand.address)}, operand.setup);
            form.executed = {.fields = {{field::cr2, operand.address}}};
            InstructionRow row = row_of(form, variant);
            row.modes = operand.modes;
            row.raises = Delivery{.vector = 14, .error_code = in ? 2u : 0u};
            row.also_meets = {Intercept::exception_pf};
            table.row(row);
        }
    }
    // Nor whether it lies in its segment.
    struct Beyond { std::string_view program; bool in; std::uint8_t vector; };
    for (const Beyond& one : {Beyond{"ins_w", true, 13}, Beyond{"outs_w", false, 13},
                              Beyond{"outs_ss_w", false, 12}}) {
        constexpr std::uint64_t last_byte = 0xffff;
        const std::string variant = std::string{one.program} + "_beyond_segment";
        table.row({.subject = "ioio", .variant = variant, .program = one.program,
                   .intercept = Intercept::ioio_prot, .manual = manual,
                   .modes = real_modes | only_prot16,
                   .setup = {closed(inert_port), port_in_dx(inert_port),
                             l2_register(Register::rdi, last_byte),
                             l2_register(Register::rsi, last_byte)},
                   .taken_fields = reported(access(sizes[1], one.in).with(IoAccess::string)),
                   .raises = Delivery{.vector = one.vector, .error_code = 0},
                   .also_meets = {svm::exception_intercept(one.vector)},
                   .needs_to_execute = Feature::inert_ports_80});
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

/// At CPL 3 with too low an IOPL, and in virtual-8086 mode whatever it is, the TSS decides, and only
/// then the map is asked. A TSS of 16 bits has no map of ports, so that nothing opens one in prot16.
/// APM2 12.2.4, 12.2.5.
void task_state_segment(InstructionTable& table) {
    struct Tss { Modes modes; std::uint32_t at; };
    constexpr std::uint32_t io_map_base = 0x66;
    constexpr std::uint32_t io_map = 0x68; // Of all ports up to 0BFh; its bytes are zero.
    constexpr std::uint64_t limit = io_map + 0xc0 / 8 - 1;
    const std::string_view tss_manual = "APM2 12.2.5, 15.10.2";
    const auto across_bytes = [](const Size& size, bool in) {
        Form form = port_of_dx(size, in, inert_port - 1);
        form.variant += "_across_bytes";
        return form;
    };
    for (const Tss& tss : {Tss{{true, true, false, false}, offsetof(L2Memory, tss64)},
                           Tss{Modes{false, false, true, true} | only_v86, offsetof(L2Memory, tss32)}}) {
        const auto in_tss = [&](std::uint32_t offset, std::uint8_t size, std::uint64_t value) {
            return Write{wire::Op::Code::write, Region::l2_memory, tss.at + offset, size, value};
        };
        const auto row = [&](const Form& form, std::string_view variant) {
            InstructionRow made = row_of(form, variant);
            made.manual = tss_manual;
            made.modes = tss.modes;
            made.cpl3 = AtCpl3::only;
            made.setup.emplace_back(in_tss(io_map_base, 2, io_map));
            made.setup.emplace_back(vmcb_field(field::tr_limit, limit));
            return made;
        };
        const auto open = [&](const Form& form) {
            const bool plain = form.variant == "out_dx_b";
            table.row(row(form, plain ? "tss_open" : "tss_open/" + form.variant));
        };
        // The processor reads two bytes of the bit map, so the port's neighbours are there too.
        const auto shut = [&](const Form& form, unsigned port, const std::string& variant) {
            InstructionRow made = row(form, variant);
            made.setup.emplace_back(in_tss(io_map + port / 8, 1, 1u << port % 8));
            made.reach = Reach::exception_first;
            made.raises = Delivery{.vector = 13, .error_code = 0};
            made.executed = {};
            table.row(made);
        };
        for (const Form& form : every_form()) {
            open(form);
            const bool plain = form.variant == "out_dx_b";
            shut(form, inert_port, plain ? "tss_closed" : "tss_closed/" + form.variant);
        }
        // Bits in two bytes of either map: the first or the last is enough to refuse.
        for (const bool in : {true, false}) {
            for (const Size& size : {sizes[1], sizes[2]}) {
                const Form form = across_bytes(size, in);
                const std::string name = "tss_closed/" + form.variant;
                open(form);
                shut(form, inert_port - 1u, name + "/first");
                shut(form, inert_port - 2u + size.bytes, name + "/last");
            }
        }
        // The neighbours are closed, and nobody asks.
        const Form form = port_of_dx(sizes[0], false);
        InstructionRow neighbours = row(form, "tss_open/neighbours_closed");
        neighbours.setup.emplace_back(in_tss(io_map + inert_port / 8 - 1, 1, 0x80));
        neighbours.setup.emplace_back(in_tss(io_map + inert_port / 8, 1, 0xfe));
        table.row(neighbours);
    }
}

/// Which bits of the map an access looks at.
void map_bits(InstructionTable& table) {
    const std::string_view map_manual = "APM2 15.10.1";
    struct Row {
        std::string_view variant;
        const Size& size;
        std::uint16_t port;
        std::uint32_t closed_port;
        bool exits;
        /// By IN alone, or by the others too, which look at the map as it does.
        bool by_all = false;
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
             Row{"map/second_byte_of_word", word,  0x7f,       0x80,     true,  true},
             Row{"map/last_byte_of_dword",  dword, 0x7d,       0x80,     true,  true},
             Row{"map/across_a_byte",       dword, 0x7e,       0x81,     true,  true},
             Row{"map/word_in_next_page",   word,  0x7fff,     0x8000,   true,  true},
             Row{"map/dword_in_next_page",  dword, 0x7ffd,     0x8000,   true,  true},
             Row{"map/word_before_page",    word,  0x7ffe,     0x8000,   false, true},
             Row{"map/word_behind_page",    word,  0x8000,     0x7fff,   false, true},
             Row{"map/last_of_first_page",  byte,  0x7fff,     0x7fff,   true,  true},
             Row{"map/last_port",           byte,  0xffff,     0xffff,   true,  true},
             Row{"map/last_port_alone",     byte,  0xffff,     0x1'0000, false, true},
             Row{"map/last_word",           word,  0xfffe,     0x1'0000, false, true},
             Row{"map/word_in_third_page",  word,  0xffff,     0x1'0000, true,  true},
             Row{"map/dword_in_third_page", dword, 0xffff,     0x1'0002, true,  true},
         }) {
        const auto add = [&](const Form& form, std::string_view variant) {
            InstructionRow made = row_of(form, variant, row.closed_port);
            made.manual = map_manual;
            const std::optional<Feature> listed = inert(row.port, row.size);
            // What an access does that goes on behind the last port, nobody says.
            made.runs_without_intercept = listed.has_value();
            made.needs_to_execute = listed ? svm::Features{*listed} : svm::Features{};
            if (!row.exits) {
                made.reach = Reach::not_covered;
                made.needs = made.needs_to_execute;
            }
            if (variant != row.variant) {
                made.l1_modes = only_l1_long64;
            }
            table.row(made);
        };
        add(port_of_dx(row.size, true, row.port), row.variant);
        if (row.by_all) {
            for (const Form& form : {port_of_dx(row.size, false, row.port),
                              string(row.size, true, row.port),
                              string(row.size, false, row.port)}) {
                const std::string variant =
                    std::string{row.variant} + "/" + form.variant.substr(0, form.variant.find('_'));
                add(form, variant);
            }
        }
    }
}

/// Every bit of the map is set but those of the access: none of the others is looked at.
void all_others_closed(InstructionTable& table) {
    const auto row = [&](const Form& form, std::string_view variant, const Size& size,
                         std::uint16_t port) {
        InstructionRow made = row_of(form, variant);
        made.setup.emplace_back(Write{wire::Op::Code::fill, Region::io_permissions, 0, 0xff,
                                      sizeof(Arena::io_permissions)});
        made.setup.emplace_back(Write{wire::Op::Code::clear_bits, Region::io_permissions, port / 8u,
                                      2, svm::low_bits(size.bytes) << port % 8});
        made.manual = "APM2 15.10.1";
        made.reach = Reach::not_covered;
        made.needs = *inert(port, size);
        return made;
    };
    struct Row { const Size& size; std::uint16_t port; };
    for (const Row& one : {Row{sizes[0], inert_port}, Row{sizes[1], 0x7e}, Row{sizes[2], 0x7c}}) {
        const std::string variant = std::string{"map/all_others_closed_"} + one.size.suffix;
        const Form form = port_of_dx(one.size, true, one.port);
        table.row(row(form, variant, one.size, one.port));
    }
    // Wherever nothing comes of it: what is not taken at a port is what its neighbours are not.
    for (const svm::InertPorts& ports : svm::inert_ports) {
        for (const Size& size : sizes) {
            for (unsigned port = ports.first; port + size.bytes - 1 <= ports.last; ++port) {
                for (const bool in : {true, false}) {
                    const Form form = port_of_dx(size, in, static_cast<std::uint16_t>(port));
                    const std::string variant = "map/all_others_closed/" + form.variant + "/" + hex(port);
                    InstructionRow made = row(form, variant, size, static_cast<std::uint16_t>(port));
                    made.modes = only_long64;
                    made.l1_modes = only_l1_long64;
                    made.paging = Paging::only_nested;
                    table.row(made);
                }
            }
        }
    }
}

// clang-format on

void io_ports(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    every_instruction(table);
    with_rep_prefix_and_iopl(table);
    strings(table);
    address_sizes(table);
    task_state_segment(table);
    map_bits(table);
    all_others_closed(table);
}

const Registration registration{io_ports};

} // namespace
} // namespace vmrunit::cases
