#include "host/latents/sheets.h"

#include <algorithm>
#include <cmath>

#include "data/files.h"
#include "data/npy.h"
#include "host/latents/image_source.h"
#include "host/log.h"
#include "host/show/animation.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kReconstructions = 12;  // in a row
constexpr int kMovingSize = 112;      // of an image in motion, output pixels at least
constexpr int kMovingColumns = 6;
constexpr float kMovingLevels = 127;  // of grey, above 0: with those of the captions they are no more than 256 colours

std::span<const float> image(const std::vector<float>& images, std::size_t i, std::size_t size) {
    return std::span(images).subspan(i * size, size);
}

}  // namespace

ImageShape::ImageShape(LatentModel& model)
    : height(model.model().input_shape().height),
      width(model.model().input_shape().width),
      channels(model.model().input_shape().channels) {}

std::vector<std::size_t> ImageShape::of(std::vector<std::size_t> leading) const {
    leading.insert(leading.end(), {std::size_t(height), std::size_t(width)});
    if (channels > 1) leading.push_back(std::size_t(channels));
    return leading;
}

ImageGridStyle ImageShape::style(int across) const {
    return {.channels = channels, .scale = std::max(1, across / width), .invert = true};
}

void write_sheet(const fs::path& path, const ImageShape& shape, const std::vector<float>& images, int columns,
                 const std::vector<std::string>& captions) {
    const int n = int(images.size() / shape.size());
    columns = std::min(columns, n);
    ImageGrid sheet((n + columns - 1) / columns, columns, shape.height, shape.width, shape.style());
    sheet.fill(std::span<const float>(images));
    for (int c = 0; c < std::min(columns, int(captions.size())); ++c) sheet.column_caption(c, captions[std::size_t(c)]);
    sheet.write(path);
}

void write_reconstructions(const fs::path& path, const ImageShape& shape, const std::vector<std::uint8_t>& inputs,
                           const std::vector<float>& images, const std::vector<float>& upright) {
    const int n = int(images.size() / shape.size()), columns = std::min(kReconstructions, n),
              kinds = upright.empty() ? 2 : 3;
    ImageGridStyle style = shape.style();
    style.rows_in_group = kinds;
    ImageGrid sheet(kinds * ((n + columns - 1) / columns), columns, shape.height, shape.width, style);
    for (int i = 0; i < n; ++i) {
        const int row = kinds * (i / columns), column = i % columns;
        const std::size_t at = std::size_t(i);
        sheet.set(row, column, std::span(inputs).subspan(at * shape.size(), shape.size()));
        sheet.set(row + 1, column, image(images, at, shape.size()));
        if (kinds == 3) sheet.set(row + 2, column, image(upright, at, shape.size()));
        if (column) continue;
        sheet.row_caption(row, "x");
        sheet.row_caption(row + 1, "x'");
        if (kinds == 3) sheet.row_caption(row + 2, "y'");
    }
    sheet.write(path);
}

void FrameSheet::write_arrays(const fs::path& folder) const {
    std::vector<float> all;
    std::string names = "row,name\n";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        all.insert(all.end(), rows[i].frames.begin(), rows[i].frames.end());
        names += std::to_string(i) + "," + csv_field(rows[i].name) + "\n";
    }
    write_npy(folder / "frames.npy", shape.of({rows.size(), std::size_t(frames())}), all);
    write_file(folder / "frames.csv", names);
}

void FrameSheet::write_sheet(const fs::path& path, const std::string& title) const {
    ImageGrid sheet(int(rows.size()), frames(), shape.height, shape.width, shape.style());
    sheet.title(title);
    for (int row = 0; row < int(rows.size()); ++row) {
        const TransitionRow& of = rows[std::size_t(row)];
        sheet.fill(std::span<const float>(of.frames), row);
        sheet.row_caption(row, of.name);
        if (of.marked >= 0) sheet.frame(row, of.marked);
    }
    for (std::size_t c = 0; c < columns.size(); ++c) sheet.column_caption(int(c), columns[c]);
    sheet.write(path);
}

bool write_motion(const fs::path& path, const FrameSheet& sheet, int hold) {
    if (!can_animate()) {
        log_info("no animation: this build has no giflib (libgif-dev)");
        return false;
    }
    const ImageShape& shape = sheet.shape;
    const int n = int(sheet.rows.size()), last = sheet.frames() - 1;
    const int columns = n <= kMovingColumns ? n : int(std::ceil(n / std::ceil(double(n) / kMovingColumns)));
    std::vector<RgbPicture> pictures;
    for (int t = 0; t <= last; ++t) {
        ImageGrid grid((n + columns - 1) / columns, columns, shape.height, shape.width, shape.style(kMovingSize));
        for (int i = 0; i < n; ++i) {
            const TransitionRow& row = sheet.rows[std::size_t(i)];
            const std::span<const float> frame = image(row.frames, std::size_t(t), shape.size());
            std::vector<float> levels(frame.begin(), frame.end());
            if (shape.channels == 1)
                for (float& level : levels) level = std::round(level * kMovingLevels) / kMovingLevels;
            grid.set(i / columns, i % columns, std::span<const float>(levels));
            grid.cell_caption(i / columns, i % columns, row.name);
        }
        pictures.push_back(grid.draw());
    }
    for (int t = last - 1; t > 0; --t) pictures.push_back(pictures[std::size_t(t)]);  // and back
    pictures.insert(pictures.begin() + last, std::size_t(hold), RgbPicture(pictures[std::size_t(last)]));
    pictures.insert(pictures.begin(), std::size_t(hold), RgbPicture(pictures.front()));
    write_animation(path, pictures);
    return true;
}

}  // namespace warpvae
