// SPDX-License-Identifier: GPL-2.0-only
// The four functions a freestanding compiler may call on its own. String instructions, a general
// register's width at a time: an emulator spends its time per element, hardware does not mind.

#include <cstddef>
#include <cstdint>

#ifdef __x86_64__
#define VMRUNIT_WORDS "q"
#else
#define VMRUNIT_WORDS "l"
#endif

namespace {

using Word = std::uintptr_t;
constexpr std::size_t word_size = sizeof(Word);

void copy_up(std::byte*& to, const std::byte*& from, std::size_t count) {
    std::size_t words = count / word_size;
    std::size_t bytes = count % word_size;
    asm volatile("rep movs" VMRUNIT_WORDS : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

void copy_down(std::byte* to, const std::byte* from, std::size_t count) {
    std::size_t words = count / word_size;
    std::size_t bytes = count % word_size;
    std::byte* to_last = to + count - 1;
    const std::byte* from_last = from + count - 1;
    // After the odd bytes the pointers are on the last byte of the last word.
    asm volatile("std\n\t"
                 "rep movsb\n\t"
                 "lea %c4(%0), %0\n\t"
                 "lea %c4(%1), %1\n\t"
                 "mov %3, %2\n\t"
                 "rep movs" VMRUNIT_WORDS "\n\t"
                 "cld"
                 : "+&D"(to_last), "+&S"(from_last), "+&c"(bytes)
                 : "r"(words), "i"(1 - static_cast<int>(word_size))
                 : "memory", "cc");
}

Word load_word(const std::byte* from) {
    Word value = 0;
    asm("mov %1, %0" : "=r"(value) : "m"(*reinterpret_cast<const std::byte(*)[word_size]>(from)));
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
    std::size_t words = count / word_size;
    std::size_t bytes = count % word_size;
    const Word pattern =
        static_cast<Word>(0x0101'0101'0101'0101) * static_cast<unsigned char>(value);
    asm volatile("rep stos" VMRUNIT_WORDS : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(pattern) : "memory");
    return to;
}

int memcmp(const void* left, const void* right, std::size_t count) {
    const auto* a = static_cast<const std::byte*>(left);
    const auto* b = static_cast<const std::byte*>(right);
    while (count >= word_size && load_word(a) == load_word(b)) {
        a += word_size;
        b += word_size;
        count -= word_size;
    }
    for (; count != 0; ++a, ++b, --count) {
        if (*a != *b)
            return *a < *b ? -1 : 1;
    }
    return 0;
}

} // extern "C"
