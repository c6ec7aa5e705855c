#include "host/feige/feige_generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/error.h"
#include "host/evaluate/classifier_training.h"
#include "host/feige/feige_group.h"
#include "host/show/progress.h"
#include "host/training_run.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kJudgeSteps = 2600;  ///< of kJudgeBatch: three epochs of MNIST
constexpr int kJudgeBatch = 64;
constexpr int kContactColumns = 10;

std::uint8_t byte_of(float level) { return std::uint8_t(std::lround(level * 255)); }

/// Rows of scores as probabilities.
void softmax_rows(std::vector<float>& x, int classes) {
    for (auto row = x.begin(); row != x.end(); row += classes) {
        const float top = *std::max_element(row, row + classes);
        double sum = 0;
        for (auto i = row; i != row + classes; ++i) sum += double(*i = std::exp(*i - top));
        for (auto i = row; i != row + classes; ++i) *i = float(*i / sum);
    }
}

/// Calls body(first, rows) for images that lie in the model's minibatch then.
template <class Body>
void for_minibatches(FeigeExperiment::Loaded& loaded, const std::vector<std::uint8_t>& bytes, Body body) {
    Equivae<float>& model = loaded.model;
    const DeviceImages images({&bytes}, {0}, int(model.image_size()));
    for (std::size_t first = 0; first < images.count(); first += model.evaluation_rows()) {
        const int rows = int(std::min<std::size_t>(model.evaluation_rows(), images.count() - first));
        check(gather_range(model.minibatch(), images.table(), first, 1, rows, int(model.image_size()), loaded.stream,
                           model.config().pixels));
        body(first, rows);
    }
}

/// n numbers of the device at the end of `out`.
void download_to(std::vector<float>& out, const float* device, std::size_t n, Stream stream) {
    out.resize(out.size() + n);
    check(copy_to_host(out.data() + out.size() - n, device, n * sizeof(float), stream));
}

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
std::vector<ReadClass> own_classes(ShownModel& model, const std::vector<std::uint8_t>& images) {
    const bool semi = model.replica.kind == FeigeKind::kSemiSupervised;
    return most_probable(semi ? model.classifier_probabilities(images) : model.distance_probabilities(images),
                         model.classes);
}

}  // namespace

void add_row(std::vector<float>& to, const std::vector<float>& from, std::size_t i, int Z) {
    const auto row = from.begin() + std::ptrdiff_t(i * Z);
    to.insert(to.end(), row, row + Z);
}

ImageGridStyle feige_sheet(const ImageSet& like, int scale, int gap) {
    ImageGridStyle style;
    style.channels = like.channels;
    style.scale = scale, style.gap = gap;
    style.invert = like.channels == 1;
    return style;
}

// --- a trained model -------------------------------------------------------------------------------------------------

ShownModel::ShownModel(const FeigeExperiment& experiment, const FeigeReplica& of)
    : replica(of),
      split(experiment.split()),
      loaded(experiment.load(of)),
      classes(split.classes),
      Z(of.latents),
      validation(loaded->latents(split.validation, classes, kShownComplement)),
      r_y(class_means(validation.r, split.validation.labels, classes)),
      members(classes),
      seed_(experiment.options().first_seed) {
    for (std::size_t i = 0; i < split.validation.count(); ++i) members[split.validation.labels[i]].push_back(int(i));
}

const std::vector<float>& ShownModel::labelled_means() {
    if (!labelled_means_.empty()) return labelled_means_;
    const ImageSet labelled = replica.kind == FeigeKind::kSemiSupervised
                                  ? labelled_split(split.train, classes, replica.labels, replica.seed).labelled
                                  : split.train;
    const DeviceImages images({&labelled.images}, {0}, int(labelled.image_size()));
    return labelled_means_ =
               class_means(embed_images(loaded->model, images, loaded->matmul)[0], labelled.labels, classes);
}

std::vector<float> ShownModel::draw(std::size_t n, std::uint64_t which) const {
    DeviceBuffer<float> v(n * Z, "draws");
    check(philox_normal<float>(v.data(), n * Z, seed_, Purpose::kPrior, which, loaded->stream));
    return v.download(loaded->stream);
}

std::vector<float> ShownModel::encode(const std::vector<std::uint8_t>& images, const std::vector<float>& r) {
    std::vector<float> v;
    Equivae<float>& model = loaded->model;
    for_minibatches(*loaded, images, [&](std::size_t first, int rows) {
        check(copy_to_device(model.r(), r.data() + first * Z, std::size_t(rows) * Z * sizeof(float), loaded->stream));
        model.encode(rows, {});
        download_to(v, model.v(), std::size_t(rows) * Z, loaded->stream);
    });
    return v;
}

std::vector<float> ShownModel::distance_probabilities(const std::vector<std::uint8_t>& images) {
    std::vector<float> x, out;
    for_minibatches(*loaded, images, [&](std::size_t, int rows) {
        loaded->model.embed(rows);
        download_to(x, loaded->model.embedding(), std::size_t(rows) * Z, loaded->stream);
    });
    const std::vector<float>& means = labelled_means();
    for (std::size_t i = 0; i < x.size(); i += Z)
        for (int k = 0; k < classes; ++k) {
            float distance = 0;
            for (int j = 0; j < Z; ++j) distance += std::pow(x[i + j] - means[k * Z + j], 2.f);
            out.push_back(-distance);
        }
    softmax_rows(out, classes);
    return out;
}

std::vector<float> ShownModel::classifier_probabilities(const std::vector<std::uint8_t>& images) {
    std::vector<float> out;
    for_minibatches(*loaded, images, [&](std::size_t, int rows) {
        loaded->model.classify(rows);
        download_to(out, loaded->model.class_logits(), std::size_t(rows) * classes, loaded->stream);
    });
    softmax_rows(out, classes);
    return out;
}

ImageSet ShownModel::make(const std::vector<float>& r, const std::vector<float>& v, std::vector<std::uint8_t> labels) {
    ImageSet set;
    set.height = split.train.height, set.width = split.train.width, set.channels = split.train.channels;
    const std::vector<float> levels = loaded->decode(r, v);
    set.images.resize(levels.size());
    std::transform(levels.begin(), levels.end(), set.images.begin(), byte_of);
    set.labels = std::move(labels);
    return set;
}

std::span<const std::uint8_t> ShownModel::image(int i) const {
    const std::size_t size = split.validation.image_size();
    return std::span(split.validation.images).subspan(i * size, size);
}

// --- classes of what is made -----------------------------------------------------------------------------------------

FeigeJudge::FeigeJudge(const FeigeExperiment& experiment)
    : stream_(stream_create()), matmul_(stream_), convolver_(stream_), pixels_(experiment.split().train) {
    const ImageSet& train = experiment.split().train;
    const EquivaeConfig like = EquivaeConfig::for_latents(16);
    ImageClassifierConfig config;
    config.height = train.height, config.width = train.width, config.channels = train.channels;
    config.pixels = pixels_.view();
    config.filters = like.filters;
    config.hidden = {like.trunk_hidden, like.hidden};
    config.dropout = like.dropout;
    config.classes = experiment.split().classes;
    config.rule = InitialRule::kLasagne;
    labels_ = DeviceImages({&train.labels}, {0}, 1);
    classifier_ = std::make_unique<ImageClassifier<float>>(config, 1, kJudgeBatch, labels_, matmul_, convolver_);

    auto& parameters = classifier_->parameters();
    const fs::path path = experiment.options().out / ("judge-" + experiment.data().name + "-" +
                                                      std::to_string(train.count()) + "-images.safetensors");
    if (fs::exists(path)) {
        parameters.upload(0, load_weights(path, parameters.layout()));
        return;
    }
    const int steps = experiment.options().quick ? kJudgeSteps / 20 : kJudgeSteps * train.channels;
    const int epoch = int((train.count() + kJudgeBatch - 1) / kJudgeBatch);
    ClassifierTraining training;
    training.epochs = (steps + epoch - 1) / epoch;
    training.phases = {{0, kJudgeBatch}};
    training.seeds = {kFeigeEvaluationSeed};
    training.graph = experiment.options().graph;
    Progress progress({.label = "classifier to judge samples",
                       .total = std::int64_t(epoch) * training.epochs,
                       .quiet = experiment.options().quiet});
    training.after_step = [&](std::uint64_t done) { progress.update(std::int64_t(done)); };
    train_classifier(*classifier_, DeviceImages({&train.images}, {0}, int(train.image_size())), matmul_, training);
    progress.finish();
    save_weights(path, parameters.layout(), parameters.download(0), {});
}
FeigeJudge::~FeigeJudge() {
    classifier_.reset();
    stream_destroy(stream_);
}

double FeigeJudge::accuracy(const ImageSet& set) {
    const DeviceImages images({&set.images}, {0}, int(set.image_size())), labels({&set.labels}, {0}, 1);
    return classifier_accuracy(*classifier_, images, labels, matmul_)[0];
}

ClassShares read_shares(ShownModel& model, FeigeJudge* judge, const ImageSet& images) {
    const auto read = most_probable(model.distance_probabilities(images.images), model.classes);
    std::size_t right = 0;
    for (std::size_t i = 0; i < read.size(); ++i) right += read[i].first == images.labels[i];
    ClassShares shares{double(right) / double(read.size()), {}};
    if (judge) shares.judge = judge->accuracy(images);
    return shares;
}

ClassShares sample_class_accuracy(ShownModel& model, FeigeJudge* judge, int each) {
    std::vector<float> r;
    std::vector<std::uint8_t> labels;
    for (int k = 0; k < model.classes; ++k)
        for (int i = 0; i < each; ++i) add_row(r, model.r_y, k, model.Z), labels.push_back(std::uint8_t(k));
    return read_shares(model, judge, model.make(r, model.draw(labels.size(), 1), labels));
}

ClassShares swap_class_accuracy(ShownModel& model, FeigeJudge* judge, int sets) {
    for (const auto& of_class : model.members) sets = std::min(sets, int(of_class.size()));
    std::vector<float> r, v;
    std::vector<std::uint8_t> labels;
    for (int s = 0; s < sets; ++s)
        for (int i = 0; i < model.classes; ++i)
            for (int j = 0; j < model.classes; ++j) {
                if (i == j) continue;
                add_row(r, model.validation.r, model.members[i][s], model.Z);
                add_row(v, model.validation.v, model.members[j][s], model.Z);
                labels.push_back(std::uint8_t(i));
            }
    return read_shares(model, judge, model.make(r, v, labels));
}

// --- for a user ------------------------------------------------------------------------------------------------------

void draw_generated(const fs::path& path, const FeigeExperiment& experiment, const FeigeReplica& replica,
                    const std::vector<int>& classes, int rows, const std::vector<fs::path>& styles) {
    const int known = experiment.split().classes;
    for (const int k : classes)
        if (k < 0 || k >= known)
            throw UsageError("class " + std::to_string(k) + ": the model's are 0 to " + std::to_string(known - 1));
    if (classes.empty()) throw UsageError("no class to generate");
    std::vector<UserImage> images;
    if (!styles.empty()) {
        images = grey_images(experiment.split().train, styles);
        rows = int(images.size());
    }
    if (rows < 1) throw UsageError("a sheet needs a row");

    ShownModel model(experiment, replica);
    const int front = images.empty() ? 0 : 1;  // the image whose style it is
    std::vector<float> style;
    std::vector<ReadClass> read;
    if (images.empty()) {
        style = model.draw(rows, 0);
    } else {
        const std::vector<std::uint8_t> bytes = bytes_of(images);
        read = own_classes(model, bytes);
        std::vector<float> own;
        for (const ReadClass& c : read) add_row(own, model.r_y, c.first, model.Z);
        style = model.encode(bytes, own);
    }
    std::vector<float> r, v;
    for (int i = 0; i < rows; ++i)
        for (const int k : classes) add_row(r, model.r_y, k, model.Z), add_row(v, style, i, model.Z);
    const ImageSet made = model.make(r, v, {});
    const std::size_t size = made.image_size(), across = classes.size();
    ImageGrid sheet(rows, front + int(across), made.height, made.width, feige_sheet(made));
    for (int i = 0; i < rows; ++i) {
        if (front) {
            sheet.set(i, 0, std::span<const std::uint8_t>(images[i].pixels));
            sheet.row_caption(i, images[i].name);
        }
        for (std::size_t c = 0; c < across; ++c)
            sheet.set(i, front + int(c), std::span(made.images).subspan((i * across + c) * size, size));
    }
    if (front) {
        sheet.column_caption(0, "style");
        sheet.break_after_column(0);
    }
    for (std::size_t c = 0; c < across; ++c) sheet.column_caption(front + int(c), std::to_string(classes[c]));
    sheet.write(path);
}

std::vector<ReadClass> most_probable(const std::vector<float>& probabilities, int classes) {
    std::vector<ReadClass> out(probabilities.size() / classes);
    std::vector<int> order(classes);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const float* p = &probabilities[i * classes];
        std::iota(order.begin(), order.end(), 0);
        const int shown = std::min(classes, 2);
        std::partial_sort(order.begin(), order.begin() + shown, order.end(),
                          [&](int a, int b) { return p[a] > p[b] || (p[a] == p[b] && a < b); });
        const int second = order[shown - 1];
        out[i] = {order[0], second, double(p[order[0]]), double(p[second])};
    }
    return out;
}

std::vector<ClassifiedImage> classify_user_images(const FeigeExperiment& experiment, const FeigeReplica& replica,
                                                  const std::vector<fs::path>& paths, const fs::path& sheet_path) {
    std::vector<UserImage> images = grey_images(experiment.split().train, paths);
    if (images.empty()) throw UsageError("no images to classify");
    ShownModel model(experiment, replica);
    const std::vector<std::uint8_t> bytes = bytes_of(images);
    const auto by_distance = most_probable(model.distance_probabilities(bytes), model.classes);
    std::vector<ReadClass> by_classifier;
    if (replica.kind == FeigeKind::kSemiSupervised)
        by_classifier = most_probable(model.classifier_probabilities(bytes), model.classes);

    const int n = int(images.size()), columns = std::min(n, kContactColumns);
    const ImageSet& like = experiment.split().train;
    ImageGrid sheet((n + columns - 1) / columns, columns, like.height, like.width, feige_sheet(like, 2, 8));
    std::vector<ClassifiedImage> out(n);
    for (int i = 0; i < n; ++i) {
        out[i].image = std::move(images[i]);
        out[i].distance = by_distance[i];
        if (!by_classifier.empty()) out[i].classifier = by_classifier[i];
        const ReadClass& shown = out[i].classifier.value_or(out[i].distance);
        char caption[32];
        std::snprintf(caption, sizeof caption, "%d (%.0f%%)", shown.first, 100 * shown.probability);
        sheet.set(i / columns, i % columns, std::span<const std::uint8_t>(out[i].image.pixels));
        sheet.cell_caption(i / columns, i % columns, caption);
    }
    sheet.write(sheet_path);
    return out;
}

}  // namespace warpvae
