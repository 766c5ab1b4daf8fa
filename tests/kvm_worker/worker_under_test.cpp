// SPDX-License-Identifier: GPL-2.0-only
// What the tests with real VMs share.
#include "tests/kvm_worker/worker_under_test.hpp"

#include "harness/wire/crc32.hpp"
#include "harness/wire/plan.hpp"
#include "host_runner/files/file_descriptor.hpp"
#include "host_runner/payload/payload_image.hpp"
#include "host_runner/targets/kvm_host.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <variant>

namespace vmrunit::worker {

namespace {

std::filesystem::path from_environment(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

} // namespace

FilesUnderTest files_under_test() {
    return {from_environment("KVM_WORKER"), from_environment("SCRIPTED_PAYLOAD"),
            from_environment("CASE_RUNNER")};
}

std::string why_no_vm() {
    const auto host = runner::look_at_kvm_host();
    if (host.open_error != 0) {
        return runner::with_errno("/dev/kvm", host.open_error);
    }
    return host.create_vm_error == 0 ? ""
                                     : runner::with_errno("KVM_CREATE_VM", host.create_vm_error);
}

std::vector<std::byte> script(std::string_view letters) {
    const auto bytes = std::as_bytes(std::span{letters});
    return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> empty_plan(std::uint64_t ring_address, std::uint32_t ring_size) {
    const auto image = runner::PayloadImage::load(files_under_test().case_runner);
    EXPECT_TRUE(image) << image.error().line();
    wire::PlanHeader header{};
    header.magic = wire::plan_magic;
    header.version = wire::plan_version;
    header.header_size = header.total_size = sizeof header;
    header.crc = wire::crc32({});
    std::ranges::copy(image->build_id(), header.build_id);
    header.ring_address = ring_address;
    header.ring_size = ring_size;
    const auto bytes = std::as_bytes(std::span{&header, 1});
    return {bytes.begin(), bytes.end()};
}

std::string much() {
    std::string text(0x40000, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<char>(i);
    }
    return text;
}

std::vector<wire::Frame> frames_of(std::string_view stream) {
    std::vector<wire::Frame> frames;
    wire::FrameParser parser;
    parser.consume(std::as_bytes(std::span{stream}), [&](const wire::Event& event) {
        const auto* const frame = std::get_if<wire::Frame>(&event);
        EXPECT_NE(frame, nullptr) << "garbage or a gap";
        if (frame != nullptr) {
            frames.push_back(*frame);
        }
    });
    EXPECT_EQ(parser.buffered() + parser.pending_garbage(), 0u);
    return frames;
}

} // namespace vmrunit::worker
