// SPDX-License-Identifier: GPL-2.0-only
// Questions to Bochs. One answers all: `--help cpu` prints the models and, as Bochs always does at
// its end, the banner with the version.
#include "host_runner/targets/bochs_inquiry.hpp"

#include "host_runner/process/capture.hpp"
#include "host_runner/process/text_tail.hpp"
#include "host_runner/targets/nearest_names.hpp"

#include <algorithm>

namespace vmrunit::runner {

namespace {

constexpr std::chrono::milliseconds bochs_answer_limit{20'000};
constexpr std::string_view banner = "Bochs x86 Emulator ";
constexpr std::string_view list_title = "Supported CPU models:";

std::string_view next_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

bool is_name(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char character) {
        return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
               (character >= '0' && character <= '9') || character == '_' || character == '-';
    });
}

} // namespace

Result<BochsOffer> parse_bochs_offer(std::string_view output) {
    BochsOffer offer;
    if (const auto at = output.find(banner); at != std::string_view::npos) {
        auto rest = output.substr(at + banner.size());
        const auto version = next_line(rest);
        offer.version = version.substr(0, version.find_first_of(" \t\r"));
    }
    if (const auto at = output.find(list_title); at != std::string_view::npos) {
        auto rest = output.substr(at);
        next_line(rest);
        while (!rest.empty()) {
            const auto line = next_line(rest);
            if (is_name(line)) {
                offer.cpu_models.emplace_back(line);
            } else if (!line.empty() || !offer.cpu_models.empty()) {
                break; // an empty line before the first name belongs to the title
            }
        }
    }
    if (offer.version.empty() || offer.cpu_models.empty()) {
        return failure("that is no Bochs: it answers '" + printable(output, 80) + "'");
    }
    return offer;
}

Result<BochsOffer> ask_bochs_offer(const BochsProgram& program) {
    auto question = program.command;
    question.insert(question.end(), {"--help", "cpu"});
    const auto answer = capture(question, bochs_answer_limit);
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    auto offer = parse_bochs_offer(answer->output + "\n" + answer->errors);
    if (!offer) {
        return failure(program.command.back() + ": " + describe(answer->status) + ", " +
                       offer.error().what);
    }
    return offer;
}

Result<void> check_bochs_cpu(const std::string& model, const BochsOffer& offer) {
    if (std::ranges::find(offer.cpu_models, model) != offer.cpu_models.end()) {
        return {};
    }
    std::string all;
    for (const auto& name : offer.cpu_models) {
        all += (all.empty() ? "" : " ") + name;
    }
    const auto near = did_you_mean(model, offer.cpu_models);
    return failure("unknown CPU model '" + model + "'",
                   (near.empty() ? "" : near + " ") + "Bochs " + offer.version + " has " + all);
}

} // namespace vmrunit::runner
