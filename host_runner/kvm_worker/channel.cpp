// SPDX-License-Identifier: GPL-2.0-only
// The kinds of channels.
#include "host_runner/kvm_worker/channel.hpp"

#include "harness/wire/ring.hpp"
#include "host_runner/files/file_descriptor.hpp"
#include "host_runner/kvm_worker/window.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/io.h>
#include <termios.h>
#include <unistd.h>

namespace vmrunit::worker {

using runner::failure;
using runner::FileDescriptor;

namespace {

/// A descriptor that may block and may be shared with others, so O_NONBLOCK is not for us to set:
/// poll() says when a write of this size does not wait (POSIX, PIPE_BUF).
class DescriptorOutput final : public OutputChannel {
public:
    DescriptorOutput(int number, FileDescriptor owned)
        : number_{number}, owned_{std::move(owned)} {}

    std::size_t write(std::span<const std::byte> bytes) override {
        std::size_t written = 0;
        while (written < bytes.size() && !closed_) {
            pollfd room{number_, POLLOUT, 0};
            if (::poll(&room, 1, 0) <= 0) {
                break;
            }
            if ((room.revents & POLLOUT) == 0) { // POLLERR: the reader has gone
                closed_ = true;
                break;
            }
            constexpr std::size_t never_waits = 4096;
            const auto rest = bytes.subspan(written);
            const auto count =
                ::write(number_, rest.data(), std::min<std::size_t>(rest.size(), never_waits));
            if (count < 0 && errno != EINTR && errno != EAGAIN) {
                closed_ = true;
            }
            written += count > 0 ? static_cast<std::size_t>(count) : 0;
        }
        return written;
    }
    int descriptor() const override { return number_; }
    bool closed() const override { return closed_; }

private:
    int number_;
    FileDescriptor owned_;
    bool closed_ = false;
};

/// A port of this machine, which is itself emulated: what is written there the emulator hands on.
class PortOutput final : public OutputChannel {
public:
    explicit PortOutput(std::uint16_t port) : port_{port} {}

    std::size_t write(std::span<const std::byte> bytes) override {
        ::outsb(port_, bytes.data(), bytes.size());
        return bytes.size();
    }
    bool synchronous() const override { return true; }

private:
    std::uint16_t port_;
};

/// A ring of which this is the guest's end. The reader looks when it likes; no doorbell leads
/// there.
class RingOutput final : public OutputChannel {
public:
    explicit RingOutput(Pages pages)
        : pages_{std::move(pages)},
          header_{*reinterpret_cast<wire::RingHeader*>(pages_.bytes().data())},
          data_{pages_.bytes().subspan(sizeof(wire::RingHeader))} {
        wire::format_ring(header_, data_.size(), 0);
        producer_.emplace(header_, data_, doorbell_);
    }

    std::size_t write(std::span<const std::byte> bytes) override {
        const std::uint32_t used = header_.producer - wire::detail::load_acquire(header_.consumer);
        const std::size_t room = used <= data_.size() ? data_.size() - used : 0;
        const auto count = std::min(room, bytes.size());
        producer_->write(bytes.first(count));
        return count;
    }

private:
    Pages pages_;
    wire::RingHeader& header_;
    std::span<std::byte> data_;
    wire::NoDoorbell doorbell_;
    std::optional<wire::RingProducer<wire::NoDoorbell>> producer_;
};

class DescriptorInput final : public InputChannel {
public:
    DescriptorInput(int number, FileDescriptor owned) : number_{number}, owned_{std::move(owned)} {}

    std::size_t read(std::span<std::byte> into) override {
        pollfd there{number_, POLLIN, 0};
        if (ended_ || ::poll(&there, 1, 0) <= 0) {
            return 0;
        }
        const auto count = ::read(number_, into.data(), into.size());
        if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) {
            ended_ = true;
        }
        return count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    int descriptor() const override { return ended_ ? -1 : number_; }
    bool ended() const override { return ended_; }

private:
    int number_;
    FileDescriptor owned_;
    bool ended_ = false;
};

/// The runner's end of a ring that the other side has formatted, or will.
class RingInput final : public InputChannel {
public:
    explicit RingInput(Pages pages)
        : pages_{std::move(pages)},
          consumer_{*reinterpret_cast<wire::RingHeader*>(pages_.bytes().data()),
                    pages_.bytes().subspan(sizeof(wire::RingHeader))} {}

    std::size_t read(std::span<std::byte> into) override { return consumer_.read(into).count; }

private:
    Pages pages_;
    wire::RingConsumer consumer_;
};

std::optional<int> read_descriptor(std::string_view text) {
    int number = -1;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && stop == end && number >= 0 ? std::optional{number}
                                                              : std::nullopt;
}

runner::Result<FileDescriptor> open_file(std::string_view path, int flags) {
    FileDescriptor file{::open(std::string{path}.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0644)};
    if (!file.is_open()) {
        return failure(runner::with_errno(path, errno));
    }
    termios settings{};
    if (::tcgetattr(file.number(), &settings) == 0) { // a serial line: bytes, not characters
        ::cfmakeraw(&settings);
        ::cfsetspeed(&settings, B115200);
        ::tcsetattr(file.number(), TCSANOW, &settings);
    }
    return file;
}

/// Splits "kind:rest".
std::string_view take_kind(std::string_view& name) {
    const auto colon = name.find(':');
    const auto kind = name.substr(0, colon);
    name.remove_prefix(colon == std::string_view::npos ? name.size() : colon + 1);
    return kind;
}

} // namespace

runner::Result<std::unique_ptr<OutputChannel>> open_output(std::string_view name) {
    auto rest = name;
    const auto kind = take_kind(rest);
    if (kind == "fd") {
        if (const auto number = read_descriptor(rest)) {
            return std::make_unique<DescriptorOutput>(*number, FileDescriptor{});
        }
    } else if (kind == "file") {
        auto file = open_file(rest, O_WRONLY | O_CREAT | O_APPEND);
        if (!file) {
            return tl::unexpected(file.error());
        }
        const int number = file->number();
        return std::make_unique<DescriptorOutput>(number, std::move(*file));
    } else if (kind == "window") {
        auto pages = open_ring_window(rest);
        if (!pages) {
            return tl::unexpected(pages.error());
        }
        return std::make_unique<RingOutput>(std::move(*pages));
    } else if (kind == "port" && rest == "0xe9") {
        constexpr std::uint16_t debug_port = 0xe9;
        if (::ioperm(debug_port, 1, 1) != 0) {
            return failure(runner::with_errno("ioperm of port 0xe9", errno),
                           "it needs root and a kernel with CONFIG_X86_IOPL_IOPERM");
        }
        return std::make_unique<PortOutput>(debug_port);
    }
    return failure("no way out: '" + std::string{name} + "'",
                   "there are fd:N, file:PATH, port:0xe9 and window:PATH@OFFSET+SIZE");
}

runner::Result<std::unique_ptr<InputChannel>> open_input(std::string_view name) {
    auto rest = name;
    const auto kind = take_kind(rest);
    if (kind == "fd") {
        if (const auto number = read_descriptor(rest)) {
            return std::make_unique<DescriptorInput>(*number, FileDescriptor{});
        }
    } else if (kind == "file") {
        auto file = open_file(rest, O_RDONLY);
        if (!file) {
            return tl::unexpected(file.error());
        }
        const int number = file->number();
        return std::make_unique<DescriptorInput>(number, std::move(*file));
    } else if (kind == "window") {
        auto pages = open_ring_window(rest);
        if (!pages) {
            return tl::unexpected(pages.error());
        }
        return std::make_unique<RingInput>(std::move(*pages));
    }
    return failure("no way in: '" + std::string{name} + "'",
                   "there are fd:N, file:PATH and window:PATH@OFFSET+SIZE");
}

} // namespace vmrunit::worker
