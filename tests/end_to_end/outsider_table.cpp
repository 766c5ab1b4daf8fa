// SPDX-License-Identifier: GPL-2.0-only
// The outsider's cases: fair rows, rows that are wrong on purpose, one that no CPU here can run,
// and for each misbehaviour of the payload one between two that must not notice.
// Cases run in the order of their names: "before", "does_it", "next"; and the fair ones before
// those that misbehave.

#include "cases/model/catalogue.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "tests/end_to_end/misbehaviour.hpp"

#include <source_location>
#include <string>

namespace outsider {
namespace {

namespace field = vmrunit::svm::field;
namespace rflags = vmrunit::svm::rflags;
using namespace vmrunit::cases;
using vmrunit::Region;
using vmrunit::Register;
using vmrunit::svm::ExitCode;
using vmrunit::svm::Feature;
using vmrunit::svm::Intercept;

/// What differs from a row that runs `outsider_doubles` and is right.
struct Row {
    std::string program = "outsider_doubles";
    std::vector<Step> steps{Run{}};
    Expectation expectation;
    vmrunit::svm::Features needs{};
};

class Table {
public:
    explicit Table(Catalogue& catalogue) : catalogue_(catalogue) {}

    void add(const std::string& name, Row row,
             const std::source_location& where = std::source_location::current()) {
        Case made;
        made.name = "outsider/" + name;
        made.title = "A case of somebody else's.";
        made.manual = "APM2 15.5";
        made.file = project_path(where.file_name());
        made.line = where.line();
        made.program = std::move(row.program);
        made.start = {vmrunit::L2Mode::long64, 0, false};
        made.needs = row.needs;
        made.steps = std::move(row.steps);
        made.expectations = {std::move(row.expectation)};
        catalogue_.add(std::move(made));
    }

private:
    Catalogue& catalogue_;
};

constexpr std::uint64_t begins_with = 21;

std::vector<Step> with_rbx() {
    return {l2_register(Register::rbx, begins_with), Run{}};
}

/// RBX doubled, then the marker.
ExitExpectation doubled() {
    ExitExpectation exit;
    exit.exit_code = ExitCode::vmmcall;
    exit.rip = at_marker;
    exit.next_rip = {Anchor::marker, 0, 3};
    exit.registers = {{Register::rbx, 2 * begins_with}};
    return exit;
}

/// CPUID that is intercepted; each wrong row changes one thing in it.
ExitExpectation cpuid_exit() {
    ExitExpectation exit;
    exit.exit_code = ExitCode::cpuid;
    return exit;
}

std::vector<Step> intercepted() {
    return {intercepting(Intercept::cpuid), Run{}};
}

std::vector<Step> storing() {
    return {l2_register(Register::rbx, begins_with), l2_register(Register::rdi, l2_data), Run{}};
}

ExitExpectation stored(std::vector<MemoryExpectation> memory) {
    ExitExpectation exit = doubled();
    exit.registers.clear();
    exit.memory = std::move(memory);
    return exit;
}

CallExpectation sum_of(std::uint64_t value) {
    CallExpectation call;
    call.values = {reported("sum", value)};
    return call;
}

constexpr std::uint32_t counted_to = 10;
constexpr std::uint64_t the_sum = 55;
const std::vector<Step> misaligned{Run{in_region(Region::vmcb, 8)}};
constexpr FaultExpectation general_protection{.vector = 13, .error_code = 0};

void fair(Table& table) {
    table.add("fair/cpuid_taken", {"outsider_cpuid", intercepted(), cpuid_exit()});
    table.add("fair/doubles", {"outsider_doubles", with_rbx(), doubled()});
    table.add("fair/stores", {"outsider_stores", storing(),
                              stored({{Region::l2_memory, l2_data_offset, 8, begins_with}})});
    table.add("fair/vmrun_faults", {"outsider_doubles", misaligned, general_protection});
    table.add("fair/sums", {"outsider_doubles", {Call{"sum_to", counted_to}}, sum_of(the_sum)});
    table.add("fair/doubles_again", {"outsider_doubles", with_rbx(), doubled()});
}

template<class Change>
ExitExpectation wrong_exit(Change&& change) {
    ExitExpectation exit = cpuid_exit();
    change(exit);
    return exit;
}

/// Each is wrong in one thing, after which it is called.
void wrong(Table& table) {
    const auto add_exit = [&](const std::string& name, auto&& change) {
        table.add("wrong/" + name, {"outsider_cpuid", intercepted(), wrong_exit(change)});
    };
    add_exit("exit_code", [](auto& exit) { exit.exit_code = ExitCode::hlt; });
    add_exit("rip", [](auto& exit) { exit.rip = at_marker; });
    add_exit("field", [](auto& exit) { exit.fields = {{field::cr3, 0x1234'5000}}; });
    add_exit("bits_of_a_field", [](auto& exit) {
        exit.fields = {{field::rflags, rflags::cf, rflags::cf}};
    });
    add_exit("reserved_field", [](auto& exit) { exit.fields = {{field::reserved_0e8, 1}}; });
    add_exit("unchanged_field", [](auto& exit) {
        exit.fields = {{field::cr4, {}, ~std::uint64_t{0}, Match::changed}};
    });
    add_exit("register", [](auto& exit) { exit.registers = {{Register::rbx, 0x4711}}; });

    ExitExpectation forgets_rbx = doubled();
    forgets_rbx.registers.clear();
    table.add("wrong/register_not_mentioned", {"outsider_doubles", with_rbx(), forgets_rbx});
    table.add("wrong/memory", {"outsider_stores", storing(),
                               stored({{Region::l2_memory, l2_data_offset, 8, begins_with + 1}})});
    table.add("wrong/memory_not_mentioned", {"outsider_stores", storing(), stored({})});
    table.add("wrong/not_intercepted", {"outsider_cpuid", {Run{}}, cpuid_exit()});
    table.add("wrong/no_fault", {"outsider_cpuid", intercepted(), general_protection});
    table.add("wrong/fault", {"outsider_doubles", misaligned, doubled()});
    table.add("wrong/routine",
              {"outsider_doubles", {Call{"sum_to", counted_to}}, sum_of(the_sum + 1)});
}

void absent(Table& table) {
    table.add("absent/needs_sev_snp",
              {"outsider_doubles", with_rbx(), doubled(), Feature::sev_snp});
}

void hostile(Table& table, const std::string& name, Misbehaviour misbehaviour) {
    const auto argument = static_cast<std::uint32_t>(misbehaviour);
    CallExpectation call;
    call.values = {reported("argument", argument)};
    table.add(name + "/before", {"outsider_doubles", with_rbx(), doubled()});
    table.add(name + "/does_it", {"outsider_doubles", {Call{"misbehave", argument}}, call});
    table.add(name + "/next", {"outsider_doubles", with_rbx(), doubled()});
}

void outsider_table(Catalogue& catalogue) {
    Table table{catalogue};
    fair(table);
    wrong(table);
    absent(table);
#define OUTSIDER_CASES(name) hostile(table, #name, Misbehaviour::name);
    OUTSIDER_MISBEHAVIOURS(OUTSIDER_CASES)
#undef OUTSIDER_CASES
}

const Registration registration{outsider_table};

} // namespace
} // namespace outsider
