// SPDX-License-Identifier: GPL-2.0-only
// QEMU's monitor, played by a thread at the other end of a socket pair: good, bad and silent.
#include "host_runner/targets/qmp_connection.hpp"

#include <functional>
#include <gtest/gtest.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
constexpr milliseconds long_enough{20'000};
constexpr const char* greeting =
    R"({"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}}, "capabilities": []}})"
    "\r\n";

/// The other end: says its greeting, then answers each command by what `answer` makes of it.
class Peer {
public:
    using Answer = std::function<std::string(const json& command)>;

    Peer(FileDescriptor socket, std::string first, Answer answer)
        : socket_{std::move(socket)},
          thread_{[this, first = std::move(first), answer = std::move(answer)] {
              say(first);
              serve(answer);
          }} {}
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() {
        ::shutdown(socket_.number(), SHUT_RDWR);
        thread_.join();
    }

private:
    void say(const std::string& text) {
        std::string_view rest{text};
        while (!rest.empty()) {
            const auto count = ::send(socket_.number(), rest.data(), rest.size(), MSG_NOSIGNAL);
            if (count <= 0) {
                return;
            }
            rest.remove_prefix(static_cast<std::size_t>(count));
        }
    }
    void serve(const Answer& answer) {
        std::string line;
        for (char character = 0; ::read(socket_.number(), &character, 1) == 1;) {
            if (character != '\n') {
                line.push_back(character);
                continue;
            }
            const auto text = answer(json::parse(line));
            line.clear();
            if (text == "close") {
                ::shutdown(socket_.number(), SHUT_RDWR);
                return;
            }
            say(text);
        }
    }

    FileDescriptor socket_;
    std::thread thread_;
};

std::string returned(const json& command, const json& value) {
    return json{{"return", value}, {"id", command["id"]}}.dump() + "\r\n";
}

struct Conversation {
    explicit Conversation(Peer::Answer answer, const std::string& first = greeting)
        : Conversation{std::move(*open_socket_pair()), std::move(answer), first} {}

    QmpConnection monitor;
    Peer peer;

private:
    Conversation(DescriptorPair pair, Peer::Answer answer, const std::string& first)
        : monitor{std::move(pair.ours)}, peer{std::move(pair.theirs), first, std::move(answer)} {}
};

TEST(Qmp, OpensAndAsks) {
    Conversation talk{[](const json& command) {
        if (command["execute"] == "query-status") {
            return returned(command, {{"status", "running"}});
        }
        return returned(command, json::object());
    }};
    const auto opened = talk.monitor.open(long_enough);
    ASSERT_TRUE(opened) << opened.error().line();
    EXPECT_EQ((*opened)["version"]["qemu"]["micro"], 22);
    const auto status = talk.monitor.execute("query-status", json::object(), long_enough);
    ASSERT_TRUE(status) << status.error().line();
    EXPECT_EQ(*status, (json{{"status", "running"}}));
}

TEST(Qmp, KeepsEventsThatComeMeanwhile) {
    Conversation talk{[](const json& command) {
        return R"({"event": "STOP"})"
               "\r\n" +
               returned(command, 1) +
               R"({"event": "SHUTDOWN", "data": {"reason": "guest-reset"}})"
               "\r\n";
    }};
    ASSERT_TRUE(talk.monitor.open(long_enough));
    ASSERT_TRUE(talk.monitor.execute("cont", json::object(), long_enough));
    std::vector<std::string> names;
    while (const auto event = talk.monitor.next_event()) {
        names.push_back((*event)["event"]);
    }
    ASSERT_GE(names.size(), 3u);
    EXPECT_EQ(names[0], "STOP");
    EXPECT_EQ(names[1], "SHUTDOWN");
}

TEST(Qmp, SaysWhyACommandIsRefused) {
    Conversation talk{[](const json& command) {
        if (command["execute"] == "qmp_capabilities") {
            return returned(command, json::object());
        }
        return json{{"error", {{"class", "GenericError"}, {"desc", "no such thing"}}},
                    {"id", command["id"]}}
                   .dump() +
               "\n";
    }};
    ASSERT_TRUE(talk.monitor.open(long_enough));
    const auto answer = talk.monitor.execute("qom-get", json::object(), long_enough);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().what, "QEMU refuses qom-get: no such thing");
}

TEST(Qmp, AnswersOfAnotherShapeDoNoHarm) {
    Conversation talk{[](const json& command) -> std::string {
        if (command["execute"] == "qmp_capabilities") {
            return returned(command, json::object());
        }
        return "\n[]\nnull\n\"text\"\n{\n\xff\xfe\n{\"return\": 1}\n{\"return\": 2, \"id\": 77}\n"
               "{\"error\": 5, \"id\": " +
               command["id"].dump() + "}\n";
    }};
    ASSERT_TRUE(talk.monitor.open(long_enough));
    const auto answer = talk.monitor.execute("anything", json::object(), long_enough);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().what, "QEMU refuses anything: no reason given");
}

TEST(Qmp, ASilentPeerCostsTheLimitOnly) {
    Conversation talk{[](const json&) { return std::string{}; }, ""};
    const auto opened = talk.monitor.open(milliseconds{30});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().what, "QEMU does not answer on its monitor");
}

TEST(Qmp, APeerThatGoesIsNoticed) {
    Conversation talk{[](const json&) { return std::string{"close"}; }};
    EXPECT_FALSE(talk.monitor.open(long_enough));
    EXPECT_EQ(talk.monitor.descriptor(), -1);
    EXPECT_FALSE(talk.monitor.execute("query-status", json::object(), long_enough));
}

TEST(Qmp, ALineWithoutAnEndIsCutOff) {
    Conversation talk{[](const json&) { return std::string{}; },
                      std::string(std::size_t{5} << 20, 'x')};
    EXPECT_FALSE(talk.monitor.open(long_enough));
    EXPECT_EQ(talk.monitor.descriptor(), -1) << "closed, not collected for ever";
}

TEST(Qmp, TextThatIsNotUnicodeCanBeSent) {
    Conversation talk{[](const json& command) { return returned(command, command["execute"]); }};
    ASSERT_TRUE(talk.monitor.open(long_enough));
    EXPECT_TRUE(talk.monitor.execute("\xff\xfe", json::object(), long_enough));
}

} // namespace
} // namespace vmrunit::runner
