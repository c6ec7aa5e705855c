#include "data/glyphs.h"

#include <algorithm>
#include <cstring>

#include "cuda/device/buffer.h"
#include "cuda/device/cpu_resources.h"
#include "data/error.h"
#include "data/npy.h"

namespace warpvae {
namespace {

/// Points of one pen stroke, x to the right and y down, about -1..1. Equal points (also of two strokes) are one vertex
/// and stay together when vertices are displaced. A point given twice in a row is a corner; a stroke whose last point
/// is its first is a smooth loop.
using Stroke = std::vector<GlyphVertex>;
struct Drawing {
    int digit;
    std::vector<Stroke> strokes;
};

const std::vector<Drawing>& drawings() {
    static const std::vector<Drawing> all{
        // 0: an oval; a rounder one; one left open at the top; one that overlaps itself.
        {0, {{{0, -1}, {-.45f, -.7f}, {-.6f, 0}, {-.45f, .7f}, {0, 1}, {.45f, .7f}, {.6f, 0}, {.45f, -.7f}, {0, -1}}}},
        {0,
         {{{0, -.9f},
           {-.6f, -.55f},
           {-.75f, .1f},
           {-.5f, .75f},
           {.1f, .9f},
           {.65f, .55f},
           {.75f, -.1f},
           {.5f, -.7f},
           {0, -.9f}}}},
        {0,
         {{{.3f, -.95f},
           {-.25f, -.8f},
           {-.6f, -.2f},
           {-.5f, .55f},
           {0, .95f},
           {.5f, .55f},
           {.6f, -.15f},
           {.3f, -.75f},
           {-.1f, -.85f}}}},
        {0,
         {{{.05f, -.85f},
           {-.4f, -.6f},
           {-.5f, .1f},
           {-.2f, .9f},
           {.3f, .75f},
           {.5f, .05f},
           {.4f, -.7f},
           {0, -1},
           {-.2f, -.8f}}}},
        // 1: a stroke; one with a flag; one with flag and foot; a leaning one.
        {1, {{{0, -1}, {0, -.3f}, {0, .4f}, {0, 1}}}},
        {1, {{{-.3f, -.6f}, {0, -1}, {0, -1}, {0, -.2f}, {0, 1}}}},
        {1, {{{-.35f, -.55f}, {0, -1}, {0, -1}, {0, 0}, {0, 1}}, {{-.4f, 1}, {0, 1}, {.4f, 1}}}},
        {1, {{{.2f, -1}, {.05f, -.3f}, {-.1f, .4f}, {-.2f, 1}}}},
        // 2: hook, slope and base; one with a loop at the turn; a broad one.
        {2,
         {{{-.55f, -.55f},
           {-.2f, -.95f},
           {.35f, -.9f},
           {.5f, -.45f},
           {.1f, .2f},
           {-.55f, .95f},
           {-.55f, .95f},
           {0, .9f},
           {.6f, .95f}}}},
        {2,
         {{{-.5f, -.6f},
           {-.1f, -1},
           {.4f, -.8f},
           {.4f, -.25f},
           {0, .4f},
           {-.45f, .85f},
           {-.6f, .65f},
           {-.35f, .5f},
           {0, .8f},
           {.65f, .85f}}}},
        {2,
         {{{-.6f, -.7f},
           {0, -.95f},
           {.5f, -.65f},
           {.3f, -.05f},
           {-.3f, .5f},
           {-.65f, .9f},
           {-.65f, .9f},
           {.65f, .9f}}}},
        // 3: two round bows; one with a flat top; one whose bows meet in a small loop.
        {3,
         {{{-.5f, -.75f},
           {0, -1},
           {.45f, -.65f},
           {.25f, -.2f},
           {-.1f, -.05f},
           {-.1f, -.05f},
           {.4f, .15f},
           {.5f, .6f},
           {0, 1},
           {-.55f, .75f}}}},
        {3,
         {{{-.5f, -.95f},
           {.5f, -.95f},
           {.5f, -.95f},
           {0, -.2f},
           {0, -.2f},
           {.5f, .1f},
           {.45f, .75f},
           {-.1f, 1},
           {-.55f, .75f}}}},
        {3,
         {{{-.45f, -.85f},
           {.1f, -.95f},
           {.45f, -.6f},
           {.15f, -.15f},
           {-.2f, -.05f},
           {-.05f, .1f},
           {.35f, .1f},
           {.55f, .5f},
           {.15f, .95f},
           {-.5f, .85f}}}},
        // 4: open; closed; open with a bent stem; drawn in one go.
        {4,
         {{{-.4f, -.85f}, {-.55f, -.1f}, {-.5f, .1f}, {-.5f, .1f}, {0, .1f}, {.55f, .05f}},
          {{.35f, -.9f}, {.3f, 0}, {.25f, 1}}}},
        {4,
         {{{.3f, .95f},
           {.3f, 0},
           {.3f, -1},
           {.3f, -1},
           {-.1f, -.4f},
           {-.65f, .35f},
           {-.65f, .35f},
           {0, .35f},
           {.65f, .35f}}}},
        {4,
         {{{-.5f, -.8f}, {-.5f, -.2f}, {-.25f, .05f}, {.2f, -.05f}, {.45f, -.3f}},
          {{.5f, -.85f}, {.45f, -.3f}, {.35f, .3f}, {.2f, 1}}}},
        {4,
         {{{-.1f, -1}, {-.35f, -.4f}, {-.6f, .2f}, {-.6f, .2f}, {0, .2f}, {.6f, .15f}},
          {{.25f, -.35f}, {.2f, .3f}, {.15f, 1}}}},
        // 5: bar, neck and bow; all in one go with a round neck; a narrow one.
        {5,
         {{{.5f, -.95f},
           {-.4f, -.95f},
           {-.4f, -.95f},
           {-.45f, -.15f},
           {-.45f, -.15f},
           {.1f, -.3f},
           {.5f, .1f},
           {.4f, .75f},
           {-.1f, 1},
           {-.55f, .75f}}}},
        {5,
         {{{.5f, -.9f},
           {0, -.9f},
           {-.35f, -.75f},
           {-.4f, -.3f},
           {0, -.1f},
           {.4f, .15f},
           {.4f, .65f},
           {0, .95f},
           {-.5f, .85f}}}},
        {5,
         {{{-.3f, -.8f}, {-.35f, -.15f}, {-.35f, -.15f}, {.15f, -.2f}, {.4f, .2f}, {.25f, .8f}, {-.3f, .95f}},
          {{-.3f, -.8f}, {.1f, -.85f}, {.6f, -.95f}}}},
        // 6: a bent back and a loop; a straight back; a wide loop.
        {6,
         {{{.4f, -.95f},
           {-.15f, -.6f},
           {-.5f, .05f},
           {-.45f, .7f},
           {0, .95f},
           {.45f, .7f},
           {.4f, .2f},
           {0, .05f},
           {-.4f, .4f}}}},
        {6,
         {{{.05f, -1},
           {-.25f, -.4f},
           {-.45f, .25f},
           {-.35f, .8f},
           {.05f, .95f},
           {.4f, .65f},
           {.3f, .2f},
           {-.05f, .15f},
           {-.35f, .5f}}}},
        {6,
         {{{.2f, -1},
           {-.3f, -.65f},
           {-.6f, 0},
           {-.5f, .65f},
           {0, .95f},
           {.55f, .7f},
           {.6f, .2f},
           {.15f, 0},
           {-.35f, .2f},
           {-.55f, .45f}}}},
        // 7: plain; with a bar through the stem; with a hook at the left; with a curved stem.
        {7, {{{-.55f, -.9f}, {0, -.9f}, {.5f, -.9f}, {.5f, -.9f}, {.15f, -.1f}, {-.2f, 1}}}},
        {7,
         {{{-.55f, -.9f}, {0, -.9f}, {.5f, -.95f}, {.5f, -.95f}, {.1f, 0}, {-.2f, 1}},
          {{-.3f, .05f}, {.1f, 0}, {.45f, 0}}}},
        {7,
         {{{-.55f, -.6f},
           {-.5f, -.85f},
           {-.5f, -.85f},
           {0, -.9f},
           {.55f, -.9f},
           {.55f, -.9f},
           {.2f, -.2f},
           {.05f, .4f},
           {0, 1}}}},
        {7, {{{-.6f, -.8f}, {-.1f, -.95f}, {.4f, -.9f}, {.45f, -.6f}, {.1f, 0}, {-.15f, .5f}, {-.25f, 1}}}},
        // 8: a crossing line; two circles; a crossing line left open at the top.
        {8,
         {{{0, -.95f},
           {-.45f, -.6f},
           {-.2f, -.2f},
           {.25f, .2f},
           {.45f, .65f},
           {0, .95f},
           {-.45f, .65f},
           {-.25f, .2f},
           {.2f, -.2f},
           {.4f, -.6f},
           {0, -.95f}}}},
        {8,
         {{{0, -.95f}, {-.4f, -.55f}, {0, -.1f}, {.4f, -.55f}, {0, -.95f}},
          {{0, -.1f}, {-.5f, .4f}, {0, .95f}, {.5f, .4f}, {0, -.1f}}}},
        {8,
         {{{.45f, -.75f},
           {0, -.95f},
           {-.4f, -.6f},
           {-.1f, -.15f},
           {.35f, .25f},
           {.4f, .75f},
           {-.05f, .95f},
           {-.4f, .65f},
           {-.15f, .15f},
           {.25f, -.25f},
           {.5f, -.65f}}}},
        // 9: a loop and a straight stem; a bent stem; a loop that is not closed.
        {9,
         {{{.4f, -.55f}, {.05f, -.95f}, {-.4f, -.7f}, {-.4f, -.25f}, {0, -.05f}, {.35f, -.3f}, {.4f, -.55f}},
          {{.4f, -.55f}, {.35f, .2f}, {.25f, 1}}}},
        {9,
         {{{.45f, -.6f},
           {0, -.95f},
           {-.45f, -.6f},
           {-.35f, -.15f},
           {.1f, -.1f},
           {.45f, -.6f},
           {.45f, -.6f},
           {.5f, 0},
           {.35f, .7f},
           {-.05f, .95f},
           {-.45f, .8f}}}},
        {9,
         {{{.35f, -.8f},
           {-.1f, -.9f},
           {-.5f, -.5f},
           {-.25f, -.1f},
           {.25f, -.3f},
           {.4f, -.75f},
           {.4f, -.75f},
           {.3f, .1f},
           {0, 1}}}}};
    return all;
}

/// The drawings as the kernel's tables, in host memory.
struct Tables {
    std::vector<GlyphVertex> vertices;
    std::vector<GlyphSpan> spans;
    std::vector<GlyphStyle> styles;
    std::vector<int> first_style;
};

class StyleBuilder {
  public:
    void add(const Stroke& stroke) {
        std::vector<std::uint8_t> run;  // up to the next corner
        for (const GlyphVertex& point : stroke) {
            const std::uint8_t vertex = vertex_of(point);
            if (!run.empty() && vertex == run.back()) {
                add_run(run);
                run.clear();
            }
            run.push_back(vertex);
        }
        add_run(run);
    }
    std::vector<GlyphVertex> vertices;
    std::vector<GlyphSpan> spans;

  private:
    std::uint8_t vertex_of(GlyphVertex point) {
        const auto same = [&](const GlyphVertex& v) { return v.x == point.x && v.y == point.y; };
        const auto at = std::find_if(vertices.begin(), vertices.end(), same) - vertices.begin();
        if (at == std::ssize(vertices)) vertices.push_back(point);
        return static_cast<std::uint8_t>(at);
    }
    void add_run(const std::vector<std::uint8_t>& run) {
        const std::size_t last = run.size() - 1;
        const bool loop = last > 1 && run[0] == run[last];
        for (std::size_t i = 0; i < last; ++i) {
            const std::uint8_t before = i ? run[i - 1] : loop ? run[last - 1] : run[0];
            const std::uint8_t after = i + 2 <= last ? run[i + 2] : loop ? run[1] : run[last];
            spans.push_back({{before, run[i], run[i + 1], after}});
        }
    }
};

Tables make_tables() {
    Tables tables;
    tables.first_style.push_back(0);
    for (int digit = 0; digit < 10; ++digit) {
        for (const Drawing& drawing : drawings()) {
            if (drawing.digit != digit) continue;
            StyleBuilder style;
            for (const Stroke& stroke : drawing.strokes) style.add(stroke);
            if (style.vertices.size() > kMaxGlyphVertices || style.spans.size() > kMaxGlyphSpans) {
                throw Error("a drawing of " + std::to_string(digit) + " has more points than the glyphs kernel takes");
            }
            tables.styles.push_back({int(tables.vertices.size()), int(style.vertices.size()), int(tables.spans.size()),
                                     int(style.spans.size())});
            tables.vertices.insert(tables.vertices.end(), style.vertices.begin(), style.vertices.end());
            tables.spans.insert(tables.spans.end(), style.spans.begin(), style.spans.end());
        }
        tables.first_style.push_back(int(tables.styles.size()));
    }
    return tables;
}

constexpr std::uint64_t kFirstStep = 100;  // of Purpose::kDataset; transformed_sets.cpp uses those below
constexpr std::size_t kChunk = 16384;      // images on the device at once

/// `draw(images, labels, poses, skeletons, first, n)` draws n glyphs from number `first` on into device memory.
template <class Draw>
GlyphSet draw_glyphs(std::size_t count, int side, int channels, Draw draw) {
    const Tables tables = make_tables();
    const DeviceBuffer<GlyphVertex> vertices(tables.vertices);
    const DeviceBuffer<GlyphSpan> spans(tables.spans);
    const DeviceBuffer<GlyphStyle> styles(tables.styles);
    const DeviceBuffer<int> first_style(tables.first_style);
    const GlyphSkeletons skeletons{vertices.data(), spans.data(), styles.data(), first_style.data()};

    GlyphSet result{{side, side, {}, {}, channels}, {}};
    const std::size_t size = result.set.image_size(), chunk = std::min(kChunk, count);
    if (const std::size_t each = size + 1 + sizeof(GlyphPose), free = available_memory(); count > free / each)
        throw Error(std::to_string(count) + " glyphs take " + std::to_string(count * each >> 20) + " MiB, " +
                    std::to_string(free >> 20) + " MiB are free: draw fewer");
    result.set.images.resize(count * size);
    result.set.labels.resize(count);
    result.poses.resize(count);
    DeviceBuffer<std::uint8_t> images(chunk * size, "glyphs"), labels(chunk, "glyph labels");
    DeviceBuffer<GlyphPose> poses(chunk, "glyph poses");
    for (std::size_t first = 0; first < count; first += chunk) {
        const std::size_t n = std::min(chunk, count - first);
        check(draw(images.data(), labels.data(), poses.data(), skeletons, first, n));
        images.download(result.set.images.data() + first * size, n * size);
        labels.download(result.set.labels.data() + first, n);
        poses.download(result.poses.data() + first, n);
    }
    return result;
}

}  // namespace

GlyphSet make_glyphs(std::size_t count, std::uint64_t seed, Part part, const GlyphOptions& options) {
    const std::uint64_t step = kFirstStep + (part == Part::kTest ? 1 : 0);
    return draw_glyphs(
        count, 28, 1,
        [&](auto* images, auto* labels, auto* poses, const GlyphSkeletons& skeletons, std::size_t first,
            std::size_t n) {
            return glyphs({images, labels, poses}, skeletons, options, {seed, step, first}, n, 28, 28, nullptr);
        });
}

GlyphSet make_colour_glyphs(std::size_t count, std::uint64_t seed, Part part, const ColourGlyphOptions& options) {
    const std::uint64_t step = kFirstStep + (part == Part::kTest ? 3 : 2);
    return draw_glyphs(
        count, 32, 3,
        [&](auto* images, auto* labels, auto* poses, const GlyphSkeletons& skeletons, std::size_t first,
            std::size_t n) {
            return colour_glyphs({images, labels, poses}, skeletons, options, {seed, step, first}, n, 32, 32, nullptr);
        });
}

void write_glyphs(const std::filesystem::path& folder, const char* prefix, const GlyphSet& glyphs) {
    static_assert(sizeof(GlyphPose) == 8 * sizeof(float), "a pose is one row of 8 numbers");
    std::vector<float> rows(8 * glyphs.poses.size());
    if (!rows.empty()) std::memcpy(rows.data(), glyphs.poses.data(), rows.size() * sizeof(float));
    write_npy(folder / (std::string(prefix) + "-poses.npy"), {glyphs.poses.size(), 8}, rows);
    write_image_set(folder, prefix, glyphs.set);
}

namespace {

ImageSet kept(const MakeRequest& request, GlyphSet glyphs) {
    if (!request.keep.empty()) write_glyphs(request.keep, file_prefix(request.part), glyphs);
    return std::move(glyphs.set);
}

}  // namespace

ImageSet make_glyphs_part(const MakeRequest& request) {
    return kept(request, make_glyphs(request.count, request.seed, request.part));
}

ImageSet make_colour_glyphs_part(const MakeRequest& request) {
    return kept(request, make_colour_glyphs(request.count, request.seed, request.part));
}

}  // namespace warpvae
