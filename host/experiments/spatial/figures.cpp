#include "host/experiments/spatial/results.h"

#include <algorithm>
#include <span>

#include "host/evaluate/batches.h"
#include "host/evaluate/reconstruction.h"
#include "host/experiment/presentation.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr int kSheet = 10;     // samples a side
constexpr int kPictures = 12;  // images in a row of Figure 12
using enum SpatialRow;

constexpr int kQuickCase = 1;  // of prior_cases(), the one that --quick has

/// The first `n` of the model's images [rows, D].
std::vector<float> download(const LoadedSpatial& loaded, const float* images, int n) {
    std::vector<float> host(std::size_t(n) * loaded.model.image_size());
    take_rows(host.data(), images, 0, n, loaded.model.image_size(), loaded.stream);
    return host;
}

/// z (and u, where it has a prior) drawn from the prior; the same for every model of one size.
void draw_prior(LoadedSpatial& loaded, std::uint64_t seed, int rows) {
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{seed});
    LatentNoise noise;
    noise.seeds = seeds.data();
    noise.purpose = Purpose::kPrior;
    loaded.model.sample_prior(rows, noise);
    loaded.model.decode_reference(rows);
    check(stream_synchronize(loaded.stream));
}

class Figures : public Drawings {
  public:
    Figures(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas)
        : Drawings(experiment), experiment_(experiment), test_(experiment.data().test), all_(replicas) {}

    std::vector<FigureFile> draw() {
        reconstruction_by_dimension();
        for (int total : {10, 20}) {
            samples("6", kVae, total);
            samples("6", kAffineT, total - 6);
        }
        for (const SpatialRow model : {kAffineT, kAffineDt}) latent_plane(model);
        for (int total : {10, 20}) samples("7", kAffineDt, total - 6);
        for (const SpatialRow model : {kVae, kAffineT, kAffineDt, kSplineT}) scatter(model);
        samples("9", kAffineT, 24);
        samples("9", kSplineT, 12);
        for (const PriorCase& c : prior_cases()) prior_samples(c);
        minima();
        learning();
        return files;
    }

    void reconstruction_by_dimension() {
        auto sizes = reconstruction_by_size(all_);
        const int least = std::ranges::min(experiment_.of_paper().totals);
        std::vector<Series> lines;
        for (const SpatialRow model : kFigure5Models) {
            std::erase_if(sizes[model], [least](const auto& size) { return size.first < least; });
            const Series line = series_of({{title_of(model), sizes[model]}})[0];
            if (line.x.size() > 1) lines.push_back(line);
        }
        const Axes axes = {.title = "Reconstruction error by size of the code",
                           .x = "dim(z) + dim(u)",
                           .y = "E -log p(x | z, u) on the test set (nats)",
                           .integer_x = true,
                           .width = 1100,
                           .height = 640};
        add_lines("figure5-reconstruction", axes, lines,
                  "Figure 5. The second term of the bound against all dimensions of the code, z and u together, on the "
                  "test set; u is a function of x. The band is one standard deviation where there are several seeds.");
    }

  private:
    static std::string title(const SpatialReplica& r) {
        return std::string(title_of(r.model)) + ", dim(z) = " + std::to_string(r.config.latents) +
               (r.has_pose() ? ", dim(u) = " + std::to_string(r.pose_size()) : "");
    }

    void samples(const std::string& figure, SpatialRow model, int latents) {
        const SpatialReplica r = experiment_.replica(model, latents);
        if (!experiment_.is_trained(r)) return;
        constexpr int kCount = kSheet * kSheet;
        LoadedSpatial loaded(experiment_, r, kCount);
        draw_prior(loaded, experiment_.options().seed, kCount);
        ImageGrid sheet(kSheet, kSheet, test_.height, test_.width, style_);
        sheet.fill(std::span<const float>(download(loaded, loaded.model.reference(), kCount)));
        add_sheet("figure" + figure + "-samples-" + r.group(), sheet,
                  "Figure " + figure + ". Samples, z drawn from N(0, I), u the identity: " + title(r) + ".");
    }

    /// Decoded images over the square -2..2 of a two-dimensional z.
    void latent_plane(SpatialRow model) {
        const SpatialReplica r = experiment_.replica(model, 2);
        if (!experiment_.is_trained(r)) return;
        constexpr int kSide = 15;
        LoadedSpatial loaded(experiment_, r, kSide * kSide);
        std::vector<float> z;
        for (int i = 0; i < kSide; ++i)
            for (int j = 0; j < kSide; ++j) {
                z.push_back(-2 + 4.f * float(j) / (kSide - 1));
                z.push_back(2 - 4.f * float(i) / (kSide - 1));
            }
        check(copy_to_device(loaded.model.z(), z.data(), z.size() * sizeof(float), loaded.stream));
        loaded.model.decode_reference(kSide * kSide);
        ImageGrid sheet(kSide, kSide, test_.height, test_.width, style_);
        sheet.fill(std::span<const float>(download(loaded, loaded.model.reference(), kSide * kSide)));
        add_sheet("figure7-plane-" + r.group(), sheet,
                  "Figure 7. What z decodes to over the square from -2 to 2, u the identity: " + title(r) + ".");
    }

    void scatter(SpatialRow model) {
        const SpatialReplica r = experiment_.replica(model, 2);
        if (!experiment_.is_trained(r)) return;
        LoadedSpatial loaded(experiment_, r, 500);
        ImageSet few = test_;
        few.truncate(5000);
        const DeviceImages device({&few.images}, {0}, int(few.image_size()));
        const DeviceBuffer<std::uint64_t> none(std::vector<std::uint64_t>{0});
        const std::vector<float> mu = extract_features(loaded.model, device, FeatureKind::kMean, none, 0).download();
        std::vector<float> x, y;
        for (std::size_t i = 0; i < few.count(); ++i) x.push_back(mu[2 * i]), y.push_back(mu[2 * i + 1]);
        Axes axes = half_width(title_of(model), "z1", "z2");
        axes.height = 700;
        const std::string name = "figure8-" + r.group();
        if (scatter_plot(path(name), axes, x, y, few.labels))
            add(name, "Figure 8. Test images in a two-dimensional code (posterior means): " + title(r) + ".");
    }

    void prior_samples(const PriorCase& c) {
        const SpatialReplica r = experiment_.replica(c.model, kPriorLatents, c.prior, c.rank);
        if (!experiment_.is_trained(r)) return;
        constexpr int kCount = kSheet * kSheet;
        LoadedSpatial loaded(experiment_, r, kCount);
        draw_prior(loaded, experiment_.options().seed, kCount);
        loaded.model.transform(kCount);
        ImageGrid sheet(kSheet, 2 * kSheet + 1, test_.height, test_.width, style_);
        const std::vector<float> left = download(loaded, loaded.model.reference(), kCount),
                                 right = download(loaded, loaded.model.output(), kCount);
        const std::size_t D = test_.image_size();
        for (int i = 0; i < kCount; ++i) {
            sheet.set(i / kSheet, i % kSheet, std::span(left).subspan(i * D, D));
            sheet.set(i / kSheet, kSheet + 1 + i % kSheet, std::span(right).subspan(i * D, D));
        }
        add_sheet(std::string("figure") + c.figure + "-" + r.group(), sheet,
                  std::string("Figure ") + c.figure +
                      ". Left: samples in their reference pose; right: the same with the pose drawn from its prior: " +
                      c.what + ".");
    }

    /// The best and the worst minimum among the runs of one affine T-VAE, by training ELBO.
    void minima() {
        std::map<std::string, std::vector<const SpatialReplica*>> groups;
        for (const SpatialReplica& r : all_)
            if (r.model == kAffineT && experiment_.is_trained(r)) groups[r.group()].push_back(&r);
        const auto most = std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
            return a.second.size() < b.second.size();
        });
        if (most == groups.end()) return;
        const auto& runs = most->second;
        const auto [best, worst] =
            std::minmax_element(runs.begin(), runs.end(), [](const SpatialReplica* a, const SpatialReplica* b) {
                return a->train_elbo.negative_elbo < b->train_elbo.negative_elbo;
            });
        draw_minima(**best, **worst, runs.size());
    }

    void draw_minima(const SpatialReplica& best, const SpatialReplica& worst, std::size_t runs) {
        ImageSet few = test_;
        few.truncate(kPictures);
        const int shown = &best == &worst ? 1 : 2;
        ImageGridStyle style = style_;
        style.rows_in_group = 3;
        ImageGrid sheet(3 * shown, kPictures, few.height, few.width, style);
        for (int which = 0; which < shown; ++which) {
            LoadedSpatial loaded(experiment_, which ? worst : best, kPictures);
            const ReplicaView view = view_replica(loaded.model, few.images, 0);
            sheet.fill(std::span<const std::uint8_t>(few.images), 3 * which);
            sheet.fill(std::span<const float>(view.output), 3 * which + 1);
            sheet.fill(std::span<const float>(view.reference), 3 * which + 2);
            sheet.row_caption(3 * which, "x");
            sheet.row_caption(3 * which + 1, "x'");
            sheet.row_caption(3 * which + 2, "y'");
        }
        const auto told = [](const SpatialReplica& r) {
            return formatted("seed %llu, training -ELBO %.1f, mean determinant %.2f%s%s",
                             static_cast<unsigned long long>(r.seed), r.train_elbo.negative_elbo,
                             r.pose.mean_determinant,
                             bad_minimum(r).empty() ? "" : ", counted as bad: ", bad_minimum(r).c_str());
        };
        const std::string what =
            "Figure 12. Inputs x, reconstructions x' and the decoder's output before the warp y' of " + title(best);
        add_sheet("figure12-minima", sheet,
                  shown == 1 ? what + ", the run's only one (" + told(best) + ")."
                             : what + ". Above: the best of " + std::to_string(runs) + " runs (" + told(best) +
                                   "). Below: the worst (" + told(worst) + ").");
    }

    /// A picture for each dim(z) of the table.
    void learning() {
        const std::vector<Series> curves = series_of(read_curves(experiment_, names_of(all_), {"test_negative_elbo"}));
        for (const int latents : experiment_.of_paper().latents) {
            const std::string size = "z" + std::to_string(latents);
            std::vector<Series> of_size = curves;
            std::erase_if(of_size, [&](const Series& series) { return !series.name.ends_with("-" + size); });
            add_curves("learning-" + size, "dim(z) = " + std::to_string(latents),
                       "negative ELBO on the test set (nats)", of_size,
                       "Negative ELBO on the test set by epoch; the band is one standard deviation over seeds.");
        }
    }

    const SpatialExperiment& experiment_;
    const ImageSet& test_;
    const ImageGridStyle style_{.channels = test_.channels, .gap = 2, .invert = true};
    const std::vector<SpatialReplica>& all_;
};

}  // namespace

std::vector<SpatialReplica> figure_replicas(const SpatialExperiment& experiment) {
    const bool quick = experiment.options().quick;
    std::vector<SpatialReplica> all;
    for (const SpatialRow model : kFigure5Models) {
        all.push_back(experiment.replica(model, 2));
        const int pose = all.back().pose_size();
        for (const int total : experiment.of_paper().totals)
            if (!quick && total > pose && total - pose != 2) all.push_back(experiment.replica(model, total - pose));
    }
    for (const PriorCase& c : prior_cases())
        if (!quick || &c == &prior_cases()[kQuickCase])
            all.push_back(experiment.replica(c.model, kPriorLatents, c.prior, c.rank));
    return all;
}

std::vector<FigureFile> draw_spatial_figures(const SpatialExperiment& experiment,
                                             const std::vector<SpatialReplica>& replicas) {
    return Figures(experiment, replicas).draw();
}

std::vector<FigureFile> draw_reconstruction_by_dimension(const SpatialExperiment& experiment,
                                                         const std::vector<SpatialReplica>& replicas) {
    Figures figures(experiment, replicas);
    figures.reconstruction_by_dimension();
    return figures.files;
}

}  // namespace warpvae
