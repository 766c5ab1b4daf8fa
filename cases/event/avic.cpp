// SPDX-License-Identifier: GPL-2.0-only
// AVIC: what of L2's accesses to its APIC the processor does by itself, in the backing page, and
// what exits: registers that it does not accelerate, and an IPI to a CPU that the tables do not
// have. Tables and page are those of modes that are not in use. No target here has AVIC.
// APM2 15.29.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/second_run.hpp"

#include "harness/svm/exit_info.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::AvicAccess;
using svm::AvicIncompleteIpi;
using svm::ExitCode;
using svm::Feature;
using svm::VirtualInterrupt;

constexpr std::uint32_t apic_page = 0xfee0'0000;
constexpr Region backing_page = Region::spare_vmcb;

// Registers, by their offset. APM2 16.3.2.
constexpr std::uint32_t processor_priority = 0xa0;
constexpr std::uint32_t end_of_interrupt = 0xb0;
constexpr std::uint32_t logical_id = 0xd0;
constexpr std::uint32_t destination_format = 0xe0;
constexpr std::uint32_t in_service = 0x100;
constexpr std::uint32_t trigger_mode = 0x180;
constexpr std::uint32_t requested = 0x200;
constexpr std::uint32_t command_low = 0x300;
constexpr std::uint32_t command_high = 0x310;
constexpr std::uint32_t timer_entry = 0x320;
constexpr std::uint32_t timer_current_count = 0x390;
constexpr std::uint32_t timer_divide = 0x3e0;

Write in_backing_page(std::uint32_t offset, std::uint64_t value) {
    return {wire::Op::Code::write, backing_page, offset, 4, value};
}

/// L2's CPU, with APIC id 0, is the only one in the table, and runs on the one with id 0. There is
/// room for more.
std::vector<Step> virtual_controller() {
    constexpr std::uint64_t highest_id = 3;
    constexpr std::uint64_t valid_and_running = std::uint64_t{3} << 62;
    const auto cleared = [](Region page) {
        return Write{wire::Op::Code::fill, page, 0, 0, page_size};
    };
    return {vmcb_set(field::virtual_interrupt, VirtualInterrupt::avic_enable.mask()),
            vmcb_field(field::v_apic_bar, apic_page),
            cleared(backing_page),
            cleared(Region::legacy_pt),
            vmcb_field(field::avic_backing_page, in_region(backing_page)),
            vmcb_field(field::avic_logical_table, in_region(Region::legacy_pt)),
            vmcb_field(field::avic_physical_table, in_region(Region::idt16, highest_id)),
            Write{wire::Op::Code::write, Region::idt16, 0, 8,
                  in_region(backing_page, valid_and_running)}};
}

struct Row {
    std::string_view name; ///< Behind "event/avic/".
    std::string_view title;
    std::string_view manual;
    bool writes = false;
    std::uint32_t offset = 0;
    std::uint32_t value = 0; ///< Written.
    std::vector<Step> setup{};
    ExitExpectation exit{};
    std::vector<std::string> covers{};
};

void add(Catalogue& catalogue, Row row,
         const std::source_location& where = std::source_location::current()) {
    std::vector<Step> steps = virtual_controller();
    steps.insert(steps.end(), row.setup.begin(), row.setup.end());
    steps.emplace_back(l2_register(Register::rdi, apic_page + row.offset));
    steps.emplace_back(l2_register(Register::rbx, row.value));
    // A trap: the page has it by then.
    if (row.writes && row.exit.exit_code != ExitCode::vmmcall) {
        row.exit.memory.push_back({backing_page, row.offset, 4, row.value});
    }
    add_guest_case(catalogue,
                   {.name = "event/avic/" + std::string{row.name},
                    .title = row.title,
                    .manual = row.manual,
                    .needs = Feature::avic,
                    .program = row.writes ? "raise_pf_write" : "raise_pf_read",
                    .steps = std::move(steps),
                    .exit = std::move(row.exit),
                    .covers = row.covers},
                   {L2Mode::long64, 0, true}, where);
}

ExitExpectation exits(ExitCode code, Value rip, std::vector<FieldExpectation> information) {
    ExitExpectation exit;
    exit.exit_code = code;
    exit.rip = rip;
    exit.fields = std::move(information);
    return exit;
}

void avic(Catalogue& catalogue) {
    ExitExpectation read = program_ends();
    read.registers = {{Register::rbx, 0x1'0051}};
    add(catalogue, {.name = "accelerated/read",
                    .title = "A read comes out of the backing page and does not exit.",
                    .manual = "APM2 15.29.3",
                    .offset = timer_entry,
                    .setup = {in_backing_page(timer_entry, 0x1'0051)},
                    .exit = read});
    const auto offset = [](std::uint32_t of) {
        return AvicAccess{}.with(AvicAccess::register_offset, of >> 4);
    };
    // The count is nowhere but in a timer.
    add(catalogue, {.name = "no_acceleration/read",
                    .title = "A read that is not accelerated exits before it is done.",
                    .manual = "APM2 15.29.9.2",
                    .offset = timer_current_count,
                    .exit = exits(ExitCode::avic_noaccel, at_insn,
                                  {{field::exit_info_1, offset(timer_current_count).value}})});
    add(catalogue,
        {.name = "no_acceleration/write",
         .title = "A write that is not accelerated exits behind it, and the page has the value.",
         .manual = "APM2 15.29.9.2",
         .writes = true,
         .offset = timer_divide,
         .value = 0xb,
         .exit =
             exits(ExitCode::avic_noaccel, at_after,
                   {{field::exit_info_1, offset(timer_divide).with(AvicAccess::write).value}})});
    // Of a level-triggered interrupt, to which somebody has to answer.
    constexpr std::uint8_t vector = 0x51;
    constexpr std::uint32_t its_register = vector / 32 * 0x10;
    constexpr std::uint64_t its_bit = 1u << vector % 32;
    ExitExpectation ends =
        exits(ExitCode::avic_noaccel, at_after,
              {{field::exit_info_1, offset(end_of_interrupt).with(AvicAccess::write).value},
               {field::exit_info_2, vector, 0xff}});
    for (const std::uint32_t what : {in_service + its_register, processor_priority}) {
        ends.memory.push_back({backing_page, what, 4, {}, ~std::uint64_t{0}, Match::free});
    }
    add(catalogue, {.name = "no_acceleration/level_triggered_end",
                    .title = "The end of a level-triggered interrupt exits and names it.",
                    .manual = "APM2 15.29.9.2",
                    .writes = true,
                    .offset = end_of_interrupt,
                    .setup = {in_backing_page(in_service + its_register, its_bit),
                              in_backing_page(trigger_mode + its_register, its_bit)},
                    .exit = ends,
                    .covers = {"exit_info/avic_noaccel/2/vector"}});
    // A fixed interrupt, by a physical id whose entry in the table is not valid.
    constexpr std::uint64_t nobody = 1;
    constexpr std::uint32_t command = 0x4051;
    constexpr std::uint64_t invalid_target = 2;
    add(catalogue,
        {.name = "incomplete_ipi/invalid_target",
         .title = "An IPI to a CPU that the table does not have exits behind the write.",
         .manual = "APM2 15.29.9.1",
         .writes = true,
         .offset = command_low,
         .value = command,
         .setup = {in_backing_page(command_high, nobody << 24),
                   Write{wire::Op::Code::write, Region::idt16, nobody * 8, 8, 0}},
         .exit = exits(ExitCode::avic_incomplete_ipi, at_after,
                       {{field::exit_info_1, nobody << 56 | command},
                        {field::exit_info_2, AvicIncompleteIpi{}
                                                 .with(AvicIncompleteIpi::reason, invalid_target)
                                                 .with(AvicIncompleteIpi::table_index, nobody)
                                                 .value}})});
}

/// By a logical id, of which each bit has an entry in a table of its own. APM2 15.29.4.
void logical_ipi(Catalogue& catalogue) {
    constexpr std::uint8_t vector = 0x51;
    constexpr std::uint64_t to_logical_id = 1u << 11;
    constexpr std::uint64_t command = 0x4000 | to_logical_id | vector;
    constexpr std::uint64_t delivery_status = 1u << 12;
    constexpr std::uint64_t id = 2; ///< Of L2's CPU: bit 1, so the second entry.
    const std::vector<Step> flat{in_backing_page(destination_format, 0xffff'ffff),
                                 in_backing_page(logical_id, id << 24),
                                 in_backing_page(command_high, id << 24)};
    const auto entry = [](std::uint64_t value) {
        return Write{wire::Op::Code::write, Region::legacy_pt, 4, 4, value};
    };
    // L2 has interrupts disabled.
    ExitExpectation requests = program_ends();
    requests.memory = {
        {backing_page, command_low, 4, command, ~delivery_status},
        {backing_page, command_low, 4, {}, delivery_status, Match::free},
        {backing_page, processor_priority, 4, {}, ~std::uint64_t{0}, Match::free},
        {backing_page, requested + vector / 32 * 0x10, 4, std::uint64_t{1} << vector % 32}};
    constexpr std::uint64_t valid_and_physical_id_0 = 1u << 31;
    add(catalogue, {.name = "accelerated/logical_ipi",
                    .title = "An IPI to a logical id reaches the CPU that its entry names.",
                    .manual = "APM2 15.29.4",
                    .writes = true,
                    .offset = command_low,
                    .value = command,
                    .setup = join(flat, {entry(valid_and_physical_id_0)}),
                    .exit = requests,
                    .covers = {"field/control.avic_logical_table.address/loaded"}});
    constexpr std::uint64_t invalid_target = 2;
    add(catalogue,
        {.name = "incomplete_ipi/invalid_logical_target",
         .title = "An IPI to a logical id that the table does not have exits behind the write.",
         .manual = "APM2 15.29.9.1",
         .writes = true,
         .offset = command_low,
         .value = command,
         .setup = join(flat, {entry(0)}),
         .exit = exits(ExitCode::avic_incomplete_ipi, at_after,
                       {{field::exit_info_1, id << 56 | command},
                        {field::exit_info_2, invalid_target << 32, ~std::uint64_t{0} << 32}})});
}

/// A CPU that keeps the addresses of tables and page has to read them again where the clean bit is
/// clear. APM2 15.15.
void other_backing_page(Catalogue& catalogue) {
    constexpr Region other_page = Region::legacy_pd;
    constexpr std::uint64_t valid_and_running = std::uint64_t{3} << 62;
    const auto reads = [](std::uint64_t value) {
        ExitExpectation exit = program_ends();
        exit.registers = {{Register::rbx, value}};
        return exit;
    };
    std::vector<Step> steps = virtual_controller();
    steps.emplace_back(in_backing_page(timer_entry, 0x1'0051));
    steps.emplace_back(l2_register(Register::rdi, apic_page + timer_entry));
    std::vector<Step> then{
        Write{wire::Op::Code::fill, other_page, 0, 0, page_size},
        Write{wire::Op::Code::write, other_page, timer_entry, 4, 0x1'0052},
        Write{wire::Op::Code::write, Region::idt16, 0, 8, in_region(other_page, valid_and_running)},
        vmcb_field(field::avic_backing_page, in_region(other_page))};
    constexpr auto avic_bit = static_cast<std::uint32_t>(svm::CleanBits::avic.mask());
    add_guest_case(catalogue,
                   {.name = "event/avic/other_backing_page",
                    .title = "With the clean bit clear the page is where the VMCB says now.",
                    .manual = "APM2 15.15, 15.29",
                    .needs = {Feature::avic, Feature::vmcb_clean},
                    .program = "raise_pf_read",
                    .steps = std::move(steps),
                    .exit = reads(0x1'0051),
                    .then = second_run(L2Mode::long64, all_clean & ~avic_bit, std::move(then)),
                    .then_expected = {reads(0x1'0052)},
                    .covers = {"field/control.clean_bits.avic/used"}},
                   {L2Mode::long64, 0, true});
}

/// By MSR, with the registers at the same place of the page.
void x2avic(Catalogue& catalogue) {
    constexpr std::uint32_t timer_entry_msr = 0x800 + timer_entry / 0x10;
    std::vector<Step> steps = virtual_controller();
    steps.insert(steps.end(),
                 {vmcb_set(field::virtual_interrupt, VirtualInterrupt::x2avic_enable.mask()),
                  in_backing_page(timer_entry, 0x1'0051),
                  l2_register(Register::rcx, timer_entry_msr)});
    ExitExpectation read = program_ends();
    read.fields = {{field::rax, 0x1'0051}};
    read.registers = {{Register::rdx, 0}};
    add_guest_case(catalogue,
                   {.name = "event/avic/x2avic/read",
                    .title = "RDMSR reads the backing page and does not exit.",
                    .manual = "APM2 15.29.10",
                    .needs = {Feature::avic, Feature::x2avic},
                    .program = "rdmsr",
                    .steps = std::move(steps),
                    .exit = read},
                   {L2Mode::long64, 0, true});
}

void every_access(Catalogue& catalogue) {
    avic(catalogue);
    logical_ipi(catalogue);
    other_backing_page(catalogue);
    x2avic(catalogue);
}

const Registration registration{every_access};

} // namespace
} // namespace vmrunit::cases
