// Images that a trained EQUIVAE makes, and classes that it reads: samples of any classes, the style of one image on
// another class, the classes of a user's images, and how often what it makes is what it was asked for.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/feige/feige.h"
#include "host/show/image_grid.h"
#include "host/user_images.h"
#include "models/image_classifier.h"

namespace warpvae {

/// A trained model and the r that stands for each class. Rows of r and v are [n, Z].
struct ShownModel {
    ShownModel(const FeigeExperiment& experiment, const FeigeReplica& replica);

    const FeigeReplica replica;
    const FeigeSplit& split;
    std::unique_ptr<FeigeExperiment::Loaded> loaded;
    const int classes, Z;
    EquivaeLatents validation;              ///< of the validation images, r from 5 others of the class
    std::vector<float> r_y;                 ///< [classes, Z]: the mean of validation.r over each class
    std::vector<std::vector<int>> members;  ///< of each class, among the validation images

    /// v ~ N(0, I), `which` tells sheets apart.
    std::vector<float> draw(std::size_t n, std::uint64_t which) const;
    /// The posterior's mean v of images (bytes), each given its row of r.
    std::vector<float> encode(const std::vector<std::uint8_t>& images, const std::vector<float>& r);
    /// Probabilities [n, classes]: proportional to exp(-|f_inv(x) - r_y|^2), and q(y | x) (semi-supervised only).
    std::vector<float> distance_probabilities(const std::vector<std::uint8_t>& images);
    std::vector<float> classifier_probabilities(const std::vector<std::uint8_t>& images);
    /// What decode() makes, as images of the split's shape with these classes.
    ImageSet make(const std::vector<float>& r, const std::vector<float>& v, std::vector<std::uint8_t> labels);
    /// The bytes of validation image i.
    std::span<const std::uint8_t> image(int i) const;

  private:
    const std::vector<float>& labelled_means();
    const std::uint64_t seed_;
    std::vector<float> labelled_means_;  // [classes, Z]: f_inv's over labelled training images, once needed
};

/// Row i of [n, Z] at the end of another.
void add_row(std::vector<float>& to, const std::vector<float>& from, std::size_t i, int Z);
/// A sheet's look for images like these: grey ones as ink on paper.
ImageGridStyle feige_sheet(const ImageSet& like, int scale = 2, int gap = 2);

/// A classifier that knows nothing of the model: the paper's benchmark, trained for a few epochs on the training
/// images with a seed of its own. Its weights stay in the run's folder.
class FeigeJudge {
  public:
    explicit FeigeJudge(const FeigeExperiment& experiment);
    ~FeigeJudge();
    /// The share of images that it gives the class of their label.
    double accuracy(const ImageSet& images);

  private:
    Stream stream_;
    Matmul matmul_;
    Convolver convolver_;
    PixelStatistics pixels_;
    DeviceImages labels_;
    std::unique_ptr<ImageClassifier<float>> classifier_;
};

/// Shares of made images whose class is read as the one that was asked for.
struct ClassShares {
    double distance = 0;          ///< by the model's own nearest r_y
    std::optional<double> judge;  ///< by an independent classifier
};
ClassShares read_shares(ShownModel& model, FeigeJudge* judge, const ImageSet& images);
/// Samples of the prior at r_y, `each` of every class.
ClassShares sample_class_accuracy(ShownModel& model, FeigeJudge* judge, int each = 100);
/// Pairs (r^i, v^j) of different classes i and j, from `sets` validation images of each class: class i is asked for.
ClassShares swap_class_accuracy(ShownModel& model, FeigeJudge* judge, int sets = 10);

/// A sheet whose columns are classes and whose rows are styles v, the same along a row: `rows` draws of N(0, I), or if
/// there are `styles` (files of read_user_images), those of the images, which stand in front. Throws UsageError where a
/// class is none of the model's, or styles are given to a model of colour images.
void draw_generated(const std::filesystem::path& path, const FeigeExperiment& experiment, const FeigeReplica& replica,
                    const std::vector<int>& classes, int rows, const std::vector<std::filesystem::path>& styles = {});

/// The two most probable classes of an image.
struct ReadClass {
    int first = 0, second = 0;
    double probability = 0, second_probability = 0;
};
/// Of each row [classes].
std::vector<ReadClass> most_probable(const std::vector<float>& probabilities, int classes);

struct ClassifiedImage {
    UserImage image;
    ReadClass distance;
    std::optional<ReadClass> classifier;  ///< q(y | x), semi-supervised models
};
/// Classes of a user's images (read_user_images), and a sheet of the images with their classes below them, q(y | x)'s
/// where there is one. Throws UsageError for a model of colour images.
std::vector<ClassifiedImage> classify_user_images(const FeigeExperiment& experiment, const FeigeReplica& replica,
                                                  const std::vector<std::filesystem::path>& paths,
                                                  const std::filesystem::path& sheet);

}  // namespace warpvae
