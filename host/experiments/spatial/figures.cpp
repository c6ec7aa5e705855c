#include "host/experiments/spatial/figures.h"

#include <algorithm>
#include <map>
#include <span>

#include "host/core/phase.h"
#include "host/evaluate/reconstruction.h"
#include "host/experiment/presentation.h"
#include "host/show/format.h"
#include "host/show/image_grid.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kTotals[] = {10, 20, 30, 50};  // dim(z) + dim(u)
constexpr int kPriorLatents = 14;            // dim(z) of Figures 10 and 11
constexpr int kSheet = 10;                   // samples a side
constexpr int kPictures = 12;                // images in a row of Figure 12
using enum SpatialRow;
constexpr SpatialRow kFourModels[] = {kVae, kAffineT, kSplineT, kAffineDt};

ImageGridStyle digits(int rows_in_group = 1) {
    ImageGridStyle style;
    style.scale = 2;
    style.gap = 2;
    style.invert = true;
    style.rows_in_group = rows_in_group;
    return style;
}

/// Figures 10 and 11: model, prior, rank, and what the paper calls it.
struct PriorCase {
    SpatialRow model;
    PosePrior prior;
    int rank;
    const char* what;
};
constexpr PriorCase kFigure10[] = {
    {kAffineT, PosePrior::kFixedMean, 0, "normal prior about the identity, fitted deviations, 6 numbers (P1)"},
    {kAffineT, PosePrior::kFitted, 0, "normal prior, fitted mean and deviations, 6 numbers (P2)"},
    {kPoseT, PosePrior::kFitted, 0, "fitted normal prior on angle, log scales and translation (P3)"},
    {kSplineT, PosePrior::kFitted, 0, "fitted normal prior on a thin-plate spline, 18 numbers (P4)"}};
constexpr PriorCase kFigure11[] = {{kAffineT, PosePrior::kFull, 0, "full covariance, affine, full rank"},
                                   {kSplineT, PosePrior::kFull, 0, "full covariance, thin-plate spline, full rank"},
                                   {kAffineT, PosePrior::kFull, 3, "full covariance, affine, rank 3"},
                                   {kSplineT, PosePrior::kFull, 6, "full covariance, thin-plate spline, rank 6"}};

std::vector<float> download(const float* device, std::size_t count, Stream stream) {
    std::vector<float> host(count);
    check(copy_to_host(host.data(), device, count * sizeof(float), stream));
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

/// Puts one u for all rows.
void set_pose(LoadedSpatial& loaded, const std::vector<double>& u, int rows) {
    std::vector<float> all;
    for (int n = 0; n < rows; ++n) all.insert(all.end(), u.begin(), u.end());
    check(copy_to_device(loaded.model.u(), all.data(), all.size() * sizeof(float), loaded.stream));
}

void write_sheet(const fs::path& path, const std::vector<float>& images, int rows, int columns, const DataSet& data) {
    ImageGrid sheet(rows, columns, data.train.height, data.train.width, digits());
    sheet.fill(std::span<const float>(images));
    sheet.write(path);
}

class Figures {
  public:
    Figures(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas)
        : experiment_(experiment), data_(experiment.data()), all_(replicas) {}

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
        for (const PriorCase& c : kFigure10) prior_samples("10", c);
        for (const PriorCase& c : kFigure11) prior_samples("11", c);
        minima();
        return files_;
    }

  private:
    void add(const fs::path& file, const std::string& caption) { files_.push_back({file, caption}); }
    static std::string title(const SpatialReplica& r) {
        return std::string(title_of(r.model)) + ", dim(z) = " + std::to_string(r.config.latents) +
               (r.has_pose() ? ", dim(u) = " + std::to_string(r.pose_size()) : "");
    }

    void reconstruction_by_dimension() {
        std::vector<Series> all;
        for (const SpatialRow model : kFourModels) {
            std::map<int, std::vector<double>> by_total;
            for (const SpatialReplica& r : all_) {
                const int total = r.config.latents + r.pose_size();
                if (r.model == model && r.config.prior == PosePrior::kNone && r.is_evaluated() && total >= kTotals[0])
                    by_total[total].push_back(r.test_elbo.reconstruction);
            }
            const Series series = series_of({{title_of(model), by_total}})[0];
            if (series.x.size() > 1) all.push_back(series);
        }
        if (all.empty()) return;
        Axes axes{"Reconstruction error by size of the code", "dim(z) + dim(u)",
                  "E -log p(x | z, u) on the test set (nats)"};
        axes.integer_x = true;
        axes.width = 1100;
        axes.height = 640;
        const fs::path file = experiment_.figure("figure5-reconstruction");
        if (line_plot(file, axes, all))
            add(file,
                "Figure 5. The second term of the bound against all dimensions of the code, z and u together, on the "
                "test set; u is a function of x. The band is one standard deviation where there are several seeds.");
    }

    void samples(const std::string& figure, SpatialRow model, int latents) {
        const SpatialReplica r = experiment_.replica(model, latents);
        if (!experiment_.is_trained(r)) return;
        const fs::path file = experiment_.figure("figure" + figure + "-samples-" + r.group());
        draw_samples(file, experiment_, r, SamplePose::kIdentity, kSheet);
        add(file, "Figure " + figure + ". Samples, z drawn from N(0, I), u the identity: " + title(r) + ".");
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
        const fs::path file = experiment_.figure("figure7-plane-" + r.group());
        write_sheet(
            file, download(loaded.model.reference(), std::size_t(kSide) * kSide * data_.train.pixels(), loaded.stream),
            kSide, kSide, data_);
        add(file, "Figure 7. What z decodes to over the square from -2 to 2, u the identity: " + title(r) + ".");
    }

    void scatter(SpatialRow model) {
        const SpatialReplica r = experiment_.replica(model, 2);
        if (!experiment_.is_trained(r)) return;
        LoadedSpatial loaded(experiment_, r, 500);
        ImageSet few = data_.test;
        few.truncate(5000);
        const DeviceImages device({&few.images}, {0}, int(few.pixels()));
        const DeviceBuffer<std::uint64_t> none(std::vector<std::uint64_t>{0});
        const std::vector<float> mu =
            extract_features(loaded.model, device, FeatureKind::kMean, none, 0, loaded.matmul).download();
        std::vector<float> x, y;
        for (std::size_t i = 0; i < few.count(); ++i) x.push_back(mu[2 * i]), y.push_back(mu[2 * i + 1]);
        Axes axes = half_width(title_of(model), "z1", "z2");
        axes.height = 700;
        const fs::path file = experiment_.figure("figure8-" + r.group());
        if (scatter_plot(file, axes, x, y, few.labels))
            add(file, "Figure 8. Test images in a two-dimensional code (posterior means): " + title(r) + ".");
    }

    void prior_samples(const std::string& figure, const PriorCase& c) {
        const SpatialReplica r = experiment_.replica(c.model, kPriorLatents, c.prior, c.rank);
        if (!experiment_.is_trained(r)) return;
        LoadedSpatial loaded(experiment_, r, kSheet * kSheet);
        draw_prior(loaded, experiment_.options().seed, kSheet * kSheet);
        loaded.model.transform(kSheet * kSheet);
        const std::size_t count = std::size_t(kSheet) * kSheet * data_.train.pixels();
        const std::vector<float> left = download(loaded.model.reference(), count, loaded.stream),
                                 right = download(loaded.model.output(), count, loaded.stream);
        ImageGrid sheet(kSheet, 2 * kSheet + 1, data_.train.height, data_.train.width, digits());
        for (int i = 0; i < kSheet * kSheet; ++i)
            for (const bool is_right : {false, true})
                sheet.set(i / kSheet, i % kSheet + (is_right ? kSheet + 1 : 0),
                          std::span(is_right ? right : left).subspan(i * data_.train.pixels(), data_.train.pixels()));
        const fs::path file = experiment_.figure("figure" + figure + "-" + r.group());
        sheet.write(file);
        add(file, "Figure " + figure +
                      ". Left: samples in their reference pose; right: the same with the pose drawn from "
                      "its prior: " +
                      c.what + ".");
    }

    /// The best and the worst minimum among the runs of one affine T-VAE, by training ELBO.
    void minima() {
        std::map<std::string, std::vector<const SpatialReplica*>> groups;
        for (const SpatialReplica& r : all_)
            if (r.is_evaluated() && r.model == kAffineT && experiment_.is_trained(r)) groups[r.group()].push_back(&r);
        const auto most = std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
            return a.second.size() < b.second.size();
        });
        if (most == groups.end()) return;
        const auto [best, worst] = std::minmax_element(
            most->second.begin(), most->second.end(), [](const SpatialReplica* a, const SpatialReplica* b) {
                return a->train_elbo.negative_elbo < b->train_elbo.negative_elbo;
            });
        draw_minima(**best, **worst, most->second.size());
    }

    void draw_minima(const SpatialReplica& best, const SpatialReplica& worst, std::size_t runs) {
        ImageSet few = data_.test;
        few.truncate(kPictures);
        const int shown = &best == &worst ? 1 : 2;
        ImageGrid sheet(3 * shown, kPictures, few.height, few.width, digits(3));
        for (int which = 0; which < shown; ++which) {
            LoadedSpatial loaded(experiment_, which ? worst : best, kPictures);
            const ReplicaView view = view_replica(loaded.model, few.images, 0, loaded.matmul);
            sheet.fill(std::span<const std::uint8_t>(few.images), 3 * which);
            sheet.fill(std::span<const float>(view.output), 3 * which + 1);
            sheet.fill(std::span<const float>(view.reference), 3 * which + 2);
            sheet.row_caption(3 * which, "x");
            sheet.row_caption(3 * which + 1, "x'");
            sheet.row_caption(3 * which + 2, "y'");
        }
        const fs::path file = experiment_.figure("figure12-minima");
        sheet.write(file);
        const auto told = [](const SpatialReplica& r) {
            return formatted("seed %llu, training -ELBO %.1f, mean determinant %.2f%s%s",
                             static_cast<unsigned long long>(r.seed), r.train_elbo.negative_elbo,
                             r.pose.mean_determinant,
                             bad_minimum(r).empty() ? "" : ", counted as bad: ", bad_minimum(r).c_str());
        };
        const std::string what =
            "Figure 12. Inputs x, reconstructions x' and the decoder's output before the warp y' of " + title(best);
        add(file, shown == 1 ? what + ", the run's only one (" + told(best) + ")."
                             : what + ". Above: the best of " + std::to_string(runs) + " runs (" + told(best) +
                                   "). Below: the worst (" + told(worst) + ").");
    }

    const SpatialExperiment& experiment_;
    const DataSet& data_;
    const std::vector<SpatialReplica>& all_;
    std::vector<FigureFile> files_;
};

}  // namespace

std::vector<SpatialReplica> figure_replicas(const SpatialExperiment& experiment) {
    const bool quick = experiment.options().quick;
    std::vector<SpatialReplica> all;
    for (const SpatialRow model : kFourModels) {
        all.push_back(experiment.replica(model, 2));
        const int pose = all.back().pose_size();
        for (const int total : kTotals)
            if (!quick && total > pose && total - pose != 2) all.push_back(experiment.replica(model, total - pose));
    }
    if (quick) {
        all.push_back(experiment.replica(kFigure10[1].model, kPriorLatents, kFigure10[1].prior));
        return all;
    }
    for (const PriorCase& c : kFigure10) all.push_back(experiment.replica(c.model, kPriorLatents, c.prior, c.rank));
    for (const PriorCase& c : kFigure11) all.push_back(experiment.replica(c.model, kPriorLatents, c.prior, c.rank));
    return all;
}

void draw_samples(const fs::path& path, const SpatialExperiment& experiment, const SpatialReplica& replica,
                  SamplePose pose, int side) {
    const InPhase phase(Phase::kFigures);
    const DataSet& data = experiment.data();
    const int n = side * side;
    LoadedSpatial loaded(experiment, replica, n);
    SpatialVae<float>& model = loaded.model;
    if (pose == SamplePose::kPrior && model.has_pose() && model.config().prior == PosePrior::kNone)
        throw UsageError("--pose prior: " + replica.name() + " has no prior on its pose; choose identity or average");
    draw_prior(loaded, experiment.options().seed, n);
    const float* images = model.reference();
    if (pose != SamplePose::kIdentity && model.has_pose()) {
        if (pose == SamplePose::kAverage) {
            LoadedSpatial encoder(experiment, replica, 500);
            const DeviceImages train({&data.train.images}, {0}, int(data.train.pixels()));
            const auto poses = extract_poses(encoder.model, train, 0, encoder.matmul);
            set_pose(loaded, summarise_poses(poses, model.pose()).mean, n);
        }
        model.transform(n);
        images = model.output();
    }
    write_sheet(path, download(images, std::size_t(n) * data.train.pixels(), loaded.stream), side, side, data);
}

std::vector<FigureFile> draw_spatial_figures(const SpatialExperiment& experiment,
                                             const std::vector<SpatialReplica>& replicas) {
    const InPhase phase(Phase::kFigures);
    std::vector<FigureFile> all = Figures(experiment, replicas).draw();
    const std::vector<Series> curves = series_of(read_curves(experiment, {"test_negative_elbo"}));
    for (const int latents : experiment.of_paper().latents) {
        const std::string size = "z" + std::to_string(latents);
        std::vector<Series> of_size;
        std::copy_if(curves.begin(), curves.end(), std::back_inserter(of_size),
                     [&](const Series& series) { return series.name.ends_with("-" + size); });
        add_curves(all, experiment, "learning-" + size,
                   half_width("dim(z) = " + std::to_string(latents), "epoch", "negative ELBO on the test set (nats)"),
                   of_size, "Negative ELBO on the test set by epoch; the band is one standard deviation over seeds.");
    }
    return all;
}

}  // namespace warpvae
