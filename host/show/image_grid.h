// Contact sheets: images in rows and columns with captions, drawn the same bytes on every machine.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace warpvae {

struct ImageGridStyle {
    int channels = 1;       // 1 grey, 3 RGB, the last axis
    int scale = 2;          // each image pixel becomes scale x scale
    int gap = 4;            // between images, output pixels
    int rows_in_group = 1;  // a wider gap follows every so many rows: 2 for "input above reconstruction"
    int margin = 16;        // around the sheet
    bool dark = false;      // paper near black instead of white
    bool invert = false;    // grey images as ink on paper: 0 is drawn white and 255 black; colours stay
};

struct RgbPicture {
    int width = 0, height = 0;
    std::vector<std::uint8_t> rgb;  ///< [height, width, 3]
};

/// A sheet of rows x columns images of one size. Cells that are never set stay empty.
class ImageGrid {
  public:
    /// Throws Error where a size is not positive or the sheet would pass 512 MiB.
    ImageGrid(int rows, int columns, int height, int width, ImageGridStyle style = {});

    /// One image [H, W, C] into one cell: bytes, or floats in [0, 1] (clamped; NaN as mid-grey).
    void set(int row, int column, std::span<const std::uint8_t> image);
    void set(int row, int column, std::span<const float> image);

    /// images [count, H, W, C] into cells row by row from (row, 0); count may be smaller than the cells left.
    template <class T>
    void fill(std::span<const T> images, int row = 0) {
        const std::size_t size = image_size();
        for (std::size_t i = 0; (i + 1) * size <= images.size(); i++) {
            const int cell = static_cast<int>(i);
            set(row + cell / columns_, cell % columns_, images.subspan(i * size, size));
        }
    }

    /// UTF-8; characters that the font lacks are drawn as '?'.
    void title(std::string text) { title_ = std::move(text); }
    void row_caption(int row, std::string text);
    void column_caption(int column, std::string text);
    /// A wider gap, of as many output pixels as a caption is high: between images of different kinds.
    void break_after_row(int row);
    void break_after_column(int column);
    /// Below one image.
    void cell_caption(int row, int column, std::string text);
    /// A red border around one cell: half a gap wide, one to three output pixels.
    void frame(int row, int column);

    /// The finished sheet.
    RgbPicture draw() const;
    /// The same as PNG.
    std::string png() const;
    void write(const std::filesystem::path& path) const;

  private:
    struct Layout;
    std::size_t image_size() const {
        return static_cast<std::size_t>(style_.channels) * static_cast<std::size_t>(height_) *
               static_cast<std::size_t>(width_);
    }
    /// The number of a cell, row by row. Throws Error where the sheet has none.
    std::size_t cell(int row, int column) const;
    Layout layout() const;

    int rows_, columns_, height_, width_;
    ImageGridStyle style_;
    std::vector<std::uint8_t> pixels_;             // [rows, columns, H, W, C]
    std::vector<bool> filled_;                     // [rows, columns]
    std::vector<int> row_breaks_, column_breaks_;  // before each row and column
    std::vector<std::string> row_captions_, column_captions_, cell_captions_;
    std::vector<std::size_t> frames_;  // cells
    std::string title_;
};

}  // namespace warpvae
