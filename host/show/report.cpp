#include "host/show/report.h"

#include <cstdint>
#include <map>

#include "data/files.h"
#include "host/show/report_style.h"

namespace warpvae {
namespace {

std::string escape(std::string_view text) {
    static const std::map<char, const char*> entities = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    std::string out;
    for (const char c : text) {
        if (const auto entity = entities.find(c); entity != entities.end())
            out += entity->second;
        else if (static_cast<unsigned char>(c) >= ' ' || c == '\n' ||
                 c == '\t')  // HTML has no other control characters
            out += c;
    }
    return out;
}

/// Escaped text in which `words` in backquotes are code.
std::string inline_text(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t open = text.find('`');
        const std::size_t close = open == text.npos ? text.npos : text.find('`', open + 1);
        if (close == text.npos) return out + escape(text);
        out += escape(text.substr(0, open)) + "<code>" + escape(text.substr(open + 1, close - open - 1)) + "</code>";
        text.remove_prefix(close + 1);
    }
    return out;
}

std::string base64(std::string_view bytes) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t j) {
            return j < bytes.size() ? std::uint32_t(static_cast<unsigned char>(bytes[j])) : 0u;
        };
        const std::uint32_t triple = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
        out += digits[triple >> 18];
        out += digits[triple >> 12 & 63];
        out += i + 1 < bytes.size() ? digits[triple >> 6 & 63] : '=';
        out += i + 2 < bytes.size() ? digits[triple & 63] : '=';
    }
    return out;
}

/// width and height attributes from a PNG's first chunk, so that the page does not jump while it loads.
std::string png_size(std::string_view png) {
    if (png.size() < 24) return "";
    const auto big_endian = [&](std::size_t at) {
        std::uint32_t v = 0;
        for (std::size_t i = at; i < at + 4; i++) v = v << 8 | static_cast<unsigned char>(png[i]);
        return std::to_string(v);
    };
    return " width=\"" + big_endian(16) + "\" height=\"" + big_endian(20) + "\"";
}

/// What a table begins with, up to its body; the first `texts` columns are text, the others numbers.
std::string table_head(const std::string& caption, const std::vector<std::string>& columns, std::size_t texts) {
    std::string out = "<div class=\"card\"><div class=\"scroll\"><table>\n";
    if (!caption.empty()) out += "<caption>" + caption + "</caption>\n";
    out += "<thead><tr>";
    for (std::size_t i = 0; i < columns.size(); i++)
        out +=
            (i < texts ? "<th scope=\"col\">" : "<th scope=\"col\" class=\"number\">") + escape(columns[i]) + "</th>";
    return out + "</tr></thead>\n<tbody>\n";
}

std::string slug(std::size_t section) { return "section-" + std::to_string(section + 1); }

}  // namespace

Report::Report(std::string title, std::string subtitle) : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Report::begin(Run run) {
    if (run == run_) return;
    if (run_ != Run::none) body_ += "</div>\n";
    if (run == Run::figures) body_ += "<div class=\"figures\">\n";
    if (run == Run::claims) body_ += "<div class=\"card claims\">\n";
    run_ = run;
}

void Report::section(std::string_view heading) {
    begin(Run::none);
    body_ += "<h2 id=\"" + slug(sections_.size()) + "\">" + escape(heading) + "</h2>\n";
    sections_.emplace_back(heading);
}

void Report::paragraph(std::string_view text) {
    begin(Run::none);
    while (!text.empty()) {
        const std::size_t end = text.find("\n\n");
        const std::string_view one = text.substr(0, end);
        if (one.find_first_not_of(" \n") != one.npos) body_ += "<p>" + inline_text(one) + "</p>\n";
        text.remove_prefix(end == text.npos ? text.size() : end + 2);
    }
}

void Report::list(const Pairs& pairs, const char* kind, const char* entry) {
    begin(Run::none);
    body_ += std::string("<dl class=\"") + kind + "\">\n";
    for (const auto& [name, value] : pairs)
        body_ += entry + ("<dt>" + escape(name)) + "</dt><dd>" + escape(value) + "</dd></div>\n";
    body_ += "</dl>\n";
}

void Report::highlights(const Pairs& numbers) { list(numbers, "highlights", "<div class=\"card\">"); }

void Report::key_values(const Pairs& pairs) { list(pairs, "card settings", "<div>"); }

void Report::table(const Table& table) {
    begin(Run::none);
    const TableText text = table_text(table);
    std::string title = table.paper + ", " + table.table + " · " + table.dataset;
    if (!table.device.empty()) title += " · " + table.device;
    std::vector<std::string> columns = text.keys;
    columns.insert(columns.end(), text.tests.begin(), text.tests.end());
    body_ += table_head(escape(title), columns, text.keys.size());
    for (std::size_t row = 0; row < text.entries.size(); row++) {
        const auto& values = text.key_values[row];
        // Rows that share the first key stand under one cell.
        const bool first = values.empty() || row == 0 || values[0] != text.key_values[row - 1][0];
        body_ += first ? "<tr class=\"group\">" : "<tr>";
        for (std::size_t k = 0; k < values.size(); k++) {
            if (k == 0 && !first) continue;
            std::size_t span = 1;
            while (k == 0 && row + span < text.entries.size() && text.key_values[row + span][0] == values[0]) span++;
            body_ += k == 0
                         ? "<th scope=\"row\" rowspan=\"" + std::to_string(span) + "\">" + escape(values[k]) + "</th>"
                         : "<td>" + escape(values[k]) + "</td>";
        }
        for (const TableText::Entry& entry : text.entries[row]) {
            body_ += "<td class=\"number";
            if (entry.verdict) body_ += std::string(" ") + name_of(*entry.verdict);
            body_ += "\">";
            if (entry.present) body_ += "<b>" + escape(entry.mean) + mark_of(entry.verdict) + "</b>";
            if (!entry.std.empty()) body_ += "<span class=\"std\"> ± " + entry.std + "</span>";
            if (!entry.paper.empty()) body_ += "<span class=\"paper\">paper " + entry.paper + "</span>";
            body_ += "</td>";
        }
        body_ += "</tr>\n";
    }
    body_ += "</tbody></table></div>\n<p class=\"legend\">" + escape(table_legend(table, "under it")) + "</p></div>\n";
}

void Report::table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows,
                   std::string_view caption) {
    begin(Run::none);
    body_ += table_head(inline_text(caption), head, 1);
    for (const auto& row : rows) {
        body_ += "<tr>";
        for (std::size_t i = 0; i < row.size(); i++)
            body_ += i ? "<td class=\"number\">" + escape(row[i]) + "</td>"
                       : "<th scope=\"row\">" + escape(row[i]) + "</th>";
        body_ += "</tr>\n";
    }
    body_ += "</tbody></table></div></div>\n";
}

void Report::figure(std::string_view png, std::string_view caption, Width width) {
    begin(Run::figures);
    body_ += std::string("<figure class=\"card") + (width == Width::half ? " half" : "") + "\">";
    body_ += "<img alt=\"" + escape(caption) + "\"" + png_size(png) + " src=\"data:image/png;base64," + base64(png);
    body_ += "\"><figcaption>" + inline_text(caption) + "</figcaption></figure>\n";
}

void Report::claim(std::string_view text, Verdict verdict, std::string_view evidence) {
    begin(Run::claims);
    constexpr const char* kBadges[] = {"holds\">✓ holds", "fails\">✗ does not hold", "untested\">– not tested"};
    body_ += std::string("<div class=\"claim\"><div><span class=\"badge ") + kBadges[int(verdict)] +
             "</span></div><div><p>" + inline_text(text) + "</p>";
    if (!evidence.empty()) body_ += "<p class=\"evidence\">" + inline_text(evidence) + "</p>";
    body_ += "</div></div>\n";
}

std::string Report::html() const {
    std::string out =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"generator\" content=\"warpvae\">\n<title>" +
        escape(title_) + "</title>\n<style>" + kReportStyle + "</style>\n</head>\n<body>\n";
    out += "<header class=\"masthead\"><div>\n<h1>" + escape(title_) + "</h1>\n";
    if (!subtitle_.empty()) out += "<p class=\"subtitle\">" + inline_text(subtitle_) + "</p>\n";
    if (sections_.size() > 1) {
        out += "<nav>";
        for (std::size_t i = 0; i < sections_.size(); i++)
            out += "<a href=\"#" + slug(i) + "\">" + escape(sections_[i]) + "</a>\n";
        out += "</nav>\n";
    }
    out += "</div></header>\n<main>\n" + body_ + (run_ == Run::none ? "" : "</div>\n");
    return out + "<footer>Made by warpvae.</footer>\n</main>\n</body>\n</html>\n";
}

void Report::write(const std::filesystem::path& path) const { write_file(path, html()); }

}  // namespace warpvae
