// SPDX-License-Identifier: GPL-2.0-only
#include "cases/coverage/vmcb_leaves.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace vmrunit::cases {

namespace {

/// Bits of a page from bit `first` on; at most 64 of them.
std::uint64_t bits_at(const svm::Vmcb& vmcb, std::size_t first, unsigned count) {
    const auto* page = reinterpret_cast<const std::uint8_t*>(&vmcb);
    std::uint64_t value = 0;
    for (unsigned i = 0; i < count; ++i) {
        const std::size_t bit = first + i;
        value |= std::uint64_t{static_cast<unsigned>(page[bit / 8]) >> (bit % 8) & 1} << i;
    }
    return value;
}

const std::uint8_t* bytes_of(const Leaf& leaf, const svm::Vmcb& vmcb) {
    return reinterpret_cast<const std::uint8_t*>(&vmcb) + leaf.part->offset;
}

constexpr std::size_t word_size = 8;
using LeavesByWord = std::array<std::vector<const Leaf*>, svm::vmcb_size / word_size>;

LeavesByWord by_words() {
    LeavesByWord made;
    for (const Leaf& leaf : vmcb_leaves()) {
        const std::size_t last = (leaf.first_bit() + leaf.part->bit_count - 1) / (8 * word_size);
        for (std::size_t word = leaf.first_bit() / (8 * word_size); word <= last; ++word) {
            made[word].push_back(&leaf);
        }
    }
    return made;
}

} // namespace

std::uint64_t Leaf::in(const svm::Vmcb& vmcb) const {
    return bits_at(vmcb, first_bit(), std::min<unsigned>(part->bit_count, 64));
}

bool Leaf::differs(const svm::Vmcb& left, const svm::Vmcb& right) const {
    if (is_narrow()) {
        return in(left) != in(right);
    }
    return std::memcmp(bytes_of(*this, left), bytes_of(*this, right), part->bit_count / 8u) != 0;
}

bool Leaf::has_all_bits_set(const svm::Vmcb& vmcb) const {
    if (is_narrow()) {
        return in(vmcb) == svm::low_bits(part->bit_count);
    }
    const std::uint8_t* const bytes = bytes_of(*this, vmcb);
    return std::all_of(bytes, bytes + part->bit_count / 8u,
                       [](std::uint8_t byte) { return byte == 0xff; });
}

std::vector<Leaf> leaves_of(const svm::Field& word) {
    std::vector<Leaf> leaves;
    const auto runs = svm::bits_of(word);
    if (runs.empty()) {
        leaves.push_back({&word, &word});
    }
    for (const svm::Field& run : runs) {
        leaves.push_back({&run, &word});
    }
    return leaves;
}

const std::vector<Leaf>& vmcb_leaves() {
    static const std::vector<Leaf> list = [] {
        std::vector<Leaf> all;
        for (const svm::Field& word : svm::vmcb_fields) {
            const std::vector<Leaf> its = leaves_of(word);
            all.insert(all.end(), its.begin(), its.end());
        }
        return all;
    }();
    return list;
}

void each_difference(const svm::Vmcb& left, const svm::Vmcb& right,
                     const std::function<void(const Leaf&)>& visit) {
    static const LeavesByWord by_word = by_words();
    const auto* one = reinterpret_cast<const std::uint8_t*>(&left);
    const auto* other = reinterpret_cast<const std::uint8_t*>(&right);
    const Leaf* before = nullptr;
    for (std::size_t word = 0; word < by_word.size(); ++word) {
        if (std::memcmp(one + word * word_size, other + word * word_size, word_size) == 0) {
            continue;
        }
        for (const Leaf* leaf : by_word[word]) {
            if (leaf != before && leaf->differs(left, right)) {
                before = leaf;
                visit(*leaf);
            }
        }
    }
}

} // namespace vmrunit::cases
