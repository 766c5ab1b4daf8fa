// SPDX-License-Identifier: GPL-2.0-only
// The field list of the VMCB as data: fields name what differs in a report, tell the judge what
// VMRUN and #VMEXIT do with every bit, and are what the field cases iterate over. Two levels:
// fields cover the page without gap or overlap, and where a field is made of named bits these cover
// it. Rows say `field::next_rip` or `bits::efer::svme`, so a misspelt field does not compile.
#pragma once

#include "harness/svm/bits.hpp"
#include "harness/svm/gate.hpp"
#include "harness/svm/vmcb.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace vmrunit::svm {

struct FieldRef {
    std::uint16_t offset;
    std::uint16_t size_bytes;

    constexpr bool operator==(const FieldRef&) const = default;
};

struct BitsRef {
    FieldRef field;
    std::uint8_t low;
    std::uint8_t count;

    // In the field's own value.
    constexpr std::uint64_t mask() const { return low_bits(count) << low; }
    constexpr std::uint64_t in_place(std::uint64_t content) const {
        return (content << low) & mask();
    }
    constexpr bool operator==(const BitsRef&) const = default;
};

enum class FieldKind : std::uint8_t { control, intercept, state, exit, event, reserved };

enum class OnVmrun : std::uint8_t {
    loaded,  // moved into processor state
    used,    // acted upon
    ignored, // not read as input
};

enum class OnExit : std::uint8_t {
    written,
    unchanged,
    undefined, // not to be judged
};

inline constexpr std::int8_t no_clean_bit = -1;

struct Field {
    std::string_view name; // "save.cs.base", "control.virtual_interrupt.v_irq"
    std::uint16_t offset;  // in the page; of the field also for bits inside it
    std::uint8_t bit_lo;   // counted from `offset`; 0 for a whole field
    std::uint16_t bit_count;
    FieldKind kind;
    Gate gate;
    OnVmrun on_vmrun;
    OnExit on_exit;
    bool moved_by_vmload; // and stored by VMSAVE, instead of VMRUN and #VMEXIT
    std::int8_t clean_bit;
    std::string_view manual;

    // Whole fields only.
    constexpr FieldRef ref() const { return {offset, static_cast<std::uint16_t>(bit_count / 8)}; }
    // In the field's value; for fields of up to eight bytes.
    constexpr std::uint64_t mask() const { return low_bits(bit_count) << bit_lo; }
};

// One constant per field.
namespace field {
#define VMRUNIT_FIELD_AT(area, identifier, name, member, offset, bytes, ...)                       \
    inline constexpr FieldRef identifier{offset, bytes};                                           \
    static_assert(offsetof(Vmcb, area.member) == (offset), "the member is elsewhere");             \
    static_assert(sizeof(std::declval<Vmcb&>().area.member) == (bytes), "the size differs");
#define VMRUNIT_WORD_AT(area, identifier, name, member, offset, bytes)                             \
    VMRUNIT_FIELD_AT(area, identifier, name, member, offset, bytes)
#include "harness/svm/vmcb_field_list.inc"
} // namespace field

// One constant per run of bits, in a namespace called like the field.
#define VMRUNIT_BITS_AT(area, identifier, name, member, low, count, run, ...)                      \
    namespace bits::identifier {                                                                   \
    inline constexpr BitsRef run{field::identifier, low, count};                                   \
    }
#include "harness/svm/vmcb_field_list.inc"

// A typed word names each of its assigned bits itself, and puts them where the list does.
#define VMRUNIT_BITS_AT(area, identifier, name, member, low, count, run, kind, ...)                \
    static_assert(                                                                                 \
        []<class Word>(std::type_identity<Word>) {                                                 \
            if constexpr (requires { Word::run; }) {                                               \
                return Word::run == BitRange<Word>{low, count};                                    \
            }                                                                                      \
            return !requires {                                                                     \
                typename Word::Range;                                                              \
            }                                                                                      \
            || FieldKind::kind == FieldKind::reserved;                                             \
        }(std::type_identity<                                                                      \
            std::remove_reference_t<decltype(std::declval<Vmcb&>().area.member)>>{}),              \
        "the word type has these bits elsewhere, or not at all");
#include "harness/svm/vmcb_field_list.inc"

namespace field_list {

using gate::either;
using gate::enabled;
using gate::model_dependent;
using gate::needs;
using gate::none;
using enum Feature;
using enum Enable;
using enum FieldKind;
using enum OnVmrun;
using enum OnExit;

inline constexpr std::int8_t never = no_clean_bit;

inline constexpr Field bits_table[] = {
#define VMRUNIT_INTERCEPT(offset, bit, code, name, manual_name, gate, timing, next_rip, info_1,    \
                          info_2, manual)                                                          \
    {"control.intercept." #name,                                                                   \
     offset,                                                                                       \
     bit,                                                                                          \
     1,                                                                                            \
     intercept,                                                                                    \
     gate,                                                                                         \
     used,                                                                                         \
     unchanged,                                                                                    \
     false,                                                                                        \
     0,                                                                                            \
     "APM2 " manual},
#include "harness/svm/intercept_list.inc"
#undef VMRUNIT_INTERCEPT
#define VMRUNIT_BITS_AT(area, identifier, name, member, low, count, run, kind, gate, on_vmrun,     \
                        on_exit, vmload, clean, manual)                                            \
    {#area "." name "." #run,                                                                      \
     field::identifier.offset,                                                                     \
     low,                                                                                          \
     count,                                                                                        \
     kind,                                                                                         \
     gate,                                                                                         \
     on_vmrun,                                                                                     \
     on_exit,                                                                                      \
     vmload,                                                                                       \
     clean,                                                                                        \
     "APM2 " manual},
#include "harness/svm/vmcb_field_list.inc"
};

// A word has no attributes of its own until they are summed up from its bits.
inline constexpr Field unsummed[] = {
#define VMRUNIT_FIELD_AT(area, identifier, name, member, offset, bytes, kind, gate, on_vmrun,      \
                         on_exit, vmload, clean, manual)                                           \
    {#area "." name, offset,  0,      (bytes)*8, kind,          gate,                              \
     on_vmrun,       on_exit, vmload, clean,     "APM2 " manual},
#define VMRUNIT_WORD_AT(area, identifier, name, member, offset, bytes)                             \
    {#area "." name, offset,    0,     (bytes)*8,    reserved, none,                               \
     ignored,        unchanged, false, no_clean_bit, "APM2 B"},
#include "harness/svm/vmcb_field_list.inc"
};

} // namespace field_list

inline constexpr std::span<const Field> vmcb_bits{field_list::bits_table};

inline constexpr std::size_t vmcb_field_count =
    sizeof(field_list::unsummed) / sizeof(field_list::unsummed[0]);

// The named bits of a field in ascending order; empty for a field that is one value.
constexpr std::span<const Field> bits_of(FieldRef field) {
    std::size_t first = 0;
    std::size_t last = vmcb_bits.size();
    while (first < last) {
        const std::size_t middle = first + (last - first) / 2;
        if (vmcb_bits[middle].offset < field.offset) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    while (last < vmcb_bits.size() && vmcb_bits[last].offset == field.offset) {
        ++last;
    }
    return vmcb_bits.subspan(first, last - first);
}
constexpr std::span<const Field> bits_of(const Field& field) {
    return bits_of(field.ref());
}

namespace field_list {

// The strongest of what the bits say; kind, gate, clean bit and section of the first bits that are
// not reserved.
constexpr Field sum_of_bits(Field word, std::span<const Field> bits) {
    for (const Field& run : bits) {
        if (word.kind == FieldKind::reserved && run.kind != FieldKind::reserved) {
            word.kind = run.kind;
            word.manual = run.manual;
        }
        if (run.on_vmrun < word.on_vmrun) {
            word.on_vmrun = run.on_vmrun;
        }
        if (run.on_exit == OnExit::written || word.on_exit == OnExit::unchanged) {
            word.on_exit = run.on_exit;
        }
        if (word.clean_bit == no_clean_bit) {
            word.clean_bit = run.clean_bit;
        }
        word.moved_by_vmload = word.moved_by_vmload || run.moved_by_vmload;
    }
    // A gate on the whole word is right only if nothing in it works without.
    bool first = true;
    for (const Field& run : bits) {
        if (run.kind == FieldKind::reserved) {
            continue;
        }
        if (first) {
            word.gate = run.gate;
        } else if (word.gate != run.gate) {
            word.gate = gate::none;
        }
        first = false;
    }
    return word;
}

consteval auto summed_fields() {
    std::array<Field, vmcb_field_count> fields{};
    for (std::size_t i = 0; i < vmcb_field_count; ++i) {
        const std::span<const Field> bits = bits_of(unsummed[i]);
        fields[i] = bits.empty() ? unsummed[i] : sum_of_bits(unsummed[i], bits);
    }
    return fields;
}

} // namespace field_list

inline constexpr std::array<Field, vmcb_field_count> vmcb_fields = field_list::summed_fields();

// The field that the byte at `offset` belongs to; null beyond the page.
constexpr const Field* find_field(std::size_t offset) {
    if (offset >= vmcb_size) {
        return nullptr;
    }
    std::size_t first = 0;
    std::size_t last = vmcb_fields.size();
    while (last - first > 1) {
        const std::size_t middle = first + (last - first) / 2;
        if (vmcb_fields[middle].offset <= offset) {
            first = middle;
        } else {
            last = middle;
        }
    }
    return &vmcb_fields[first];
}

// The smallest named thing at one bit of the page: a run of bits, or the field that has none.
constexpr const Field* find_bit(std::size_t offset, unsigned bit_in_byte) {
    if (offset >= vmcb_size) {
        return nullptr;
    }
    const Field* field = find_field(offset);
    const std::size_t bit = (offset - field->offset) * 8 + bit_in_byte;
    for (const Field& run : bits_of(*field)) {
        if (bit >= run.bit_lo && bit < std::size_t{run.bit_lo} + run.bit_count) {
            return &run;
        }
    }
    return field;
}

// A field or a run of bits.
constexpr const Field* field_by_name(std::string_view name) {
    for (const Field& field : vmcb_fields) {
        if (field.name == name) {
            return &field;
        }
    }
    for (const Field& run : vmcb_bits) {
        if (run.name == name) {
            return &run;
        }
    }
    return nullptr;
}

constexpr const Field& field_info(FieldRef field) {
    return *find_field(field.offset);
}

// Value of a field of up to eight bytes in a copy of the page; the low eight bytes of a longer one.
constexpr std::uint64_t read_field(std::span<const std::uint8_t, vmcb_size> page, FieldRef field) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < field.size_bytes && i < 8; ++i) {
        value |= std::uint64_t{page[field.offset + i]} << (i * 8);
    }
    return value;
}

constexpr void write_field(std::span<std::uint8_t, vmcb_size> page, FieldRef field,
                           std::uint64_t value) {
    for (unsigned i = 0; i < field.size_bytes && i < 8; ++i) {
        page[field.offset + i] = static_cast<std::uint8_t>(value >> (i * 8));
    }
}

consteval bool fields_cover_the_page() {
    std::size_t next = 0;
    for (const Field& field : vmcb_fields) {
        if (field.offset != next || field.bit_count == 0 || field.bit_count % 8 != 0) {
            return false;
        }
        next += field.bit_count / 8;
    }
    return next == vmcb_size;
}
static_assert(fields_cover_the_page(), "a gap or an overlap between fields");

consteval bool bits_cover_their_fields() {
    std::size_t seen = 0;
    for (const Field& field : vmcb_fields) {
        const std::span<const Field> bits = bits_of(field);
        std::size_t next = 0;
        for (const Field& run : bits) {
            if (run.bit_lo != next || run.bit_count == 0) {
                return false;
            }
            next += run.bit_count;
        }
        if (!bits.empty() && next != field.bit_count) {
            return false;
        }
        seen += bits.size();
    }
    return seen == vmcb_bits.size();
}
static_assert(bits_cover_their_fields(), "a gap or an overlap between bits, or bits of no field");

} // namespace vmrunit::svm
