// SPDX-License-Identifier: GPL-2.0-only
// The four functions a freestanding compiler may call on its own. String instructions, eight bytes
// at a time: an emulator spends its time per element, hardware does not mind.

#include <cstddef>
#include <cstdint>

namespace {

void copy_up(std::byte*& to, const std::byte*& from, std::size_t count) {
    std::size_t quadwords = count / 8;
    std::size_t bytes = count % 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(quadwords) : : "memory");
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

void copy_down(std::byte* to, const std::byte* from, std::size_t count) {
    std::size_t quadwords = count / 8;
    std::size_t bytes = count % 8;
    std::byte* to_last = to + count - 1;
    const std::byte* from_last = from + count - 1;
    // After the odd bytes the pointers are on the last byte of the last quadword.
    asm volatile("std\n\t"
                 "rep movsb\n\t"
                 "lea -7(%0), %0\n\t"
                 "lea -7(%1), %1\n\t"
                 "mov %3, %2\n\t"
                 "rep movsq\n\t"
                 "cld"
                 : "+&D"(to_last), "+&S"(from_last), "+&c"(bytes)
                 : "r"(quadwords)
                 : "memory", "cc");
}

std::uint64_t load_quadword(const std::byte* from) {
    std::uint64_t value = 0;
    asm("mov %1, %0" : "=r"(value) : "m"(*reinterpret_cast<const std::byte(*)[8]>(from)));
    return value;
}

} // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t count) {
    auto* target = static_cast<std::byte*>(to);
    const auto* source = static_cast<const std::byte*>(from);
    copy_up(target, source, count);
    return to;
}

void* memmove(void* to, const void* from, std::size_t count) {
    auto* target = static_cast<std::byte*>(to);
    const auto* source = static_cast<const std::byte*>(from);
    const auto distance =
        reinterpret_cast<std::uintptr_t>(target) - reinterpret_cast<std::uintptr_t>(source);
    // Unsigned: a target below its source is far away.
    if (distance >= count)
        copy_up(target, source, count);
    else
        copy_down(target, source, count);
    return to;
}

void* memset(void* to, int value, std::size_t count) {
    void* at = to;
    std::size_t quadwords = count / 8;
    std::size_t bytes = count % 8;
    const std::uint64_t pattern = 0x0101'0101'0101'0101 * static_cast<unsigned char>(value);
    asm volatile("rep stosq" : "+D"(at), "+c"(quadwords) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(pattern) : "memory");
    return to;
}

int memcmp(const void* left, const void* right, std::size_t count) {
    const auto* a = static_cast<const std::byte*>(left);
    const auto* b = static_cast<const std::byte*>(right);
    while (count >= 8 && load_quadword(a) == load_quadword(b)) {
        a += 8;
        b += 8;
        count -= 8;
    }
    for (; count != 0; ++a, ++b, --count) {
        if (*a != *b)
            return *a < *b ? -1 : 1;
    }
    return 0;
}

} // extern "C"
