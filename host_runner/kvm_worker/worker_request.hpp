// SPDX-License-Identifier: GPL-2.0-only
// Requests to a worker that serves: each asks for one plan to be run in a fresh VM. Used at both
// ends. docs/wire-format.md describes the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vmrunit::worker {

inline constexpr std::uint32_t request_magic = 0x51525756; // "VWRQ"
inline constexpr std::uint32_t most_request_bytes = 256u << 20;

enum class RequestKind : std::uint32_t {
    run = 1, ///< Runs the plan that follows.
    run_part =
        2,     ///< Runs cases `first` to `first + count - 1` of the plan the worker has by --plan.
    stop = 3,  ///< Ends the VM that runs now.
    leave = 4, ///< Ends the worker; so does the end of the input.
};

struct RequestHeader {
    std::uint32_t magic = request_magic;
    std::uint32_t header_crc = 0; ///< CRC-32 of the rest of the header.
    RequestKind kind{};
    std::uint32_t number = 0; ///< The sender's; status lines say it again.
    std::uint32_t size = 0;   ///< Bytes that follow: the plan of `run`, else 0.
    std::uint32_t crc = 0;    ///< CRC-32 of those.
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};
static_assert(sizeof(RequestHeader) == 32);

struct Request {
    RequestHeader header;
    std::vector<std::byte> plan;
};

/// The bytes of a request; sizes and CRCs are filled in.
[[nodiscard]] std::vector<std::byte> encode_request(RequestHeader header,
                                                    std::span<const std::byte> plan = {});

/// Finds requests in a stream of bytes, which may be a serial line that has lost some.
class RequestReader {
public:
    void feed(std::span<const std::byte> bytes);
    [[nodiscard]] std::optional<Request> next();
    /// Bytes that belonged to no request, since the last call.
    [[nodiscard]] std::size_t take_garbage_count();

private:
    std::vector<std::byte> buffer_;
    std::size_t garbage_ = 0;
};

/// The cases `first` to `first + count - 1` of a plan, as a plan of their own; nothing if the plan
/// is damaged. Beyond the last case there are none.
[[nodiscard]] std::optional<std::vector<std::byte>>
plan_part(std::span<const std::byte> plan, std::uint32_t first, std::uint32_t count);

struct PlanRange {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    bool operator==(const PlanRange&) const = default;
};

/// Where `part` is a part of `plan`, byte for byte; nothing if it is none or has no case.
[[nodiscard]] std::optional<PlanRange> find_plan_part(std::span<const std::byte> plan,
                                                      std::span<const std::byte> part);

} // namespace vmrunit::worker
