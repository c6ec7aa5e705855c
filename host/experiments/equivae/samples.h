// What a user asks of a trained EQUIVAE: samples of any classes, the style of one image on another class, the classes
// of the user's own images.
#pragma once
#include <filesystem>
#include <optional>
#include <vector>

#include "data/user_images.h"
#include "host/experiments/equivae/trained.h"
#include "host/show/image_grid.h"

namespace warpvae {

/// A sheet's look for images like these: grey ones as ink on paper.
ImageGridStyle sheet_style(const ImageSet& like, int scale = 2, int gap = 2);

/// A sheet whose columns are classes and whose rows are styles v, the same along a row: `rows` draws of N(0, I), or if
/// there are `styles` (files of read_user_images), those of the images, which stand in front. Throws UsageError where a
/// class is none of the model's, or styles are given to a model of colour images.
void draw_samples(const std::filesystem::path& path, const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                  const std::vector<int>& classes, int rows, const std::vector<std::filesystem::path>& styles = {});

struct ClassifiedImage {
    UserImage image;
    ReadClass distance;
    std::optional<ReadClass> classifier;  ///< q(y | x), semi-supervised models
};
/// Classes of a user's images (read_user_images), and a sheet of the images with their classes below them, q(y | x)'s
/// where there is one. Throws UsageError for a model of colour images.
std::vector<ClassifiedImage> classify_user_images(const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                                                  const std::vector<std::filesystem::path>& paths,
                                                  const std::filesystem::path& sheet);

}  // namespace warpvae
