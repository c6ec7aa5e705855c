#include "host/experiments/geometry/figures.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "host/experiment/presentation.h"
#include "host/files/metrics_log.h"
#include "host/log.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

using Value = std::function<double(const GeometryReplica&)>;

constexpr double kInformative = 0.01;  // the eigenvalue of a component that carries information
constexpr int kGrey = 7;               // of the plots' colours
constexpr int kRows = 256;             // images that a model takes at once
constexpr int kCurveSteps = 129;       // of a geodesic in the plane: halfway is one of them
constexpr std::pair<int, int> kPairs[] = {{0, 50}, {100, 230}, {200, 790}, {300, 600}, {400, 1000}};  // of Figure 5

/// Figure 4: (mu, sigma) of both ends.
struct PlanePair {
    double mean_a, deviation_a, mean_b, deviation_b;
};
constexpr PlanePair kPlanePairs[] = {{-1.5, 0.2, 1.5, 0.2}, {-1.5, 0.1, 1.5, 0.4}, {0.3, 0.95, -0.1, 1}};

std::string counted(std::size_t n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

class Figures {
  public:
    Figures(const GeometryExperiment& experiment, const std::vector<GeometryReplica>& replicas)
        : experiment_(experiment), o_(experiment.of_paper()), replicas_(replicas) {
        for (const GeometryReplica& r : replicas)
            if (r.epochs) by_shape_[r.latents][r.alpha].push_back(&r);
        measured_ =
            counted(experiment.options().seeds, "seed") + " of " + counted(experiment.options().epochs, "epoch");
    }

    std::vector<FigureFile> draw() {
        for (const int k : o_.latents) spectrum(k);
        components();
        bounds();
        for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f) separability(f);
        geodesics();
        transitions();
        return files_;
    }

  private:
    using Members = std::vector<const GeometryReplica*>;

    fs::path path(const std::string& name) const { return experiment_.out() / "figures" / (name + ".png"); }
    void add(const fs::path& file, const std::string& caption) { files_.push_back({file, caption}); }
    void plot(const std::string& name, const Axes& axes, const std::vector<Series>& series,
              const std::string& caption) {
        if (!series.empty() && line_plot(path(name), axes, series)) add(path(name), caption);
    }
    static Axes axes_of(std::string title, std::string x, std::string y) {
        Axes axes;
        axes.title = std::move(title), axes.x = std::move(x), axes.y = std::move(y);
        axes.width = 900, axes.height = 600;
        return axes;
    }
    const std::map<double, Members>& of_latents(int k) const {
        static const std::map<double, Members> none;
        const auto found = by_shape_.find(k);
        return found == by_shape_.end() ? none : found->second;
    }

    /// A value against alpha, of the models with k latents; infinite alphas have no place on the axis.
    Series against_alpha(const std::string& name, int k, int colour, const Value& value, bool of_likelihood) const {
        Series series{name, {}, {}, {}, colour};
        for (const auto& [alpha, members] : of_latents(k)) {
            if (!std::isfinite(alpha)) continue;
            std::vector<double> values;
            for (const GeometryReplica* r : members)
                if (!of_likelihood || r->likelihood.images) values.push_back(value(*r));
            if (!values.empty()) add_point(series, alpha, values);
        }
        return series;
    }
    std::string without_infinite() const {
        const bool any = std::any_of(o_.alphas.begin(), o_.alphas.end(), [](double a) { return !std::isfinite(a); });
        return any ? " Infinite alphas are in the table only." : "";
    }

    void spectrum(int k) {
        Axes axes = axes_of(formatted("k = %d", k), "rank", "eigenvalue");
        axes.log_y = axes.integer_x = true;
        std::vector<Series> all;
        for (const auto& [alpha, members] : of_latents(k)) {
            Series series{formatted("alpha = %g", alpha), {}, {}, {}};
            for (int rank = 0; rank < k; ++rank) {
                std::vector<double> values;
                for (const GeometryReplica* r : members) values.push_back(r->spectrum.eigenvalues.at(rank));
                add_point(series, rank + 1, values);
            }
            all.push_back(series);
        }
        if (all.empty()) return;
        all.push_back({"0.01", {1, double(k)}, {kInformative, kInformative}, {}, kGrey, true});
        plot(formatted("figure1-k%d", k), axes, all,
             formatted("Figure 1, k = %d. Eigenvalues of the covariance of the posterior means over %zu test images, "
                       "falling, one line for each alpha: the mean over seeds and a band of one standard deviation "
                       "(%s; the paper: 10 runs of 1000 epochs). Components above the dashed line at 0.01 count as "
                       "informative.",
                       k, experiment_.test_set().count(), measured_.c_str()));
    }

    void components() {
        std::vector<Series> all;
        for (std::size_t i = 0; i < o_.latents.size(); ++i) {
            const int k = o_.latents[i];
            const Series series = against_alpha(
                formatted("k = %d", k), k, int(i), [](const GeometryReplica& r) { return r.spectrum.informative; },
                false);
            if (!series.x.empty()) all.push_back(series);
        }
        plot("figure2-components", axes_of("Components that carry information", "alpha", "eigenvalues above 0.01"), all,
             "Figure 2, left. Principal components of the posterior means with an eigenvalue above 0.01, against "
             "alpha: mean and standard deviation over seeds (" +
                 measured_ + "; the paper: 10 runs of 1000 epochs)." + without_infinite());
    }

    void bounds() {
        std::vector<Series> all;
        for (std::size_t i = 0; i < o_.latents.size(); ++i) {
            const int k = o_.latents[i];
            const Series likelihood = against_alpha(
                formatted("k = %d: log p(x)", k), k, int(i),
                [](const GeometryReplica& r) { return r.likelihood.log_likelihood; }, true);
            Series bound = against_alpha(
                formatted("k = %d: bound", k), k, int(i),
                [](const GeometryReplica& r) { return -r.bound.negative_bound; }, false);
            bound.dashed = true;
            for (const Series& series : {likelihood, bound})
                if (!series.x.empty()) all.push_back(series);
        }
        const std::string images =
            o_.likelihood_images ? formatted("the first %zu", o_.likelihood_images) : std::string("all");
        plot("figure2-likelihood", axes_of("The bound and log p(x)", "alpha", "nats per test image"), all,
             formatted("Figure 2, right. Dashed: each model's own Renyi bound of %d draws on the test set; solid: log "
                       "p(x) by importance sampling with %d draws, %s test images. Mean and standard deviation over "
                       "seeds (%s; the paper: 10 runs of 1000 epochs, 10 and 2000 draws).%s",
                       o_.bound_samples, o_.likelihood_samples, images.c_str(), measured_.c_str(),
                       without_infinite().c_str()));
    }

    /// Accuracies of every seed by k and epoch: read once for the three figures.
    using Accuracies = std::map<int, std::map<int, std::vector<std::array<double, 3>>>>;
    const Accuracies& accuracies() {
        if (accuracies_) return *accuracies_;
        accuracies_.emplace();
        std::map<std::string, std::vector<Json>> points;
        for (Json& line : MetricsLog(experiment_.out() / "metrics.jsonl").read())
            if (line.contains("accuracy_of")) points[line.value("replica", "")].push_back(std::move(line));
        const std::string origin = experiment_.separability_origin();
        bool any_left_out = false;
        for (const GeometryReplica& r : experiment_.separability_replicas())
            for (const Json& point : points[r.name()]) {
                if (point.at("accuracy_of") != origin) {
                    any_left_out = true;
                    continue;
                }
                std::array<double, 3> accuracy{};
                for (std::size_t f = 0; f < accuracy.size(); ++f)
                    accuracy[f] = point.at(std::string("accuracy_") + code_of(kPosteriorFeatures[f]));
                (*accuracies_)[r.latents][point.at("epoch")].push_back(accuracy);
            }
        if (any_left_out)
            log_warning(
                "Figure 3 leaves out accuracies that were read, while training, from other test images or with another "
                "--regularisation");
        return *accuracies_;
    }

    void separability(std::size_t f) {
        const char* feature = name_of(kPosteriorFeatures[f]);
        std::vector<Series> all;
        for (const auto& [k, epochs] : accuracies()) {
            Series series{formatted("k = %d", k), {}, {}, {}};
            for (const auto& [epoch, of_seeds] : epochs) {
                std::vector<double> values;
                for (const auto& accuracy : of_seeds) values.push_back(accuracy[f]);
                add_point(series, epoch, values);
            }
            all.push_back(series);
        }
        Axes axes = axes_of(std::string("Features: ") + feature, "epoch", "test accuracy");
        axes.integer_x = true;
        const char* places[] = {"left", "centre", "right"};
        plot(std::string("figure3-") + code_of(kPosteriorFeatures[f]), axes, all,
             formatted("Figure 3, %s. Test accuracy of a logistic regression (C = %g) on %s of q(z|x), while VAEs of k "
                       "latents train on the KL bound (alpha = 1); mean and standard deviation over seeds. ",
                       places[f], o_.C, feature) +
                 "The regression is solved to its optimum at every checkpoint. The paper does not say how its "
                 "classifier was trained, nor which k it shows. Each figure has an accuracy axis of its own.");
    }

    void geodesics() {
        const int n = int(std::size(kPlanePairs));
        std::vector<double> from, to, times;
        for (const PlanePair& pair : kPlanePairs) {
            from.insert(from.end(), {pair.mean_a, pair.deviation_a});
            to.insert(to.end(), {pair.mean_b, pair.deviation_b});
        }
        for (int i = 0; i < kCurveSteps; ++i) times.push_back(double(i) / (kCurveSteps - 1));
        const DeviceBuffer<double> a(from, "first Gaussians"), b(to, "last Gaussians"), at(times, "times");
        DeviceBuffer<double> points(std::size_t(n) * kCurveSteps * 2, "curves"), distance(n, "distances");
        const auto curve = [&](GaussianCurve kind) {
            check(
                gaussian_curve<double>(points.data(), a.data(), b.data(), at.data(), kind, n, kCurveSteps, 1, nullptr));
            return points.download();
        };
        const std::vector<double> geodesic = curve(GaussianCurve::kFisherRao), line = curve(GaussianCurve::kStraight);
        check(fisher_rao_distance<double>(distance.data(), a.data(), b.data(), n, 1, nullptr));
        const std::vector<double> distances = distance.download();

        std::vector<Series> all;
        std::string told;
        for (int i = 0; i < n; ++i) {
            const PlanePair& p = kPlanePairs[i];
            Series curved{
                formatted("(%g, %g) to (%g, %g)", p.mean_a, p.deviation_a, p.mean_b, p.deviation_b), {}, {}, {}, i};
            Series straight{"", {}, {}, {}, i, true};
            for (int t = 0; t < kCurveSteps; ++t) {
                const std::size_t point = (std::size_t(i) * kCurveSteps + t) * 2;
                curved.x.push_back(geodesic[point]), curved.y.push_back(geodesic[point + 1]);
                straight.x.push_back(line[point]), straight.y.push_back(line[point + 1]);
            }
            const int middle = kCurveSteps / 2;
            told += formatted("%s%.3f instead of %.3f", i ? ", " : "", curved.y[middle], straight.y[middle]);
            all.push_back(curved), all.push_back(straight);
        }
        Axes axes = axes_of("Geodesics of Gaussians", "mu", "sigma");
        axes.width = 1300;
        plot("figure4-geodesics", axes, all,
             "Figure 4. Fisher-Rao geodesics between univariate Gaussians (mu, sigma), solid, and straight lines "
             "between the same ends, dashed. Halfway sigma is " +
                 told +
                 formatted("; the distances are %.3f, %.3f and %.3f. ", distances[0], distances[1], distances[2]) +
                 "The paper does not name its ends. Its authors' program draws half circles of (mu, sigma) itself, "
                 "which rise higher: a geodesic is half an ellipse, a circle of (mu / sqrt 2, sigma).");
    }

    /// The first trained replica of the largest alpha below 1, or of 1.
    const GeometryReplica* shown() const {
        const auto rank = [](const GeometryReplica& r) { return std::pair(r.alpha < 1, r.alpha); };
        const GeometryReplica* best = nullptr;
        for (const GeometryReplica& r : replicas_)
            if (r.alpha <= 1 && experiment_.is_trained(r) && (!best || rank(r) > rank(*best))) best = &r;
        return best;
    }

    void transitions() {
        const GeometryReplica* replica = shown();
        const ImageSet& test = experiment_.test_set();
        if (!replica || test.count() == 0) return;
        const std::size_t D = test.image_size();
        const auto loaded = experiment_.load(*replica, kRows);
        const auto image = [&](std::size_t i) {
            const auto begin = test.images.begin() + std::ptrdiff_t(i * D);
            return std::vector<std::uint8_t>(begin, begin + std::ptrdiff_t(D));
        };
        for (const auto& [first, last] : kPairs) {
            const std::size_t i = std::size_t(first) % test.count(), j = std::size_t(last) % test.count();
            const TransitionFrames found = interpolate(*loaded, image(i), image(j), o_.interpolation);
            const fs::path file = path(formatted("figure5-%d-%d", first, last));
            draw_interpolation(
                file, found, test.height, test.width,
                formatted("From test image %zu (a %d) to %zu (a %d)", i, test.labels[i], j, test.labels[j]));
            add(file, caption_of(*replica, found, i, j));
        }
    }

    std::string caption_of(const GeometryReplica& replica, const TransitionFrames& found, std::size_t i,
                           std::size_t j) const {
        const char* curves[] = {"the Fisher-Rao geodesic", "argo's half circles", "the straight line"};
        const std::string curve = curves[int(o_.interpolation.curve)];
        return formatted("Figure 5, test images %zu and %zu; the model has k = %d, alpha = %g, seed %llu. ", i, j,
                         replica.latents, replica.alpha, static_cast<unsigned long long>(replica.seed)) +
               "The images as the model sees them stand in the first and the last column, in place of the decoded "
               "ends. Row by row: the line between the images, the line between the posterior means, the line between "
               "one draw of each posterior, a draw of every Gaussian along " +
               curve + ", the means along it. " +
               formatted(
                   "Red: the first frame nearer to the row's last than to its first, number %d of %d on the line "
                   "of means and %d on the curve; the paper does not say how it chose its red frames. Fisher-Rao "
                   "distance %.2f; sigma rises to %.2f times the line's. ",
                   found.change[int(Transition::kMeans)] + 1, found.steps,
                   found.change[int(Transition::kGeodesicMeans)] + 1, found.distance, found.largest_deviation) +
               "The pairs of images are those of its authors' program.";
    }

    const GeometryExperiment& experiment_;
    const GeometryOptions& o_;
    const std::vector<GeometryReplica>& replicas_;
    std::map<int, std::map<double, Members>> by_shape_;  // evaluated replicas by k and alpha
    std::string measured_;
    std::optional<Accuracies> accuracies_;
    std::vector<FigureFile> files_;
};

}  // namespace

std::vector<FigureFile> draw_geometry_figures(const GeometryExperiment& experiment,
                                              const std::vector<GeometryReplica>& replicas) {
    return Figures(experiment, replicas).draw();
}

}  // namespace warpvae
