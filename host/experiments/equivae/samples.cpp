#include "host/experiments/equivae/results.h"

#include <algorithm>

#include "host/core/phase.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kContactColumns = 10;

/// As the model itself tells classes best: q(y | x) where it has one.
std::vector<ReadClass> own_classes(TrainedEquivae& model, const std::vector<std::uint8_t>& images) {
    const bool semi = model.replica.kind == EquivaeKind::kSemiSupervised;
    return most_probable(semi ? model.classifier_probabilities(images) : model.distance_probabilities(images),
                         model.classes);
}

/// The styles v of images, r of each the mean of the class that it is read as.
std::vector<float> styles_of(TrainedEquivae& model, const std::vector<UserImage>& images) {
    const std::vector<std::uint8_t> bytes = bytes_of(images);
    std::vector<float> r;
    for (const ReadClass& c : own_classes(model, bytes)) add_row(r, model.r_y, c.first, model.Z);
    return model.encode(bytes, r);
}

}  // namespace

ImageGridStyle sheet_style(const ImageSet& like, int scale, int gap) {
    return {.channels = like.channels, .scale = scale, .gap = gap, .invert = true};
}

void draw_samples(const fs::path& path, const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                  const std::vector<int>& classes, int rows, const std::vector<fs::path>& styles) {
    const InPhase phase(Phase::kFigures);
    const int known = experiment.split().classes;
    for (const int k : classes)
        if (k < 0 || k >= known)
            throw UsageError("--classes " + std::to_string(k) + ": the model's are 0 to " + std::to_string(known - 1));
    const std::vector<UserImage> images =
        styles.empty() ? std::vector<UserImage>() : read_user_images(styles, experiment.data().preparation);
    if (!images.empty()) rows = int(images.size());

    TrainedEquivae model(experiment, replica);
    const std::vector<float> style = images.empty() ? model.draw(rows, 0) : styles_of(model, images);
    std::vector<float> r, v;
    for (int i = 0; i < rows; ++i)
        for (const int k : classes) add_row(r, model.r_y, k, model.Z), add_row(v, style, i, model.Z);
    const ImageSet made = model.make(r, v);
    const int front = images.empty() ? 0 : 1, across = int(classes.size());  // in front the image whose style it is
    ImageGrid sheet(rows, front + across, made.height, made.width, sheet_style(made));
    for (int i = 0; i < int(images.size()); ++i) {
        sheet.set(i, 0, std::span<const std::uint8_t>(images[i].pixels));
        sheet.row_caption(i, images[i].name);
    }
    if (front) {
        sheet.column_caption(0, "style");
        sheet.break_after_column(0);
    }
    for (int c = 0; c < across; ++c) {
        sheet.column_caption(front + c, experiment.data().class_name(classes[c]));
        for (int i = 0; i < rows; ++i) sheet.set(i, front + c, made.image(i * across + c));
    }
    sheet.write(path);
}

std::vector<ClassifiedImage> classify_user_images(const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                                                  const std::vector<fs::path>& paths, const fs::path& sheet_path) {
    const ImageSet& like = experiment.split().train;
    std::vector<UserImage> images = read_user_images(paths, experiment.data().preparation);
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
