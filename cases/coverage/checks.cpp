// SPDX-License-Identifier: GPL-2.0-only
// Coverage of what VMRUN checks before it enters, and of what it does not check. A check is shown
// as refused by a case whose VMCB breaks this one and no other, and as accepted by one that enters
// with something that lies beside it. APM2 15.5.1, "Canonicalization and Consistency Checks".

#include "cases/coverage/checks.hpp"

#include "cases/coverage/check_list.hpp"
#include "cases/coverage/family.hpp"
#include "cases/coverage/shown_by_rows.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

/// Every part of a check, or 0 where it is one item.
template<class Visit>
void each_part(const CheckParts& parts, Visit&& visit) {
    if (parts.which == 0) {
        visit(0u);
    }
    for (unsigned part = 0; part < 64; ++part) {
        if ((parts.which >> part & 1) != 0) {
            visit(part);
        }
    }
}

std::string id_of(const Check& check, std::string_view outcome, const CheckParts& parts,
                  unsigned part) {
    std::string id = "check/" + std::string{check.id} + "/" + std::string{outcome};
    if (parts.which != 0) {
        id += "/" + std::string{parts.name} + "_" + std::to_string(part);
    }
    return id;
}

CheckedVmcb found_by(const Case& one, const Vmrun& run) {
    return {run.before.save, run.before.control, run.fresh.save, one};
}

/// Each item of a check that the VMCB breaks.
template<class Visit>
void each_broken(const CheckedVmcb& found, Visit&& visit) {
    for (const Check& check : checks_of_vmrun()) {
        if (check.broken == nullptr) {
            continue;
        }
        each_part(check.parts, [&](unsigned part) {
            if (check.broken(found, part)) {
                visit(id_of(check, "refused", check.parts, part));
            }
        });
    }
}

void accepted_by(const CheckedVmcb& found, const CoveredSink& covered) {
    for (const Check& check : checks_of_vmrun()) {
        if (check.beside != nullptr && check.beside(found)) {
            covered(id_of(check, "accepted", {}, 0));
        }
        if (check.beside_part == nullptr) {
            continue;
        }
        each_part(check.beside_parts, [&](unsigned part) {
            if (check.beside_part(found, part)) {
                covered(id_of(check, "accepted", check.beside_parts, part));
            }
        });
    }
}

void covered_by(const Case& one, const CoveredSink& covered) {
    for (const Check& check : checks_of_vmrun()) {
        if (is_one_of_rows(one, check.refused_rows)) {
            covered(id_of(check, "refused", {}, 0));
        }
        if (is_one_of_rows(one, check.accepted_rows)) {
            covered(id_of(check, "accepted", {}, 0));
        }
    }
    each_vmrun(one, [&](const Vmrun& run) {
        if (run.exit() == nullptr) {
            return;
        }
        const CheckedVmcb found = found_by(one, run);
        if (run.exit()->exit_code != svm::ExitCode::invalid) {
            accepted_by(found, covered);
            return;
        }
        std::vector<std::string> broken;
        each_broken(found, [&](std::string id) { broken.push_back(std::move(id)); });
        if (broken.size() == 1) {
            covered(broken.front());
        }
    });
}

void add_item(CoverageFamily& family, const Check& check, std::string_view title,
              std::string_view outcome, const CheckParts& parts) {
    each_part(parts, [&](unsigned part) {
        CoverageItem item{id_of(check, outcome, parts, part),
                          std::string{title} + ": " + std::string{outcome}, "APM2 15.5.1"};
        item.needs = check.needs;
        if (parts.word.size_bytes != 0) {
            const svm::Field& word = svm::field_info(parts.word);
            item.word = std::string{word.name} + ", " + std::string{outcome};
            item.bit = part;
            item.vmcb = {{static_cast<std::uint16_t>(word.offset + part / 8), 1, VmcbUse::checked}};
        } else {
            for (const svm::FieldRef& place : check.fields) {
                item.vmcb.push_back({place.offset, place.size_bytes, VmcbUse::checked});
            }
        }
        family.items.push_back(std::move(item));
    });
}

CoverageFamily check_family() {
    CoverageFamily family{"check", "Consistency checks of VMRUN", {}, covered_by};
    for (const Check& check : checks_of_vmrun()) {
        if (!check.title.empty()) {
            add_item(family, check, check.title, "refused", check.parts);
        }
        if (!check.beside_title.empty()) {
            add_item(family, check, check.beside_title, "accepted", check.beside_parts);
        }
        for (const std::string_view rows : {check.refused_rows, check.accepted_rows}) {
            const std::vector<std::string> globs = each_glob(rows);
            family.rows.insert(family.rows.end(), globs.begin(), globs.end());
        }
    }
    return family;
}

const FamilyRegistration registration{check_family};

} // namespace

std::vector<std::string> broken_checks(const Case& one, const Vmrun& run) {
    std::vector<std::string> broken;
    each_broken(found_by(one, run), [&](std::string id) { broken.push_back(std::move(id)); });
    return broken;
}

} // namespace vmrunit::cases
