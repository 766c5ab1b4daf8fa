// SPDX-License-Identifier: GPL-2.0-only
// See vmcb_map.hpp.
#include "host_runner/report/html/vmcb_map.hpp"

#include "harness/svm/vmcb_fields.hpp"
#include "host_runner/report/html/vmcb_drawing.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>
#include <variant>

namespace vmrunit::runner::html {
namespace {

ByteState state_of(const CaseResult& result) {
    switch (result.verdict) {
    case Verdict::pass:
    case Verdict::unexpected_pass:
    case Verdict::expected_fail: // Of these two its fields say which bytes were wrong; the others
    case Verdict::fail:          // were as expected.
        return ByteState::right;
    case Verdict::skip:
    case Verdict::error:
        return ByteState::not_run;
    }
    return ByteState::not_run;
}

void raise(ByteState& state, ByteState to) {
    state = std::max(state, to);
}

class Mapper {
public:
    explicit Mapper(VmcbMap& map) : map_{map} {}

    void take(const cases::Case& subject, const CaseResult& result) {
        const ByteState state = state_of(result);
        for (const cases::Step& step : subject.steps) {
            if (const auto* write = std::get_if<cases::Write>(&step);
                write != nullptr && write->region == Region::vmcb) {
                const bool fill = write->code == wire::Op::Code::fill;
                each(write->offset, fill ? write->value.number : write->size, [&](VmcbByte& byte) {
                    ++byte.loaded;
                    raise(byte.as_loaded, state);
                });
            }
        }
        for (const cases::Expectation& expectation : subject.expectations) {
            if (const auto* exit = std::get_if<cases::ExitExpectation>(&expectation)) {
                take_exit(*exit, state);
            }
        }
        take_differences(result);
    }

private:
    template<class Action>
    void each(std::size_t offset, std::size_t size, Action action) {
        for (std::size_t at = offset; at < std::min(offset + size, map_.size()); ++at) {
            action(map_[at]);
        }
    }

    void check(svm::FieldRef field, std::uint64_t mask, ByteState state) {
        for (unsigned at = 0; at < field.size_bytes; ++at) {
            if ((mask >> (8 * std::min(at, 7u)) & 0xff) != 0) {
                VmcbByte& byte = map_[field.offset + at];
                ++byte.checked;
                raise(byte.as_checked, state);
            }
        }
    }

    void take_exit(const cases::ExitExpectation& exit, ByteState state) {
        check(svm::field::exit_code, ~std::uint64_t{0}, state);
        if (exit.exit_code != svm::ExitCode::invalid) {
            check(svm::field::rip, ~std::uint64_t{0}, state);
            for (const svm::Field& field : svm::vmcb_fields) {
                if (field.on_exit == svm::OnExit::written && !field.moved_by_vmload) {
                    each(field.offset, field.bit_count / 8,
                         [&](VmcbByte& byte) { raise(byte.as_stored, state); });
                }
            }
        }
        for (const cases::FieldExpectation& row : exit.fields) {
            if (row.match != cases::Match::free) {
                check(row.field, row.mask, state);
            }
        }
    }

    void take_differences(const CaseResult& result) {
        const ByteState state = result.verdict == Verdict::expected_fail
                                    ? ByteState::known_deviation
                                    : ByteState::wrong;
        for (const FieldDifference& difference : result.fields) {
            const std::string_view name =
                std::string_view{difference.field}.substr(0, difference.field.find('+'));
            const svm::Field* field = difference.matches ? nullptr : svm::field_by_name(name);
            if (field != nullptr) {
                each(field->offset, field->bit_count / 8,
                     [&](VmcbByte& byte) { raise(byte.deviation, state); });
            }
        }
    }

    VmcbMap& map_;
};

std::string_view class_of(ByteState state) {
    switch (state) {
    case ByteState::untouched:
        return "idle";
    case ByteState::not_run:
        return "run";
    case ByteState::right:
        return "ok";
    case ByteState::known_deviation:
        return "dev";
    case ByteState::wrong:
        return "bad";
    }
    return "idle";
}

/// A band of an untouched byte stays pale; what was wrong colours every band that was at work, or
/// the stored one where nothing should have happened to the byte at all.
ByteState shown(ByteState band, const VmcbByte& byte) {
    return band == ByteState::untouched ? band : std::max(band, byte.deviation);
}

std::string hint(const svm::Field& field, const VmcbByte& byte) {
    return fmt::format("{:03x} {}: loaded by {} cases, checked by {}{}", field.offset, field.name,
                       byte.loaded, byte.checked,
                       byte.deviation == ByteState::wrong             ? ", WRONG"
                       : byte.deviation == ByteState::known_deviation ? ", known deviation"
                                                                      : "");
}

} // namespace

ByteState VmcbByte::worst() const {
    return std::max({as_loaded, as_stored, as_checked, deviation});
}

VmcbMap map_vmcb(const RunRecord& record, const cases::Catalogue& catalogue) {
    std::unordered_map<std::string_view, const cases::Case*> by_name;
    for (const cases::Case& one : catalogue.cases()) {
        by_name.emplace(one.name, &one);
    }
    VmcbMap map{};
    Mapper mapper{map};
    for (const CaseResult& result : record.results) {
        if (const auto found = by_name.find(result.name); found != by_name.end()) {
            mapper.take(*found->second, result);
        }
    }
    return map;
}

std::string vmcb_svg(const VmcbMap& map) {
    DrawnVmcb page;
    for (std::size_t at = 0; at < map.size(); ++at) {
        const VmcbByte& byte = map[at];
        const bool only_differs = byte.deviation != ByteState::untouched &&
                                  byte.as_stored == ByteState::untouched &&
                                  byte.as_checked == ByteState::untouched;
        page[at] = {{class_of(shown(byte.as_loaded, byte)),
                     class_of(only_differs ? byte.deviation : shown(byte.as_stored, byte)),
                     class_of(shown(byte.as_checked, byte))},
                    hint(*svm::find_field(at), byte)};
    }
    return vmcb_drawing(page, "Map of the VMCB; the table below says the same");
}

} // namespace vmrunit::runner::html
