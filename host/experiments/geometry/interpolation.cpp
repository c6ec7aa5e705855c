#include "host/experiments/geometry/interpolation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "data/error.h"
#include "host/show/image_grid.h"

namespace warpvae {
namespace {

constexpr int kRows = 256;             // images that a model takes at once
constexpr std::size_t kBatch = 32;     // pairs whose transitions are decoded at once
constexpr int kSteps = 129;            // points of a curve whose length is measured
constexpr int kSheetWidth = 56;        // of an image on a sheet, output pixels at least
enum Draw { kEnds, kFrames, kPairs };  // steps of the streams of random numbers

template <class T, class From>
void append(std::vector<T>& to, const From& from) {
    to.insert(to.end(), from.begin(), from.end());
}

/// Moments [n, 2Z] with the variances as deviations: points of the manifold.
std::vector<float> gaussians(std::vector<float> moments, int Z) {
    for (std::size_t i = 0; i < moments.size(); ++i)
        if (i % (2 * Z) >= std::size_t(Z)) moments[i] = std::sqrt(moments[i]);
    return moments;
}

std::vector<float> even_times(int steps) {
    if (steps < 2) throw UsageError("a transition needs two frames at least: the two images");
    std::vector<float> times;
    for (int i = 0; i < steps; ++i) times.push_back(float(i) / float(steps - 1));
    return times;
}

/// Curves [n, steps, 2Z] from a to b [n, 2Z].
std::vector<float> curves(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& times,
                          GaussianCurve kind, int Z, Stream stream) {
    const int n = int(a.size()) / (2 * Z), steps = int(times.size());
    const DeviceBuffer<float> from(a, "first Gaussians"), to(b, "last Gaussians"), at(times, "times");
    DeviceBuffer<float> points(a.size() * times.size(), "curves");
    check(gaussian_curve<float>(points.data(), from.data(), to.data(), at.data(), kind, n, steps, Z, stream));
    return points.download(stream);
}

/// The means of Gaussians [n, 2Z].
std::vector<float> means_of(const std::vector<float>& gaussians, int Z) {
    std::vector<float> means;
    for (auto row = gaussians.begin(); row != gaussians.end(); row += 2 * Z) means.insert(means.end(), row, row + Z);
    return means;
}

/// One draw of each Gaussian [n, 2Z].
std::vector<float> draws_of(const std::vector<float>& gaussians, int Z, std::uint64_t seed, Draw which, Stream stream) {
    DeviceBuffer<float> noise(gaussians.size() / 2, "noise");
    check(philox_normal<float>(noise.data(), noise.size(), seed, Purpose::kFeature, which, stream));
    std::vector<float> draws = noise.download(stream);
    for (std::size_t i = 0; i < draws.size(); ++i) {
        const float* of = gaussians.data() + i / Z * 2 * Z + i % Z;
        draws[i] = of[0] + of[Z] * draws[i];
    }
    return draws;
}

/// The line from row a to row b [D] at the given times.
std::vector<float> line_between(std::span<const float> a, std::span<const float> b, const std::vector<float>& times) {
    std::vector<float> rows;
    for (const float t : times)
        for (std::size_t j = 0; j < a.size(); ++j) rows.push_back((1 - t) * a[j] + t * b[j]);
    return rows;
}

/// How much wider one Gaussian (mu, sigma) is than another: the ratio of their deviations' geometric means.
double deviation_ratio(const float* a, const float* b, int Z) {
    double log_ratio = 0;
    for (int j = Z; j < 2 * Z; ++j) log_ratio += std::log(double(a[j])) - std::log(double(b[j]));
    return std::exp(log_ratio / Z);
}

double squared_distance(const float* a, const float* b, std::size_t D) {
    double sum = 0;
    for (std::size_t i = 0; i < D; ++i) sum += std::pow(double(a[i]) - double(b[i]), 2);
    return sum;
}

/// Lengths by the Fisher metric of curves [n, steps, 2Z], as polygons.
std::vector<double> lengths_of(const std::vector<float>& points, int steps, int Z, Stream stream) {
    const std::size_t row = 2 * std::size_t(Z), curve = row * std::size_t(steps);
    std::vector<float> from, to;
    for (auto at = points.begin(); at != points.end(); at += std::ptrdiff_t(curve)) {
        from.insert(from.end(), at, at + std::ptrdiff_t(curve - row));
        to.insert(to.end(), at + std::ptrdiff_t(row), at + std::ptrdiff_t(curve));
    }
    const DeviceBuffer<float> a(from, "beginnings of steps"), b(to, "ends of steps");
    DeviceBuffer<float> distance(from.size() / row, "lengths of steps");
    check(fisher_rao_distance<float>(distance.data(), a.data(), b.data(), int(from.size() / row), Z, stream));
    const std::vector<float> of_steps = distance.download(stream);
    std::vector<double> lengths(points.size() / curve);
    for (std::size_t i = 0; i < of_steps.size(); ++i) lengths[i / std::size_t(steps - 1)] += of_steps[i];
    return lengths;
}

/// Pairs of images of different classes: the first any image, the second any of another class; where there is one
/// class, as there is without labels, any two images.
std::vector<std::pair<int, int>> unlike_pairs(const std::vector<std::uint8_t>& labels, int count, std::uint64_t seed,
                                              Stream stream) {
    std::vector<int> sorted(labels.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    std::stable_sort(sorted.begin(), sorted.end(), [&](int i, int j) { return labels[i] < labels[j]; });
    if (count < 1 || labels.size() < 2) return {};
    const bool one_class = labels[sorted.front()] == labels[sorted.back()];

    DeviceBuffer<double> device(2 * std::size_t(count), "pairs");
    check(philox_uniform<double>(device.data(), device.size(), 0., 1., seed, Purpose::kFeature, kPairs, stream));
    const std::vector<double> draws = device.download(stream);
    std::vector<std::pair<int, int>> pairs;
    for (int i = 0; i < count; ++i) {
        const int first = int(draws[2 * i] * double(labels.size()));
        if (one_class) {
            const int other = int(draws[2 * i + 1] * double(labels.size() - 1));
            pairs.emplace_back(first, other < first ? other : other + 1);
            continue;
        }
        const auto before = [&](int image, std::uint8_t label) { return labels[image] < label; };
        const auto begin = std::lower_bound(sorted.begin(), sorted.end(), labels[first], before);
        const auto end = std::find_if(begin, sorted.end(), [&](int image) { return labels[image] != labels[first]; });
        const auto of_class = end - begin, others = std::ptrdiff_t(sorted.size()) - of_class;
        const auto other = std::ptrdiff_t(draws[2 * i + 1] * double(others));
        pairs.emplace_back(first, sorted[other < begin - sorted.begin() ? other : other + of_class]);
    }
    return pairs;
}

}  // namespace

const char* name_of(Transition transition) {
    const char* names[] = {"pixels", "means", "samples", "geodesic, samples", "geodesic, means"};
    return names[int(transition)];
}

int change_over(std::span<const float> frames, int steps) {
    const std::size_t D = frames.size() / steps;
    const float *first = frames.data(), *last = first + (steps - 1) * D;
    for (int i = 1; i < steps; ++i)
        if (squared_distance(first + i * D, last, D) < squared_distance(first + i * D, first, D)) return i;
    return steps - 1;
}

double sharpness(std::span<const float> frames, int steps) {
    const std::size_t D = frames.size() / steps;
    double largest = 0, sum = 0;
    for (int i = 1; i < steps; ++i) {
        const double step = std::sqrt(squared_distance(frames.data() + (i - 1) * D, frames.data() + i * D, D));
        largest = std::max(largest, step), sum += step;
    }
    return sum > 0 ? largest * (steps - 1) / sum : 1;
}

TransitionFrames interpolate(LoadedRenyi& loaded, std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                             const InterpolationOptions& options) {
    const Range range("interpolate");
    const int S = options.steps, Z = loaded.model.config().latents;
    const std::size_t D = a.size();
    const Stream stream = loaded.stream;
    const std::vector<float> times = even_times(S);
    std::vector<std::uint8_t> images(a.begin(), a.end());
    images.insert(images.end(), b.begin(), b.end());
    const std::vector<float> ends = gaussians(posterior_moments(loaded, images), Z);
    const std::vector<float> from(ends.begin(), ends.begin() + 2 * Z), to(ends.begin() + 2 * Z, ends.end());
    const std::vector<float> line = curves(from, to, times, GaussianCurve::kStraight, Z, stream),
                             curve = curves(from, to, times, options.curve, Z, stream);

    const std::vector<float> drawn = draws_of(ends, Z, options.seed, kEnds, stream);
    std::vector<float> z = means_of(line, Z);
    append(z, line_between(std::span(drawn).first(Z), std::span(drawn).last(Z), times));
    append(z, draws_of(curve, Z, options.seed, kFrames, stream));
    append(z, means_of(curve, Z));
    const std::vector<float> decoded = decode_latents(loaded.model, z, 0);

    TransitionFrames out;
    out.steps = S;
    std::vector<float> levels(images.size());
    std::transform(images.begin(), images.end(), levels.begin(), [](std::uint8_t v) { return float(v) / 255; });
    out.frames[0] = line_between(std::span(levels).first(D), std::span(levels).last(D), times);
    for (std::size_t row = 1; row < kTransitions.size(); ++row)
        out.frames[row].assign(decoded.begin() + (row - 1) * S * D, decoded.begin() + row * S * D);
    for (std::size_t row = 0; row < kTransitions.size(); ++row) out.change[row] = change_over(out.frames[row], S);

    const DeviceBuffer<float> first(from, "first Gaussian"), last(to, "last Gaussian");
    DeviceBuffer<float> distance(1, "distance");
    check(fisher_rao_distance<float>(distance.data(), first.data(), last.data(), 1, Z, stream));
    out.distance = distance.download(stream)[0];
    for (int i = 0; i < S; ++i)
        out.largest_deviation =
            std::max(out.largest_deviation, deviation_ratio(curve.data() + i * 2 * Z, line.data() + i * 2 * Z, Z));
    return out;
}

void draw_interpolation(const std::filesystem::path& path, const TransitionFrames& interpolation, const ImageSet& like,
                        const std::string& title) {
    const int S = interpolation.steps, rows = int(kTransitions.size());
    const std::size_t D = like.image_size();
    ImageGrid sheet(rows, S, like.height, like.width,
                    {.channels = like.channels, .scale = std::max(1, kSheetWidth / like.width), .invert = true});
    sheet.title(title);
    sheet.column_caption(0, "x");
    sheet.column_caption(S - 1, "x'");
    const std::span<const float> images = interpolation.frames[int(Transition::kPixels)];
    for (int row = 0; row < rows; ++row) {
        sheet.fill(std::span<const float>(interpolation.frames[row]), row);
        sheet.set(row, 0, images.first(D));
        sheet.set(row, S - 1, images.last(D));
        sheet.row_caption(row, name_of(kTransitions[row]));
    }
    for (const Transition marked : {Transition::kMeans, Transition::kGeodesicMeans})
        sheet.frame(int(marked), interpolation.change[int(marked)]);
    sheet.write(path);
}

TransitionStatistics measure_transitions(const GeometryExperiment& experiment, const GeometryReplica& replica,
                                         int pairs, const InterpolationOptions& options) {
    const Range range("transitions");
    const ImageSet& test = experiment.test_set();
    const auto loaded = experiment.load(replica, kRows);
    const int S = options.steps, Z = loaded->model.config().latents;
    const std::size_t D = test.image_size();
    const Stream stream = loaded->stream;
    const std::vector<float> times = even_times(S), halfway = {0.5f};
    const auto chosen = unlike_pairs(test.labels, pairs, options.seed, stream);

    TransitionStatistics out;
    out.pairs = int(chosen.size());
    for (std::size_t first = 0; first < chosen.size(); first += kBatch) {
        const std::size_t n = std::min(kBatch, chosen.size() - first);
        std::vector<std::uint8_t> from, to;
        for (std::size_t i = first; i < first + n; ++i) {
            append(from, test.image(chosen[i].first));
            append(to, test.image(chosen[i].second));
        }
        const std::vector<float> a = gaussians(posterior_moments(*loaded, from), Z),
                                 b = gaussians(posterior_moments(*loaded, to), Z);
        const std::vector<double> distances =
            lengths_of(curves(a, b, even_times(2), GaussianCurve::kFisherRao, Z, stream), 2, Z, stream);
        for (const auto& [kind, ratios] : {std::pair{GaussianCurve::kArgo, &out.length_of_circles},
                                           {GaussianCurve::kStraight, &out.length_of_line}}) {
            const std::vector<double> lengths =
                lengths_of(curves(a, b, even_times(kSteps), kind, Z, stream), kSteps, Z, stream);
            for (std::size_t i = 0; i < n; ++i) ratios->push_back(lengths[i] / distances[i]);
        }
        const std::vector<float> middle_of_line = curves(a, b, halfway, GaussianCurve::kStraight, Z, stream),
                                 middle = curves(a, b, halfway, GaussianCurve::kFisherRao, Z, stream);
        std::vector<float> z = means_of(curves(a, b, times, GaussianCurve::kStraight, Z, stream), Z);
        append(z, means_of(curves(a, b, times, GaussianCurve::kFisherRao, Z, stream), Z));
        const std::vector<float> decoded = decode_latents(loaded->model, z, 0);
        for (std::size_t i = 0; i < n; ++i) {
            const auto frames = [&](std::size_t at) { return std::span(decoded).subspan(at * S * D, S * D); };
            const double of_line = sharpness(frames(i), S), of_curve = sharpness(frames(n + i), S);
            out.sharpness_means += of_line;
            out.sharpness_geodesic += of_curve;
            out.sharper += of_curve > of_line;
            out.deviation_ratio += deviation_ratio(middle.data() + i * 2 * Z, middle_of_line.data() + i * 2 * Z, Z);
        }
    }
    for (double* sum : {&out.deviation_ratio, &out.sharpness_means, &out.sharpness_geodesic})
        *sum /= std::max(1, out.pairs);
    return out;
}

}  // namespace warpvae
