#include "host/experiments/equivae/results.h"

#include <algorithm>
#include <cmath>

#include "host/evaluate/elbo.h"
#include "host/evaluate/pca.h"
#include "host/evaluate/umap.h"
#include "host/experiment/presentation.h"
#include "host/files/metrics_log.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr int kNeighbours = 15;        // of UMAP and of trustworthiness
constexpr int kSampleRows = 10;        // Figure 4, left
constexpr int kSteps = 8;              // Figure 4, middle: rows between an image and another
constexpr int kOthers = 20;            // images of the class that the other is chosen from
constexpr int kInvariantSide = 20;     // Figure 5, middle
constexpr int kEquivariantSide = 9;    // Figure 5, right
constexpr int kFirst = 3, kLast = 6;   // and its classes
constexpr float kPriorDeviations = 2;  // of v, each way

std::string percent(double share) { return formatted("%.1f%%", 100 * share); }

/// How a caption begins. Figures 3 and 4 are of a model with more than two latents; one with two has them as well.
std::string figure_of(const std::string& figure, int Z) {
    return Z == 2 ? "As Figure " + figure + ", with two-dimensional r and v. " : "Figure " + figure + ". ";
}

class Figures : public Drawings {
  public:
    Figures(const EquivaeExperiment& experiment, const EquivaeReplica& replica, Judge* judge)
        : Drawings(experiment),
          experiment_(experiment),
          judge_(judge),
          model_(experiment, replica),
          held_out_(model_.split.validation) {}

    std::vector<FigureFile> draw() {
        if (model_.Z == 2) {
            scatter("figure5-r", "5, left", "r", model_.validation.r);
            invariant_grid();
            equivariant_grid();
        } else {
            scatter("figure3-r", "3, left", "r", model_.validation.r);
            scatter("figure3-v", "3, middle", "v", model_.validation.v);
        }
        samples();
        interpolations();
        swaps();
        if (model_.Z != 2) learning();
        return files;
    }

  private:
    PlanePoints plane(const std::vector<float>& rows) const {
        return reduce(model_.device.matmul, rows, model_.Z, experiment_.of_paper().reduction,
                      experiment_.options().seed);
    }
    std::string of_model(const std::string& figure) const { return figure + "-" + model_.replica.group(); }
    void write(const ImageGrid& sheet, const std::string& figure, const std::string& caption) {
        add_sheet(of_model(figure), sheet, caption);
    }
    ImageGrid grid(int rows, int columns, int scale = 2, int gap = 2) const {
        return ImageGrid(rows, columns, held_out_.height, held_out_.width, sheet_style(held_out_, scale, gap));
    }
    /// `times` rows of r, the mean of class k.
    std::vector<float> r_of_class(int k, int times) const {
        std::vector<float> r;
        for (int i = 0; i < times; ++i) add_row(r, model_.r_y, k, model_.Z);
        return r;
    }
    /// How many of `what` are read as they should be, beside what the same readers make of real images.
    std::string told(const std::string& what, const std::string& whose, const ClassShares& made) {
        if (!real_) real_ = read_shares(model_, judge_, held_out_);
        std::string text =
            " Of " + what + " " + percent(made.distance) + " are read as the " + whose + "'s class by the nearest r_y";
        if (made.judge) text += ", " + percent(*made.judge) + " by an independent classifier";
        text += " (of real validation images " + percent(real_->distance);
        return text + (real_->judge ? " and " + percent(*real_->judge) : "") + ").";
    }

    void scatter(const std::string& name, const std::string& figure, const std::string& latent,
                 const std::vector<float>& rows) {
        const bool flat = model_.Z == 2, is_r = latent == "r",
                   is_umap = experiment_.of_paper().reduction == Reduction::kUmap;
        const PlanePoints points = plane(rows);
        const std::string axis = flat ? latent : is_umap ? "UMAP " : "principal component ";
        const Axes axes = {.title = is_r ? "Invariant latent r" : "Equivariant latent v",
                           .x = axis + "1",
                           .y = axis + "2",
                           .width = 900,
                           .height = 700};
        if (!scatter_plot(path(of_model(name)), axes, points.x, points.y, held_out_.labels)) return;
        std::string caption = "Figure " + figure + ". " +
                              (is_r ? "r of the validation images, from 5 other images of the class"
                                    : "v of the validation images (posterior means)");
        if (!flat)
            caption += formatted(", brought to two dimensions %s (trustworthiness %.3f)",
                                 is_umap ? "by UMAP" : "along two principal components", points.trustworthiness);
        caption += "; coloured by class.";
        if (!is_r)
            caption += formatted(" %d of its %d dimensions are in use (variance above 0.01).",
                                 active_units(rows, model_.Z), model_.Z);
        add(of_model(name), caption);
    }

    void samples() {
        const int K = model_.classes;
        std::vector<float> r;
        for (int i = 0; i < kSampleRows; ++i) r.insert(r.end(), model_.r_y.begin(), model_.r_y.end());
        const ImageSet made = model_.make(r, model_.draw(std::size_t(kSampleRows) * K, 2));
        ImageGrid sheet = grid(kSampleRows, K);
        sheet.fill(std::span<const std::uint8_t>(made.images));
        caption_classes(sheet, 0);
        write(sheet, "figure4-samples",
              figure_of("4, left", model_.Z) +
                  "Samples: v drawn from N(0, I) for every image, r the mean over the validation images of the "
                  "column's class." +
                  told("100 samples a class", "column", sample_class_accuracy(model_, judge_)));
    }

    void interpolations() {
        const int K = model_.classes, Z = model_.Z;
        ImageGrid sheet = grid(kSteps + 2, K);
        for (int k = 0; k < K; ++k) {
            const std::vector<int>& members = model_.members[k];
            const ImageSet ends = held_out_.chosen({std::size_t(members[0]), std::size_t(unlike(members))});
            const std::vector<float> r = r_of_class(k, kSteps), v = model_.encode(ends.images, r);
            const ImageSet made =
                model_.make(r, interpolate({v.begin(), v.begin() + Z}, {v.begin() + Z, v.end()}, kSteps));
            sheet.set(0, k, ends.image(0));
            for (int i = 0; i < kSteps; ++i) sheet.set(1 + i, k, made.image(i));
            sheet.set(kSteps + 1, k, ends.image(1));
        }
        sheet.row_caption(0, "x");
        sheet.row_caption(kSteps + 1, "x'");
        sheet.break_after_row(0);
        sheet.break_after_row(kSteps);
        caption_classes(sheet, 0);
        write(sheet, "figure4-interpolations",
              figure_of("4, middle", model_.Z) +
                  "The first validation image x of each class, and x', of 20 others of the class the one whose v "
                  "is farthest from x's; between them what lies on the line from v to v', r the class's mean.");
    }

    /// Of the members after the first the one farthest from it in v.
    int unlike(const std::vector<int>& members) const {
        const int Z = model_.Z, first = members[0];
        const float* v = model_.validation.v.data();
        int other = first;
        float most = -1;
        for (std::size_t i = 1; i < members.size() && i <= std::size_t(kOthers); ++i) {
            float distance = 0;
            for (int j = 0; j < Z; ++j) distance += std::pow(v[members[i] * Z + j] - v[first * Z + j], 2.f);
            if (distance > most) most = distance, other = members[i];
        }
        return other;
    }

    void swaps() {
        const int K = model_.classes, Z = model_.Z;
        std::vector<float> r, v;
        for (int i = 0; i < K; ++i)
            for (int j = 0; j < K; ++j) {
                add_row(r, model_.validation.r, model_.members[i][0], Z);
                add_row(v, model_.validation.v, model_.members[j][0], Z);
            }
        const ImageSet made = model_.make(r, v);
        ImageGrid sheet = grid(K + 1, K + 1);
        for (int i = 0; i < K; ++i) {
            sheet.set(1 + i, 0, held_out_.image(model_.members[i][0]));
            sheet.set(0, 1 + i, held_out_.image(model_.members[i][0]));
            for (int j = 0; j < K; ++j) sheet.set(1 + i, 1 + j, made.image(i * K + j));
            sheet.row_caption(1 + i, std::to_string(i));
        }
        caption_classes(sheet, 1);
        sheet.break_after_row(0);
        sheet.break_after_column(0);
        write(sheet, "figure4-swaps",
              figure_of("4, right", model_.Z) +
                  "A validation image of every class, at the left and on top, and what r of the row's image and v "
                  "of the column's make: a digit along a row, a style down a column." +
                  told("the pairs of different classes from 10 such sets", "row", swap_class_accuracy(model_, judge_)));
    }

    void invariant_grid() {
        const PlanePoints r = plane(model_.validation.r);
        const auto [left, right] = std::minmax_element(r.x.begin(), r.x.end());
        const auto [low, high] = std::minmax_element(r.y.begin(), r.y.end());
        const std::vector<float> at = even_grid(kInvariantSide, *left, *right, *low, *high);
        const ImageSet made = model_.make(at, std::vector<float>(at.size()));
        ImageGrid sheet = grid(kInvariantSide, kInvariantSide, 1, 1);
        sheet.fill(std::span<const std::uint8_t>(made.images));
        write(sheet, "figure5-r-grid",
              formatted("Figure 5, middle. What an even grid of r decodes to at v = 0, over the range of the "
                        "validation images: r1 from %.1f to %.1f across, r2 from %.1f to %.1f upwards.",
                        double(*left), double(*right), double(*low), double(*high)));
    }

    void equivariant_grid() {
        constexpr int kSide = kEquivariantSide;
        const std::vector<float> v =
            even_grid(kSide, -kPriorDeviations, kPriorDeviations, -kPriorDeviations, kPriorDeviations);
        const int last = std::min(kLast, model_.classes - 1), shown = last - kFirst + 1;
        if (shown < 1) return;
        ImageGrid sheet = grid(kSide, shown * kSide, 1, 1);
        for (int s = 0; s < shown; ++s) {
            const ImageSet made = model_.make(r_of_class(kFirst + s, kSide * kSide), v);
            for (int i = 0; i < kSide * kSide; ++i) sheet.set(i / kSide, s * kSide + i % kSide, made.image(i));
            sheet.column_caption(s * kSide + kSide / 2, std::to_string(kFirst + s));
            sheet.break_after_column((s + 1) * kSide - 1);
        }
        write(sheet, "figure5-v-grids",
              "Figure 5, right. What the same even grid of v over the square from -2 to 2 decodes to at r_y of the "
              "classes above the sheets: v1 across, v2 upwards.");
    }

    /// The bound and its two terms by epoch, of metrics.jsonl.
    void learning() {
        std::vector<Json> epochs = MetricsLog(experiment_.out() / "metrics.jsonl").read();
        std::erase_if(epochs, [&](const Json& line) { return line.value("replica", "") != model_.replica.name(); });
        if (epochs.empty()) return;
        const auto number = [](const Json& line, const std::string& key) {
            return line.contains(key) && line[key].is_number() ? line[key].get<double>() : NAN;
        };
        struct Term {
            const char* name;
            double (*of)(double nll, double kl);
            int colour;
        };
        std::vector<Series> lines;
        for (const Term& term : {Term{"ELBO", [](double nll, double kl) { return -nll - kl; }, 0},
                                 {"reconstruction", [](double nll, double) { return -nll; }, 2},
                                 {"-KL", [](double, double kl) { return -kl; }, 1}})
            for (const std::string which : {"", "validation_"}) {
                const bool dashed = !which.empty();
                Series& line = lines.emplace_back(Series{dashed ? "" : term.name, {}, {}, {}, term.colour, dashed});
                for (const Json& epoch : epochs) {
                    line.x.push_back(number(epoch, "epoch"));
                    line.y.push_back(term.of(number(epoch, which + "reconstruction"), number(epoch, which + "kl")));
                }
            }
        const Axes axes = {.title = "Learning curves (dashed: validation images)",
                           .x = "epoch",
                           .y = "nats an image",
                           .integer_x = true,
                           .width = 1100,
                           .height = 640};
        add_lines(
            of_model("figure3-learning"), axes, lines,
            "Figure 3, right. The bound and the two terms that it is the sum of, by epoch; training images with m "
            "drawn at every step, validation images (dashed) with m = 5 and a draw of v.");
    }

    void caption_classes(ImageGrid& sheet, int first) const {
        for (int k = 0; k < model_.classes; ++k) sheet.column_caption(first + k, experiment_.data().class_name(k));
    }

    const EquivaeExperiment& experiment_;
    Judge* const judge_;
    TrainedEquivae model_;
    const ImageSet& held_out_;
    std::optional<ClassShares> real_;
};

}  // namespace

PlanePoints reduce(const Matmul& matmul, const std::vector<float>& rows, int Z, Reduction reduction,
                   std::uint64_t seed) {
    const std::size_t n = rows.size() / Z;
    const DeviceBuffer<float> x(rows, "latents");
    std::vector<float> plane = rows;
    const int neighbours = std::min(kNeighbours, (int(n) - 1) / 2 - 1);
    PlanePoints out;
    if (Z != 2) {
        const DeviceBuffer<float> flat =
            reduction == Reduction::kUmap
                ? umap(matmul, x.data(), n, Z, {.neighbours = std::min(kNeighbours, int(n) - 1), .seed = seed})
                : project_pca(matmul, fit_pca(matmul, x.data(), n, Z, 2), x.data(), n);
        plane = flat.download(matmul.stream());
        if (neighbours > 0) out.trustworthiness = trustworthiness(matmul, x.data(), n, Z, flat.data(), 2, neighbours);
    }
    for (std::size_t i = 0; i < n; ++i) out.x.push_back(plane[2 * i]), out.y.push_back(plane[2 * i + 1]);
    return out;
}

std::vector<float> interpolate(const std::vector<float>& a, const std::vector<float>& b, int steps) {
    std::vector<float> rows;
    for (int i = 0; i < steps; ++i) {
        const float t = steps > 1 ? float(i) / float(steps - 1) : 0;
        for (std::size_t j = 0; j < a.size(); ++j) rows.push_back((1 - t) * a[j] + t * b[j]);
    }
    return rows;
}

std::vector<float> even_grid(int side, float x0, float x1, float y0, float y1) {
    const std::vector<float> x = interpolate({x0}, {x1}, side), y = interpolate({y1}, {y0}, side);
    std::vector<float> points;
    for (const float down : y)
        for (const float across : x) points.push_back(across), points.push_back(down);
    return points;
}

std::vector<FigureFile> draw_model(const EquivaeExperiment& experiment, const EquivaeReplica& replica, Judge* judge) {
    return Figures(experiment, replica, judge).draw();
}

std::vector<FigureFile> draw_equivae_figures(const EquivaeExperiment& experiment) {
    Judge judge(experiment);
    std::vector<FigureFile> all;
    for (const EquivaeReplica& replica : experiment.shown_replicas())
        append(all, draw_model(experiment, replica, &judge));
    return all;
}

}  // namespace warpvae
