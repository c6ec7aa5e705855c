#include "host/experiments/geometry/results.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <span>
#include <utility>

#include "host/experiment/presentation.h"
#include "host/files/metrics_log.h"
#include "host/log.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

using Value = std::function<double(const GeometryReplica*)>;

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

class Figures : public Drawings {
  public:
    Figures(const GeometryExperiment& experiment, const std::vector<GeometryReplica>& replicas)
        : Drawings(experiment),
          experiment_(experiment),
          o_(experiment.of_paper()),
          replicas_(replicas),
          rows_(evaluated_rows(replicas)),
          measured_(counted(experiment.options().seeds, "seed") + " of " +
                    counted(experiment.options().epochs, "epoch")) {}

    std::vector<FigureFile> draw() {
        for (const int k : o_.latents) spectrum(k);
        components();
        bounds();
        separability();
        geodesics();
        transitions();
        return files;
    }

  private:
    void spectrum(int k) {
        std::vector<Series> all;
        for (const auto& [alpha, members] : rows_[k]) {
            Series& series = all.emplace_back(Series{formatted("alpha = %g", alpha), {}, {}, {}});
            for (int rank = 0; rank < k; ++rank)
                add_point(series, rank + 1,
                          values_over(members, [rank](auto* r) { return r->spectrum.eigenvalues.at(rank); }));
        }
        if (all.empty()) return;
        all.push_back({"0.01", {1, double(k)}, {kInformative, kInformative}, {}, kGrey, true});
        Axes axes = half_width(formatted("k = %d", k), "rank", "eigenvalue");
        axes.log_y = axes.integer_x = true;
        add_lines(formatted("figure1-k%d", k), axes, all,
                  formatted("Figure 1, k = %d. Eigenvalues of the covariance of the posterior means over %zu test "
                            "images, falling, one line for each alpha: the mean over seeds and a band of one standard "
                            "deviation (%s; the paper: 10 runs of 1000 epochs). Components above the dashed line at "
                            "0.01 count as informative.",
                            k, experiment_.test_set().count(), measured_.c_str()));
    }

    struct Line {
        const char* name;  ///< with a place for k
        Value value;       ///< NaN: not known
        bool dashed = false;
    };
    /// Lines of each k against alpha; infinite alphas have no place on the axis.
    std::vector<Series> against_alpha(const std::vector<Line>& lines) {
        std::vector<Series> all;
        for (std::size_t i = 0; i < o_.latents.size(); ++i)
            for (const Line& line : lines) {
                Series series{formatted(line.name, o_.latents[i]), {}, {}, {}, int(i), line.dashed};
                for (const auto& [alpha, members] : rows_[o_.latents[i]]) {
                    std::vector<double> values = values_over(members, line.value);
                    std::erase_if(values, [](double value) { return std::isnan(value); });
                    if (std::isfinite(alpha) && !values.empty()) add_point(series, alpha, values);
                }
                if (!series.x.empty()) all.push_back(series);
            }
        return all;
    }
    std::string without_infinite() const {
        const bool any = std::any_of(o_.alphas.begin(), o_.alphas.end(), [](double a) { return !std::isfinite(a); });
        return any ? " Infinite alphas are in the table only." : "";
    }

    void components() {
        add_lines("figure2-components",
                  half_width("Components that carry information", "alpha", "eigenvalues above 0.01"),
                  against_alpha({{"k = %d", [](auto* r) { return r->spectrum.informative; }}}),
                  "Figure 2, left. Principal components of the posterior means with an eigenvalue above 0.01, against "
                  "alpha: mean and standard deviation over seeds (" +
                      measured_ + "; the paper: 10 runs of 1000 epochs)." + without_infinite());
    }

    void bounds() {
        const std::vector<Line> lines = {
            {"k = %d: log p(x)", [](auto* r) { return r->likelihood.images ? r->likelihood.log_likelihood : NAN; }},
            {"k = %d: bound", [](auto* r) { return -r->negative_bound_there; }, true}};
        const std::string images =
            o_.likelihood_images ? formatted("the first %zu test images", o_.likelihood_images) : "the test set";
        add_lines("figure2-likelihood", half_width("The bound and log p(x)", "alpha", "nats per test image"),
                  against_alpha(lines),
                  formatted("Figure 2, right. Dashed: each model's own Renyi bound of %d draws; solid: log p(x) by "
                            "importance sampling with %d draws; both on %s. Mean and standard deviation over seeds "
                            "(%s; the paper: 10 runs of 1000 epochs, 10 and 2000 draws).%s",
                            o_.bound_samples, o_.likelihood_samples, images.c_str(), measured_.c_str(),
                            without_infinite().c_str()));
    }

    /// Of each feature: accuracies of every seed by k and epoch.
    std::array<std::map<int, std::map<int, std::vector<double>>>, 3> accuracies() const {
        std::map<std::string, std::vector<Json>> points;
        for (Json& line : MetricsLog(experiment_.out() / "metrics.jsonl").read())
            if (line.contains("accuracy_of")) points[line.value("replica", "")].push_back(std::move(line));
        const std::string origin = experiment_.separability_origin();
        std::array<std::map<int, std::map<int, std::vector<double>>>, 3> found;
        bool any_left_out = false;
        for (const GeometryReplica& r : experiment_.separability_replicas())
            for (const Json& point : points[r.name()]) {
                const bool is_same = point.at("accuracy_of") == origin;
                any_left_out = any_left_out || !is_same;
                for (std::size_t f = 0; f < found.size() && is_same; ++f)
                    found[f][r.latents][point.at("epoch")].push_back(
                        point.at(std::string("accuracy_") + kPosteriorFeatures[f].code));
            }
        if (any_left_out)
            log_warning(
                "Figure 3 leaves out accuracies that were read, while training, from other test images or with another "
                "--regularisation");
        return found;
    }

    void separability() {
        const auto all = accuracies();
        const char* places[] = {"left", "centre", "right"};
        for (std::size_t f = 0; f < all.size(); ++f) {
            const char* feature = kPosteriorFeatures[f].name;
            std::vector<Series> lines;
            for (const auto& [k, epochs] : all[f]) {
                Series& series = lines.emplace_back(Series{formatted("k = %d", k), {}, {}, {}});
                for (const auto& [epoch, of_seeds] : epochs) add_point(series, epoch, of_seeds);
            }
            Axes axes = half_width(std::string("Features: ") + feature, "epoch", "test accuracy");
            axes.integer_x = true;
            add_lines(std::string("figure3-") + kPosteriorFeatures[f].code, axes, lines,
                      formatted("Figure 3, %s. Test accuracy of a logistic regression (C = %g) on %s of q(z|x), while "
                                "VAEs of k latents train on the KL bound (alpha = 1); mean and standard deviation over "
                                "seeds. ",
                                places[f], o_.C, feature) +
                          "The regression is solved to its optimum at every checkpoint. The paper does not say how "
                          "its classifier was trained, nor which k it shows. Each figure has an accuracy axis of its "
                          "own.");
        }
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
        Axes axes = half_width("Geodesics of Gaussians", "mu", "sigma");
        axes.width = 1300;
        add_lines(
            "figure4-geodesics", axes, all,
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
        const auto loaded = experiment_.load(*replica, kRows);
        for (const auto& [first, last] : kPairs) {
            const std::size_t i = std::size_t(first) % test.count(), j = std::size_t(last) % test.count();
            const TransitionFrames found = interpolate(*loaded, test.image(i), test.image(j), o_.interpolation);
            const std::string name = formatted("figure5-%d-%d", first, last);
            draw_interpolation(path(name), found, test, "From test image " + named(i) + " to " + named(j));
            add(name, caption_of(*replica, found, i, j));
        }
    }

    /// "7 (a 2)"
    std::string named(std::size_t i) const {
        const DataSet& data = experiment_.data();
        if (!data.labelled) return std::to_string(i);
        return std::to_string(i) + " (a " + data.class_name(experiment_.test_set().labels[i]) + ")";
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
    GeometryRows rows_;
    const std::string measured_;
};

}  // namespace

std::vector<FigureFile> draw_geometry_figures(const GeometryExperiment& experiment,
                                              const std::vector<GeometryReplica>& replicas) {
    return Figures(experiment, replicas).draw();
}

}  // namespace warpvae
