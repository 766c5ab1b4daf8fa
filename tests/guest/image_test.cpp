// SPDX-License-Identifier: GPL-2.0-only
// What every payload must be as a file, whoever built it: an ELF64, or an ELF32 for a 32-bit L1,
// that both kinds of loader accept and that contains nothing but guest code. The images are the
// command line's arguments.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<std::string> images;

class Image {
public:
    explicit Image(const std::string& path) {
        std::ifstream stream{path, std::ios::binary};
        bytes_.assign(std::istreambuf_iterator<char>{stream}, {});
    }

    [[nodiscard]] const std::string& bytes() const { return bytes_; }

    template<class Value>
    [[nodiscard]] Value at(std::size_t offset) const {
        Value value{};
        if (offset > bytes_.size() || sizeof(value) > bytes_.size() - offset)
            throw std::out_of_range{"image is cut off"};
        std::memcpy(&value, bytes_.data() + offset, sizeof(value));
        return value;
    }

    [[nodiscard]] bool is_32bit() const { return bytes_.at(EI_CLASS) == ELFCLASS32; }

    // Headers of an ELF32 are given in the form of ELF64.
    [[nodiscard]] Elf64_Ehdr header() const {
        if (!is_32bit())
            return at<Elf64_Ehdr>(0);
        const auto narrow = at<Elf32_Ehdr>(0);
        Elf64_Ehdr wide{};
        std::memcpy(wide.e_ident, narrow.e_ident, sizeof(wide.e_ident));
        wide.e_type = narrow.e_type;
        wide.e_machine = narrow.e_machine;
        wide.e_entry = narrow.e_entry;
        wide.e_phoff = narrow.e_phoff;
        wide.e_shoff = narrow.e_shoff;
        wide.e_phnum = narrow.e_phnum;
        wide.e_shnum = narrow.e_shnum;
        return wide;
    }

    [[nodiscard]] std::vector<Elf64_Phdr> segments(std::uint32_t type) const {
        std::vector<Elf64_Phdr> found;
        for (std::size_t index = 0; index < header().e_phnum; ++index) {
            const auto segment = segment_header(index);
            if (segment.p_type == type)
                found.push_back(segment);
        }
        return found;
    }

    [[nodiscard]] std::vector<Elf64_Shdr> sections() const {
        std::vector<Elf64_Shdr> found;
        for (std::size_t index = 0; index < header().e_shnum; ++index)
            found.push_back(section_header(index));
        return found;
    }

    struct Symbol {
        std::string name;
        Elf64_Sym value;
    };

    [[nodiscard]] std::vector<Symbol> symbols() const {
        std::vector<Symbol> found;
        const std::vector<Elf64_Shdr> all = sections();
        for (const Elf64_Shdr& section : all) {
            if (section.sh_type != SHT_SYMTAB)
                continue;
            const std::size_t names = all.at(section.sh_link).sh_offset;
            const std::size_t entry = is_32bit() ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym);
            for (std::size_t at_symbol = 0; at_symbol < section.sh_size; at_symbol += entry) {
                const Elf64_Sym symbol = symbol_at(section.sh_offset + at_symbol);
                found.push_back({bytes_.c_str() + names + symbol.st_name, symbol});
            }
        }
        return found;
    }

    // The descriptor of the note with this name and type, "" where there is none.
    [[nodiscard]] std::string note(const std::string& name, std::uint32_t type) const {
        for (const Elf64_Phdr& segment : segments(PT_NOTE)) {
            std::size_t offset = segment.p_offset;
            while (offset < segment.p_offset + segment.p_filesz) {
                const auto note = at<Elf64_Nhdr>(offset);
                const std::size_t name_at = offset + sizeof(note);
                const std::size_t content_at = name_at + aligned(note.n_namesz);
                if (note.n_type == type && bytes_.c_str() + name_at == name)
                    return bytes_.substr(content_at, note.n_descsz);
                offset = content_at + aligned(note.n_descsz);
            }
        }
        return "";
    }

private:
    [[nodiscard]] Elf64_Phdr segment_header(std::size_t index) const {
        const std::size_t table = header().e_phoff;
        if (!is_32bit())
            return at<Elf64_Phdr>(table + index * sizeof(Elf64_Phdr));
        const auto narrow = at<Elf32_Phdr>(table + index * sizeof(Elf32_Phdr));
        Elf64_Phdr wide{};
        wide.p_type = narrow.p_type;
        wide.p_flags = narrow.p_flags;
        wide.p_offset = narrow.p_offset;
        wide.p_vaddr = narrow.p_vaddr;
        wide.p_paddr = narrow.p_paddr;
        wide.p_filesz = narrow.p_filesz;
        wide.p_memsz = narrow.p_memsz;
        return wide;
    }
    [[nodiscard]] Elf64_Shdr section_header(std::size_t index) const {
        const std::size_t table = header().e_shoff;
        if (!is_32bit())
            return at<Elf64_Shdr>(table + index * sizeof(Elf64_Shdr));
        const auto narrow = at<Elf32_Shdr>(table + index * sizeof(Elf32_Shdr));
        Elf64_Shdr wide{};
        wide.sh_type = narrow.sh_type;
        wide.sh_offset = narrow.sh_offset;
        wide.sh_size = narrow.sh_size;
        wide.sh_link = narrow.sh_link;
        return wide;
    }
    [[nodiscard]] Elf64_Sym symbol_at(std::size_t offset) const {
        if (!is_32bit())
            return at<Elf64_Sym>(offset);
        const auto narrow = at<Elf32_Sym>(offset);
        Elf64_Sym wide{};
        wide.st_name = narrow.st_name;
        wide.st_value = narrow.st_value;
        wide.st_shndx = narrow.st_shndx;
        return wide;
    }

    // Name and descriptor of a note fill whole 32-bit words.
    static std::size_t aligned(std::size_t size) { return (size + 3) / 4 * 4; }

    std::string bytes_;
};

class GuestImage : public testing::TestWithParam<std::string> {
protected:
    const Image image_{GetParam()};
};

bool is_executable_at(const Image& image, std::uint64_t address) {
    for (const Elf64_Phdr& segment : image.segments(PT_LOAD)) {
        if (segment.p_flags & PF_X && address >= segment.p_paddr &&
            address < segment.p_paddr + segment.p_filesz)
            return true;
    }
    return false;
}

TEST_P(GuestImage, IsAnElfForX86) {
    const Elf64_Ehdr header = image_.header();
    ASSERT_EQ(std::memcmp(header.e_ident, ELFMAG, SELFMAG), 0);
    const std::string name = std::filesystem::path{GetParam()}.filename();
    const bool for_32bit_l1 = name.find("_x86") != std::string::npos;
    EXPECT_EQ(header.e_ident[EI_CLASS], for_32bit_l1 ? ELFCLASS32 : ELFCLASS64);
    EXPECT_EQ(header.e_machine, for_32bit_l1 ? EM_386 : EM_X86_64);
    EXPECT_EQ(header.e_type, ET_EXEC);
    EXPECT_TRUE(is_executable_at(image_, header.e_entry));
}

TEST_P(GuestImage, HasNoUndefinedSymbol) {
    const auto symbols = image_.symbols();
    ASSERT_GT(symbols.size(), 10u);
    for (const Image::Symbol& symbol : symbols) {
        if (symbol.value.st_shndx == SHN_UNDEF) {
            EXPECT_EQ(symbol.name, "");
        }
    }
}

TEST_P(GuestImage, IsNotInstrumented) {
    for (const Image::Symbol& symbol : image_.symbols()) {
        for (const char* prefix :
             {"__asan", "__ubsan", "__sanitizer", "__gcov", "llvm_gc", "__tsan"})
            EXPECT_FALSE(symbol.name.starts_with(prefix)) << symbol.name;
    }
}

TEST_P(GuestImage, HasAPvhEntry) {
    const std::string descriptor = image_.note("Xen", 18);
    ASSERT_EQ(descriptor.size(), 8u);
    std::uint64_t entry = 0;
    std::memcpy(&entry, descriptor.data(), sizeof(entry));
    EXPECT_TRUE(is_executable_at(image_, entry));
}

TEST_P(GuestImage, HasABuildId) {
    EXPECT_EQ(image_.note("GNU", NT_GNU_BUILD_ID).size(), 20u);
}

TEST_P(GuestImage, HasAMultiboot2HeaderWhereLoadersLook) {
    constexpr std::size_t searched = 32768;
    std::size_t found = 0;
    for (std::size_t offset = 0; offset + 16 <= std::min(searched, image_.bytes().size());
         offset += 8) {
        if (image_.at<std::uint32_t>(offset) != 0xe85250d6)
            continue;
        ++found;
        const auto length = image_.at<std::uint32_t>(offset + 8);
        EXPECT_LE(offset + length, searched);
        std::uint32_t sum = 0;
        for (std::size_t word = 0; word < 4; ++word)
            sum += image_.at<std::uint32_t>(offset + word * 4);
        EXPECT_EQ(sum, 0u);
    }
    EXPECT_EQ(found, 1u);
}

// QEMU would take it for the door and refuse the 64-bit image.
TEST_P(GuestImage, HasNoMultiboot1Header) {
    for (std::size_t offset = 0; offset + 12 <= std::min<std::size_t>(8192, image_.bytes().size());
         offset += 4) {
        if (image_.at<std::uint32_t>(offset) != 0x1badb002)
            continue;
        const std::uint32_t sum = image_.at<std::uint32_t>(offset) +
                                  image_.at<std::uint32_t>(offset + 4) +
                                  image_.at<std::uint32_t>(offset + 8);
        EXPECT_NE(sum, 0u) << "at offset " << offset;
    }
}

TEST_P(GuestImage, SegmentsLieApartAndInPlace) {
    std::uint64_t end = 0x10'0000;
    for (const Elf64_Phdr& segment : image_.segments(PT_LOAD)) {
        if (segment.p_memsz == 0)
            continue;
        EXPECT_GE(segment.p_paddr, end) << "overlap, or below 1 MiB";
        end = segment.p_paddr + segment.p_memsz;
        if (segment.p_vaddr != segment.p_paddr) {
            // Only the 16-bit image runs elsewhere than it is loaded.
            EXPECT_EQ(segment.p_vaddr, 0x1000u);
            EXPECT_LE(segment.p_vaddr + segment.p_memsz, 0x1'0000u);
        }
        EXPECT_FALSE(segment.p_flags & PF_W && segment.p_flags & PF_X);
    }
    EXPECT_LT(end, 0x200'0000u);
}

TEST_P(GuestImage, L2TextIsWholePagesOfItsOwn) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    for (const Image::Symbol& symbol : image_.symbols()) {
        if (symbol.name == "l2text_begin")
            begin = symbol.value.st_value;
        if (symbol.name == "l2text_end")
            end = symbol.value.st_value;
    }
    EXPECT_EQ(begin % 4096, 0u);
    EXPECT_EQ(end % 4096, 0u);
    EXPECT_LT(begin, end);
    std::size_t exact = 0;
    for (const Elf64_Phdr& segment : image_.segments(PT_LOAD)) {
        if (segment.p_paddr < end && segment.p_paddr + segment.p_memsz > begin) {
            EXPECT_EQ(segment.p_paddr, begin);
            EXPECT_EQ(segment.p_paddr + segment.p_memsz, end);
            EXPECT_EQ(segment.p_filesz, segment.p_memsz);
            ++exact;
        }
    }
    EXPECT_EQ(exact, 1u);
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
    std::string name = std::filesystem::path{info.param}.stem().string();
    for (char& character : name) {
        if (!std::isalnum(static_cast<unsigned char>(character)))
            character = '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(Files, GuestImage, testing::ValuesIn(images), name_of);

} // namespace

int main(int count, char** arguments) {
    // The instances are made in InitGoogleTest, so the list must be complete before.
    for (int index = 1; index < count; ++index) {
        if (arguments[index][0] != '-')
            images.emplace_back(arguments[index]);
    }
    testing::InitGoogleTest(&count, arguments);
    return RUN_ALL_TESTS();
}
