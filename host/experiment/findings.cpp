#include "host/experiment/findings.h"

#include "data/files.h"
#include "host/core/phase.h"
#include "host/experiment/presentation.h"
#include "host/experiment/statements.h"
#include "host/show/format.h"

namespace warpvae {

std::vector<Statement> show_findings(const std::filesystem::path& folder, const std::string& paper,
                                     const std::string& origin, const std::vector<Finding>& findings) {
    const InPhase phase(Phase::kFigures);
    std::vector<Statement> statements;
    for (const Finding& finding : findings) {
        Statement& said = statements.emplace_back(finding.said);
        said.origin = origin;
        const std::string picture = "figures/finding-" + said.id + ".png";
        std::filesystem::remove(folder / picture);  // of an earlier finding: it may say something else
        if (finding.draw) finding.draw(folder / picture);
        if (std::filesystem::exists(folder / picture)) said.picture = picture;
    }
    write_statements(folder, paper, statements, "findings");
    if (!statements.empty()) print_claims("\nFindings of our own:", statements);
    return statements;
}

void add_findings(Report& report, const std::filesystem::path& folder, const std::vector<Statement>& findings) {
    for (const Statement& finding : findings) {
        std::string evidence = numbers_of(finding.measured) + finding.reason;
        if (!finding.rule.empty()) evidence += " Rule: " + finding.rule + ".";
        report.claim(finding.id + ": " + finding.text, verdict_of(finding), evidence);
        if (!finding.picture.empty() && std::filesystem::exists(folder / finding.picture))
            report.figure(read_file(folder / finding.picture), finding.measured.quantity, Report::Width::half);
    }
}

std::string numbers_of(const Measured& m) {
    if (!m.paper && m.values.empty()) return "";
    std::string text = m.quantity + ": ";
    if (m.paper) text += formatted("paper %.4g", *m.paper);
    if (m.values.empty()) return text + ". ";
    text += formatted("%sours %.4g", m.paper ? ", " : "", m.mean());
    if (m.values.size() > 1) text += formatted(" ± %.2g", m.std());
    return text + formatted(" (n = %zu). ", m.values.size());
}

}  // namespace warpvae
