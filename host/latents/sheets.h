// What the commands on latents show: sheets, and sheets in motion.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "host/latents/latent_model.h"
#include "host/show/image_grid.h"

namespace warpvae {

/// Of a model's images.
struct ImageShape {
    explicit ImageShape(LatentModel& model);
    /// [leading..., H, W], and the channels of colour images.
    std::vector<std::size_t> of(std::vector<std::size_t> leading) const;
    std::size_t size() const { return std::size_t(height) * std::size_t(width) * std::size_t(channels); }
    /// Grey as ink on paper. Enlarged so that an image has `across` output pixels at least.
    ImageGridStyle style(int across = 56) const;

    int height, width, channels;
};

/// Images [n, D], `columns` in a row. The captions are the columns'; there may be none.
void write_sheet(const std::filesystem::path& path, const ImageShape& shape, const std::vector<float>& images,
                 int columns, const std::vector<std::string>& captions = {});
/// Inputs (bytes) above their reconstructions [n, D], and those with the pose taken off, where there are any.
void write_reconstructions(const std::filesystem::path& path, const ImageShape& shape,
                           const std::vector<std::uint8_t>& inputs, const std::vector<float>& images,
                           const std::vector<float>& upright);

/// Rows of as many frames each.
struct FrameSheet {
    ImageShape shape;
    std::vector<TransitionRow> rows;
    std::vector<std::string> columns;  ///< captions; empty: none

    int frames() const { return int(rows[0].frames.size() / shape.size()); }
    /// frames.npy and frames.csv, into the folder.
    void write_arrays(const std::filesystem::path& folder) const;
    void write_sheet(const std::filesystem::path& path, const std::string& title) const;
};
/// All rows side by side in motion, there and back, `hold` pictures at either end; nothing (said once) where the build
/// has no giflib. True: it was written.
bool write_motion(const std::filesystem::path& path, const FrameSheet& sheet, int hold);

}  // namespace warpvae
