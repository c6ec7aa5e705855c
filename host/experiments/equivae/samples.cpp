#include "host/experiments/equivae/samples.h"

#include <algorithm>

#include "host/core/phase.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kContactColumns = 10;

std::vector<UserImage> grey_images(const ImageSet& like, const std::vector<fs::path>& paths) {
    if (like.channels != 1)
        throw UsageError("the model is of colour images, and images of your own are read as grey ones only");
    return read_user_images(paths, like.height, like.width);
}

std::vector<std::uint8_t> bytes_of(const std::vector<UserImage>& images) {
    std::vector<std::uint8_t> bytes;
    for (const UserImage& image : images) bytes.insert(bytes.end(), image.pixels.begin(), image.pixels.end());
    return bytes;
}

/// As the model itself tells classes best: q(y | x) where it has one.
std::vector<ReadClass> own_classes(TrainedEquivae& model, const std::vector<std::uint8_t>& images) {
    const bool semi = model.replica.kind == EquivaeKind::kSemiSupervised;
    return most_probable(semi ? model.classifier_probabilities(images) : model.distance_probabilities(images),
                         model.classes);
}

}  // namespace

ImageGridStyle sheet_style(const ImageSet& like, int scale, int gap) {
    ImageGridStyle style;
    style.channels = like.channels;
    style.scale = scale, style.gap = gap;
    style.invert = like.channels == 1;
    return style;
}

void draw_samples(const fs::path& path, const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                  const std::vector<int>& classes, int rows, const std::vector<fs::path>& styles) {
    const InPhase phase(Phase::kFigures);
    const int known = experiment.split().classes;
    for (const int k : classes)
        if (k < 0 || k >= known)
            throw UsageError("--classes " + std::to_string(k) + ": the model's are 0 to " + std::to_string(known - 1));
    if (classes.empty()) throw UsageError("no class to draw samples of");
    std::vector<UserImage> images;
    if (!styles.empty()) {
        images = grey_images(experiment.split().train, styles);
        rows = int(images.size());
    }
    if (rows < 1) throw UsageError("a sheet needs a row");

    TrainedEquivae model(experiment, replica);
    const int front = images.empty() ? 0 : 1;  // the image whose style it is
    std::vector<float> style, r, v;
    if (images.empty()) {
        style = model.draw(rows, 0);
    } else {
        const std::vector<std::uint8_t> bytes = bytes_of(images);
        std::vector<float> own;
        for (const ReadClass& c : own_classes(model, bytes)) add_row(own, model.r_y, c.first, model.Z);
        style = model.encode(bytes, own);
    }
    for (int i = 0; i < rows; ++i)
        for (const int k : classes) add_row(r, model.r_y, k, model.Z), add_row(v, style, i, model.Z);
    const ImageSet made = model.make(r, v);
    const std::size_t across = classes.size();
    ImageGrid sheet(rows, front + int(across), made.height, made.width, sheet_style(made));
    for (int i = 0; i < rows; ++i) {
        if (front) {
            sheet.set(i, 0, std::span<const std::uint8_t>(images[i].pixels));
            sheet.row_caption(i, images[i].name);
        }
        for (std::size_t c = 0; c < across; ++c) sheet.set(i, front + int(c), made.image(i * across + c));
    }
    if (front) {
        sheet.column_caption(0, "style");
        sheet.break_after_column(0);
    }
    for (std::size_t c = 0; c < across; ++c) sheet.column_caption(front + int(c), std::to_string(classes[c]));
    sheet.write(path);
}

std::vector<ClassifiedImage> classify_user_images(const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                                                  const std::vector<fs::path>& paths, const fs::path& sheet_path) {
    const ImageSet& like = experiment.split().train;
    std::vector<UserImage> images = grey_images(like, paths);
    if (images.empty()) throw UsageError("no images to classify");
    TrainedEquivae model(experiment, replica);
    const std::vector<std::uint8_t> bytes = bytes_of(images);
    const auto by_distance = most_probable(model.distance_probabilities(bytes), model.classes);
    std::vector<ReadClass> by_classifier;
    if (replica.kind == EquivaeKind::kSemiSupervised)
        by_classifier = most_probable(model.classifier_probabilities(bytes), model.classes);

    const int n = int(images.size()), columns = std::min(n, kContactColumns);
    ImageGrid sheet((n + columns - 1) / columns, columns, like.height, like.width, sheet_style(like, 2, 8));
    std::vector<ClassifiedImage> out(n);
    for (int i = 0; i < n; ++i) {
        out[i].image = std::move(images[i]);
        out[i].distance = by_distance[i];
        if (!by_classifier.empty()) out[i].classifier = by_classifier[i];
        const ReadClass& shown = out[i].classifier.value_or(out[i].distance);
        sheet.set(i / columns, i % columns, std::span<const std::uint8_t>(out[i].image.pixels));
        sheet.cell_caption(i / columns, i % columns, formatted("%d (%.0f%%)", shown.first, 100 * shown.probability));
    }
    sheet.write(sheet_path);
    return out;
}

}  // namespace warpvae
