// SPDX-License-Identifier: GPL-2.0-only
// A behaviour is a yes-or-no question on what an intrinsic must do beside saving registers,
// answered by reading the machine and not the emitted code (APM volume 2, 15.5 and 15.17 to 15.21).
// Each one enters itself into the ELF section "behaviours"; *_behaviour.cpp hold them by subject.
#pragma once

enum class Finding { holds, fails, skipped };

constexpr Finding finding(bool holds) {
    return holds ? Finding::holds : Finding::fails;
}

struct Behaviour {
    const char* name;
    Finding (*find)();
};

#define BEHAVIOUR(name)                                                                            \
    static Finding name();                                                                         \
    static const Behaviour name##_behaviour{#name, name};                                          \
    [[gnu::used, gnu::section("behaviours")]] static const Behaviour* const name##_entry =         \
        &name##_behaviour;                                                                         \
    static Finding name()

/// Prints a line for each; returns how many there are.
unsigned run_behaviours();
