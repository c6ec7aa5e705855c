// report.html: everything is in the page, nothing in a text can break out of it, and it needs no network.
#include "host/show/report.h"

#include <gtest/gtest.h>

#include "data/files.h"
#include "data/png.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) n++;
    return n;
}

Report sample() {
    Table table;
    table.paper = "Mills (2024)";
    table.table = "Table 2";
    table.dataset = "mnist";
    table.device = "cpu";
    for (const char* train : {"MNIST-s", "MNIST-rt"}) {
        for (const int latents : {10, 20}) {
            Row row;
            row.keys = {{"train", train}, {"latents", latents}};
            row.cells = {{"MNIST-s", 0.88, 0.8812, 0.002, 3, 0.01, {}}, {"MNIST-fr", 0.68, 0.7246, 0.01, 3, 0.01, {}}};
            table.rows.push_back(row);
        }
    }
    const std::uint8_t pixels[6] = {};
    const std::string png = encode_png(3, 2, 1, pixels);
    Report report("Invariance", "a subtitle");
    report.highlights({{"cells", "26 of 32"}});
    report.section("Table 2");
    report.table(table);
    report.section("Claims");
    report.claim("C1", Verdict::holds, "evidence one");
    report.claim("C2", Verdict::fails, "evidence two");
    report.claim("C3", Verdict::untested, "");
    report.section("Pictures");
    report.figure(png, "first", Report::Width::half);
    report.figure(png, "second");
    report.paragraph("one `code` & two\n\nthree");
    report.table({"latents", "active"}, {{"10", "9.5"}}, "Active units");
    report.key_values({{"seed", "1"}});
    return report;
}

TEST(Report, HoldsEveryPart) {
    const std::string html = sample().html();
    for (const char* part :
         {"<title>Invariance</title>", "a subtitle", "26 of 32", "href=\"#section-2\"", "id=\"section-2\"",
          "<b>0.8812</b><span class=\"std\"> ± 0.0020</span><span class=\"paper\">paper 0.8800</span>",
          "<b>0.7246 ✗</b>", "✓ holds", "✗ does not hold", "not tested", "evidence two",
          "<figcaption>second</figcaption>", "<p>one <code>code</code> &amp; two</p>\n<p>three</p>", "Active units",
          "<dt>seed</dt><dd>1</dd>", "4 of 8 agree"}) {
        EXPECT_NE(html.find(part), std::string::npos) << part;
    }
    EXPECT_EQ(count(html, "rowspan=\"2\""), 2u);
    EXPECT_EQ(count(html, "class=\"figures\""), 1u);
    EXPECT_EQ(count(html, "class=\"card claims\""), 1u);
    EXPECT_EQ(count(html, " width=\"3\" height=\"2\""), 2u);
}

TEST(Report, EveryTagIsClosed) {
    const std::string html = sample().html();
    for (const std::string tag :
         {"div",        "p",    "table", "tr",   "td",   "th",    "dl",  "dt",     "dd", "h1",   "h2",     "figure",
          "figcaption", "main", "body",  "html", "head", "style", "nav", "header", "b",  "span", "caption"}) {
        EXPECT_EQ(count(html, "<" + tag + ">") + count(html, "<" + tag + " "), count(html, "</" + tag + ">")) << tag;
    }
}

TEST(Report, NeedsNoNetworkAndRunsNothing) {
    const std::string html = sample().html();
    for (const char* part : {"http:", "https:", "<script", "<link", "@import", "url(", "src=\"/"}) {
        EXPECT_EQ(html.find(part), std::string::npos) << part;
    }
}

TEST(Report, TextIsEscapedEverywhere) {
    const std::string evil = "<img src=x onerror='alert(1)'>\"&`<b>`\x01";
    Table table;
    table.paper = table.table = table.dataset = table.device = evil;
    Row row;
    row.keys[evil] = evil;
    row.cells.push_back(Cell{evil, 0.5, 0.5, 0, 1, {}, {}});
    table.rows.push_back(row);
    Report report(evil, evil);
    report.section(evil);
    report.section(evil);
    report.paragraph(evil);
    report.highlights({{evil, evil}});
    report.key_values({{evil, evil}});
    report.table(table);
    report.table({evil}, {{evil}}, evil);
    report.figure("", evil);
    report.claim(evil, Verdict::holds, evil);
    const std::string html = report.html();
    EXPECT_EQ(html.find("<img src=x"), std::string::npos);
    EXPECT_EQ(html.find("<b>`"), std::string::npos);
    EXPECT_EQ(html.find('\x01'), std::string::npos);
    EXPECT_GE(count(html, "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot;&amp;"), 18u);
}

TEST(Report, Base64IsTheStandards) {  // RFC 4648, section 10
    const std::pair<const char*, const char*> known[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"},
                                                         {"\xfb\xff\xfe", "+//+"}};
    for (const auto& [bytes, text] : known) {
        Report report("t");
        report.figure(bytes, "c");
        EXPECT_NE(report.html().find(std::string("base64,") + text + "\""), std::string::npos) << bytes;
    }
}

TEST(Report, WritesWhole) {
    const fs::path folder = fs::path(testing::TempDir()) / ("report_test." + std::to_string(::getpid()));
    sample().write(folder / "report.html");
    EXPECT_EQ(read_file(folder / "report.html"), sample().html());
    EXPECT_THROW(sample().write(folder / "report.html" / "b.html"), Error);
    fs::remove_all(folder);
}

}  // namespace
}  // namespace warpvae
