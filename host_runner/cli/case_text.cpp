// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/cli/case_text.hpp"

#include "host_runner/judge/disassembly.hpp"
#include "host_runner/judge/show.hpp"

#include <fmt/format.h>
#include <variant>

namespace vmrunit::runner {

namespace {

using cases::Match;

template<class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template<class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

/// An address by its label, any other number in hexadecimal.
std::string value_text(const cases::Value& value, const Resolver& resolve) {
    const auto offset = [&] {
        return value.number == 0 ? std::string{} : fmt::format("+0x{:x}", value.number);
    };
    switch (value.anchor) {
    case cases::Anchor::zero:
        return fmt::format("0x{:x}", value.number);
    case cases::Anchor::region:
        return fmt::format("0x{:x} ({}{})", resolve(value), region_places[value.part].name,
                           offset());
    case cases::Anchor::marker:
        return fmt::format("0x{:x} (marker{})", resolve(value), offset());
    default:
        return show_address(resolve(value), resolve);
    }
}

std::string field_name(svm::FieldRef field) {
    return std::string{svm::field_info(field).name};
}

std::string place_name(Region region, std::uint32_t offset, unsigned size) {
    if (region == Region::vmcb) {
        if (const svm::Field* field = svm::find_field(offset)) {
            return offset == field->offset
                       ? std::string{field->name}
                       : fmt::format("{}+{}", field->name, offset - field->offset);
        }
    }
    if (region == Region::registers) {
        return fmt::format("l2.{}", register_names[offset / 8]);
    }
    return fmt::format("{}+0x{:x}..0x{:x}", place_of(region).name, offset, offset + size - 1);
}

std::string bit_names(Region region, std::uint32_t offset, std::uint64_t bits) {
    const svm::Field* field = region == Region::vmcb ? svm::find_field(offset) : nullptr;
    if (field == nullptr) {
        return {};
    }
    std::string names;
    for (const svm::Field& one : svm::bits_of(*field)) {
        if ((bits & one.mask()) != 0 && one.offset == offset) {
            names += names.empty() ? "" : ", ";
            names += one.name.substr(one.name.rfind('.') + 1);
        }
    }
    return names.empty() ? names : " (" + names + ")";
}

std::string write_text(const cases::Write& write, const Resolver& resolve) {
    const std::string place = place_name(write.region, write.offset, write.size);
    const std::string value = value_text(write.value, resolve);
    switch (write.code) {
    case wire::Op::Code::set_bits:
        return fmt::format("set    {} |= {}{}", place, value,
                           bit_names(write.region, write.offset, write.value.number));
    case wire::Op::Code::clear_bits:
        return fmt::format("clear  {} &= ~{}{}", place, value,
                           bit_names(write.region, write.offset, write.value.number));
    case wire::Op::Code::fill:
        return fmt::format("fill   {}+0x{:x}, {} bytes, with 0x{:02x}", place_of(write.region).name,
                           write.offset, write.value.number, write.size);
    default:
        return fmt::format("write  {} = {}", place, value);
    }
}

std::string step_text(const cases::Step& step, const Resolver& resolve) {
    static constexpr const char* l1_names[] = {"msr", "cr0", "cr4", "dr0",  "dr1",
                                               "dr2", "dr3", "dr7", "xcr0", "cr8"};
    return std::visit(
        Overloaded{[&](const cases::Write& write) { return write_text(write, resolve); },
                   [&](const cases::L1Write& write) {
                       const auto number = static_cast<unsigned>(write.target);
                       const std::string value = value_text(write.value, resolve);
                       return write.target == wire::L1Register::msr
                                  ? fmt::format("L1     msr 0x{:x} = {}", write.msr, value)
                                  : fmt::format("L1     {} = {}", l1_names[number], value);
                   },
                   [&](const cases::Run& run) {
                       return run.vmcb == cases::Value{}
                                  ? std::string{"VMRUN"}
                                  : fmt::format("VMRUN  with rAX = {}",
                                                value_text(run.vmcb, resolve));
                   },
                   [&](const cases::Measure& measure) {
                       return fmt::format("time   {} VMRUNs in a row", measure.runs);
                   },
                   [&](const cases::Call& call) {
                       return fmt::format("call   L1 routine {} ({})", call.routine, call.argument);
                   }},
        step);
}

std::string match_text(Match match, const cases::Value& value, std::uint64_t mask,
                       const Resolver& resolve) {
    const std::string under =
        mask == ~std::uint64_t{0} ? "" : fmt::format(" under mask 0x{:x}", mask);
    switch (match) {
    case Match::changed:
        return "changed" + under;
    case Match::free:
        return "left open" + under;
    case Match::equals:
        break;
    }
    return value_text(value, resolve) + under;
}

std::string exit_text(const cases::ExitExpectation& exit, const Resolver& resolve) {
    std::string text = fmt::format(
        "  #VMEXIT {}\n",
        show_field(svm::field::exit_code, static_cast<std::uint64_t>(exit.exit_code), resolve));
    if (exit.exit_code != svm::ExitCode::invalid && exit.exit_code != svm::ExitCode::shutdown) {
        text += fmt::format("    {:<28} {}\n", "save.rip", value_text(exit.rip, resolve));
    }
    for (const auto& field : exit.fields) {
        const std::string needs = feature_names(field.needs);
        text += fmt::format("    {:<28} {}{}\n", field_name(field.field),
                            match_text(field.match, field.value, field.mask, resolve),
                            needs.empty() ? "" : "  where the CPU has " + needs);
    }
    for (const auto& reg : exit.registers) {
        text += fmt::format("    l2.{:<25} {}\n", register_names[static_cast<unsigned>(reg.reg)],
                            match_text(reg.match, reg.value, reg.mask, resolve));
    }
    for (const auto& memory : exit.memory) {
        text +=
            fmt::format("    {:<28} {}\n", place_name(memory.region, memory.offset, memory.size),
                        match_text(memory.match, memory.value, memory.mask, resolve));
    }
    text += "    everything else              as it was\n";
    return text;
}

std::string expectation_text(const cases::Expectation& expectation, const Resolver& resolve) {
    if (const auto* exit = std::get_if<cases::ExitExpectation>(&expectation)) {
        return exit_text(*exit, resolve);
    }
    if (const auto* fault = std::get_if<cases::FaultExpectation>(&expectation)) {
        return fmt::format("  VMRUN itself faults in L1: vector {}, error code 0x{:x}\n",
                           fault->vector, fault->error_code);
    }
    if (std::holds_alternative<cases::EndExpectation>(expectation)) {
        return "  no #VMEXIT: a shutdown or reset ends the machine\n";
    }
    const auto& call = std::get<cases::CallExpectation>(expectation);
    std::string text = "  the routine reports\n";
    if (call.fault) {
        text += fmt::format("    a fault: vector {}, error code 0x{:x}\n", call.fault->vector,
                            call.fault->error_code);
    }
    for (const auto& value : call.values) {
        text += fmt::format("    {:<28} {}\n", value.what,
                            match_text(value.match, value.value, value.mask, resolve));
    }
    return text;
}

std::string_view place_of_code(const cases::Case& subject) {
    if (!subject.code_copy) {
        return "";
    }
    return subject.code_copy->ends_segment ? ", a copy at the end of its code segment"
                                           : ", a copy at the border of two pages";
}

} // namespace

std::string feature_names(const svm::Features& features) {
    std::string names;
    for (const svm::FeatureInfo& info : svm::feature_table) {
        if (features.test(info.feature)) {
            names += names.empty() ? "" : ", ";
            names += info.name;
        }
    }
    return names;
}

std::string case_text(const cases::Case& subject, const Resolver& resolve) {
    const std::string needs = feature_names(subject.needs);
    std::string text = subject.name + "\n";
    text += fmt::format("  {}\n", subject.title);
    text += fmt::format("  manual   {}\n", subject.manual);
    text += fmt::format("  row      {}:{}\n", subject.file, subject.line);
    text += fmt::format("  L2       {}, CPL {}, nested paging {}\n",
                        l2_mode_names[static_cast<unsigned>(subject.start.mode)], subject.start.cpl,
                        subject.start.nested_paging ? "on" : "off");
    text += fmt::format("  L1       {}\n", l1_mode_names[static_cast<unsigned>(subject.start.l1)]);
    text += fmt::format("  needs    {}\n", needs.empty() ? "nothing" : needs);
    if (const std::string without = feature_names(subject.without); !without.empty()) {
        text += fmt::format("  without  {}\n", without);
    }
    if (!subject.confirmed) {
        text += "  unconfirmed: no target has shown this yet\n";
    }
    text += "\nset-up, on top of the baseline\n";
    for (const cases::Step& step : subject.steps) {
        text += "  " + step_text(step, resolve) + "\n";
    }
    text += fmt::format("\nL2 program {}{}\n", subject.program, place_of_code(subject));
    for (const CodeLine& line : disassemble(resolve.program(), std::nullopt)) {
        text += fmt::format("  {:>8x}: {:<24} {:<28} {}\n", line.address, line.bytes, line.text,
                            line.note);
    }
    text += "\nexpected\n";
    for (const cases::Expectation& expectation : subject.expectations) {
        text += expectation_text(expectation, resolve);
    }
    return text;
}

std::function<std::string(const cases::Case&)>
case_definitions(const std::filesystem::path& payload) {
    auto loaded = PayloadImages::load(payload);
    if (!loaded) {
        return {};
    }
    const auto images = std::make_shared<const PayloadImages>(std::move(*loaded));
    return [images](const cases::Case& subject) {
        const auto resolver = Resolver::make(*images, subject);
        return resolver ? case_text(subject, *resolver) : std::string{};
    };
}

} // namespace vmrunit::runner
