// SPDX-License-Identifier: GPL-2.0-only
// Reading the header of a bzImage.
#include "host_runner/lab/kernel_image.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <vector>

namespace vmrunit::runner {

namespace {

// Offsets of the boot protocol's header. clang-format off
constexpr std::size_t boot_flag_offset = 0x1fe;
constexpr std::size_t magic_offset = 0x202;
constexpr std::size_t version_text_offset = 0x20e; // less 0x200
constexpr std::size_t load_flags_offset = 0x211;
constexpr std::size_t header_end = 0x268;
constexpr std::uint16_t boot_flag = 0xaa55;
constexpr std::uint32_t magic = 0x53726448; // "HdrS"
constexpr std::byte loaded_high{1};
// clang-format on
constexpr std::size_t longest_release = 64;
/// The header and the text lie in the set-up code, which has at most 64 sectors.
constexpr std::size_t looked_at = std::size_t{65} * 512;

template<class Value>
Value value_at(std::span<const std::byte> bytes, std::size_t offset) {
    Value value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

} // namespace

Result<std::string> release_of_image(std::span<const std::byte> image) {
    const auto bad = [](const std::string& why) { return failure("it is not a bzImage: " + why); };
    if (image.size() < header_end) {
        return bad("too short");
    }
    if (value_at<std::uint16_t>(image, boot_flag_offset) != boot_flag ||
        value_at<std::uint32_t>(image, magic_offset) != magic) {
        return bad("it has no boot header");
    }
    if ((image[load_flags_offset] & loaded_high) == std::byte{0}) {
        return bad("it is a zImage");
    }
    const auto text = std::size_t{value_at<std::uint16_t>(image, version_text_offset)} + 0x200;
    if (text == 0x200 || text >= image.size()) {
        return bad("it does not state its release");
    }
    std::string release;
    for (const auto byte : image.subspan(text, std::min(longest_release, image.size() - text))) {
        const auto character = static_cast<char>(byte);
        if (character <= ' ' || character > '~') {
            break;
        }
        release += character;
    }
    if (release.empty()) {
        return bad("it does not state its release");
    }
    return release;
}

Result<std::string> release_of_image(const std::filesystem::path& file) {
    std::ifstream stream{file, std::ios::binary};
    if (!stream) {
        return misuse("cannot read " + file.string() + ": " + std::strerror(errno));
    }
    std::vector<std::byte> front(looked_at);
    stream.read(reinterpret_cast<char*>(front.data()), static_cast<std::streamsize>(front.size()));
    front.resize(static_cast<std::size_t>(stream.gcount()));
    auto release = release_of_image(front);
    if (!release) {
        return misuse(file.string() + ": " + release.error().what,
                      "name a bzImage, a folder that holds one, or a kernel tree that was built");
    }
    return release;
}

} // namespace vmrunit::runner
