// SPDX-License-Identifier: GPL-2.0-only
// What tests of machines share, whatever starts them: reading all one says, and how it ended.
#pragma once

#include "host_runner/targets/target.hpp"

#include <chrono>
#include <cstddef>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// A machine that hangs is waited for this long; one that works needs a tenth of it under Bochs, a
/// hundredth under QEMU and KVM.
inline constexpr std::chrono::milliseconds ample{60'000};

/// `size` bytes that count up, as the scripted payloads send them for 'b' and 'W'.
inline std::string counting_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<char>(i);
    }
    return bytes;
}

template<typename MachineOfTarget>
class MachineTest : public testing::Test {
protected:
    /// Reads until the machine ended, or `enough` bytes were read, or nothing comes any more.
    std::string read(std::size_t enough = ~std::size_t{0},
                     std::chrono::milliseconds patience = ample) {
        std::string stream;
        std::vector<std::byte> bytes(5000); // no power of two, so that a ring's end is crossed
        while (stream.size() < enough) {
            const auto outcome = machine_->read(bytes, patience);
            if (outcome.bytes == 0) {
                ended_ = outcome.ended;
                break;
            }
            stream.append(reinterpret_cast<const char*>(bytes.data()), outcome.bytes);
        }
        return stream;
    }
    void expect_end(MachineEnd::How how, const std::string& beginning_of_text) {
        EXPECT_TRUE(ended_);
        EXPECT_EQ(to_string(machine_->end().how), to_string(how));
        EXPECT_TRUE(machine_->end().text.starts_with(beginning_of_text)) << machine_->end().text;
    }

    std::unique_ptr<MachineOfTarget> machine_;
    bool ended_ = false;
};

} // namespace vmrunit::runner
