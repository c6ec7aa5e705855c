#include "host/vive/vive_figures.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "data/files.h"
#include "host/files/json.h"
#include "host/show/image_grid.h"
#include "host/show/plot.h"
#include "host/vive/vive_table.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kTotals[] = {10, 20, 30, 50};  // dim(z) + dim(u)
constexpr int kPriorLatents = 14;            // dim(z) of Figures 10 and 11
constexpr int kSheet = 10;                   // samples a side
constexpr int kPictures = 12;                // images in a row of Figure 12
constexpr const char* kFourModels[] = {"vae", "affine-tvae", "tps-tvae", "affine-dtvae"};

ImageGridStyle digits(int rows_in_group = 1) {
    ImageGridStyle style;
    style.scale = 2;
    style.gap = 2;
    style.invert = true;
    style.rows_in_group = rows_in_group;
    return style;
}

ViveReplica replica_of(const ViveOptions& o, const std::string& model, int latents, PosePrior prior = PosePrior::kNone,
                       int rank = 0) {
    ViveReplica replica;
    replica.model = model;
    replica.latents = latents;
    replica.prior = prior;
    replica.rank = rank;
    replica.seed = o.first_seed;
    return replica;
}

/// dim(u) of a model.
int pose_size(const std::string& model, const SpatialVaeConfig& shared) {
    SpatialVaeConfig c = shared;
    c.kind = vive_model(model).kind;
    c.pose = vive_model(model).pose;
    return c.kind == SpatialKind::kVae ? 0 : c.warp_numbers();
}

/// Figures 10 and 11: model, prior, rank, and what the paper calls it.
struct PriorCase {
    const char* model;
    PosePrior prior;
    int rank;
    const char* what;
};
constexpr PriorCase kFigure10[] = {
    {"affine-tvae", PosePrior::kFixedMean, 0, "normal prior about the identity, fitted deviations, 6 numbers (P1)"},
    {"affine-tvae", PosePrior::kFitted, 0, "normal prior, fitted mean and deviations, 6 numbers (P2)"},
    {"pose-tvae", PosePrior::kFitted, 0, "fitted normal prior on angle, log scales and translation (P3)"},
    {"tps-tvae", PosePrior::kFitted, 0, "fitted normal prior on a thin-plate spline, 18 numbers (P4)"}};
constexpr PriorCase kFigure11[] = {{"affine-tvae", PosePrior::kFull, 0, "full covariance, affine, full rank"},
                                   {"tps-tvae", PosePrior::kFull, 0, "full covariance, thin-plate spline, full rank"},
                                   {"affine-tvae", PosePrior::kFull, 3, "full covariance, affine, rank 3"},
                                   {"tps-tvae", PosePrior::kFull, 6, "full covariance, thin-plate spline, rank 6"}};

using Loaded = ViveExperiment::Loaded;

std::vector<float> download(const float* device, std::size_t count, Stream stream) {
    std::vector<float> host(count);
    check(copy_to_host(host.data(), device, count * sizeof(float), stream));
    return host;
}

/// z (and u, where it has a prior) drawn from the prior; the same for every model of one size.
void draw_prior(Loaded& loaded, std::uint64_t seed, int rows) {
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{seed});
    LatentNoise noise;
    noise.seeds = seeds.data();
    noise.purpose = Purpose::kPrior;
    loaded.model.sample_prior(rows, noise);
    loaded.model.decode(rows);
    check(stream_synchronize(loaded.stream));
}

/// Puts one u for all rows.
void set_pose(Loaded& loaded, const std::vector<double>& u, int rows) {
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
    Figures(const ViveExperiment& experiment, const std::vector<ViveReplica>& table,
            const std::vector<ViveReplica>& figures)
        : experiment_(experiment), o_(experiment.options()), data_(experiment.data()), all_(table) {
        for (const ViveReplica& r : figures)
            if (std::none_of(all_.begin(), all_.end(), [&](const ViveReplica& a) { return a.name() == r.name(); }))
                all_.push_back(r);
    }

    std::vector<FigureFile> draw() {
        reconstruction_by_dimension();
        for (int total : {10, 20}) {
            samples("6", "vae", total, SamplePose::kIdentity);
            samples("6", "affine-tvae", total - 6, SamplePose::kIdentity);
        }
        for (const char* model : {"affine-tvae", "affine-dtvae"}) latent_plane(model);
        for (int total : {10, 20}) samples("7", "affine-dtvae", total - 6, SamplePose::kIdentity);
        for (const char* model : {"vae", "affine-tvae", "affine-dtvae", "tps-tvae"}) scatter(model);
        samples("9", "affine-tvae", 24, SamplePose::kIdentity);
        samples("9", "tps-tvae", 12, SamplePose::kIdentity);
        for (const PriorCase& c : kFigure10) prior_samples("10", c);
        for (const PriorCase& c : kFigure11) prior_samples("11", c);
        minima();
        return files_;
    }

  private:
    fs::path path(const std::string& name) const { return o_.out / "figures" / (name + ".png"); }
    void add(const fs::path& file, const std::string& caption) { files_.push_back({file, caption}); }
    std::string title(const ViveReplica& r) const {
        return std::string(vive_model(r.model).title) + ", dim(z) = " + std::to_string(r.latents) +
               (r.model == "vae" ? "" : ", dim(u) = " + std::to_string(pose_size(r.model, o_.config)));
    }

    void reconstruction_by_dimension() {
        std::vector<Series> all;
        for (const char* model : kFourModels) {
            std::map<int, std::vector<double>> by_total;
            for (const ViveReplica& r : all_)
                if (r.model == model && r.prior == PosePrior::kNone && r.evaluated &&
                    r.latents + pose_size(model, o_.config) >= kTotals[0])
                    by_total[r.latents + pose_size(model, o_.config)].push_back(r.test_elbo.reconstruction);
            Series series{vive_model(model).title, {}, {}, {}};
            for (const auto& [total, values] : by_total) {
                const Cell cell = measured_cell("", values);
                series.x.push_back(total);
                series.y.push_back(cell.mean);
                series.std.push_back(cell.n > 1 ? cell.std : 0);
            }
            if (series.x.size() > 1) all.push_back(series);
        }
        if (all.empty()) return;
        Axes axes;
        axes.title = "Reconstruction error by size of the code";
        axes.x = "dim(z) + dim(u)";
        axes.y = "E -log p(x | z, u) on the test set (nats)";
        axes.integer_x = true;
        axes.width = 1100;
        axes.height = 640;
        const fs::path file = path("figure5-reconstruction");
        if (line_plot(file, axes, all))
            add(file,
                "Figure 5. The second term of the bound against all dimensions of the code, z and u together, on the "
                "test set; u is a function of x. The band is one standard deviation where there are several seeds.");
    }

    void samples(const std::string& figure, const std::string& model, int latents, SamplePose pose) {
        const ViveReplica r = replica_of(o_, model, latents);
        if (!experiment_.is_trained(r)) return;
        const fs::path file = path("figure" + figure + "-samples-" + r.group());
        draw_samples(file, experiment_, r, pose, kSheet, kSheet);
        add(file, "Figure " + figure + ". Samples, z drawn from N(0, I), u the identity: " + title(r) + ".");
    }

    /// Decoded images over the square -2..2 of a two-dimensional z.
    void latent_plane(const std::string& model) {
        const ViveReplica r = replica_of(o_, model, 2);
        if (!experiment_.is_trained(r)) return;
        constexpr int kSide = 15;
        const auto loaded = experiment_.load(r, kSide * kSide);
        std::vector<float> z;
        for (int i = 0; i < kSide; ++i)
            for (int j = 0; j < kSide; ++j) {
                z.push_back(-2 + 4.f * float(j) / (kSide - 1));
                z.push_back(2 - 4.f * float(i) / (kSide - 1));
            }
        check(copy_to_device(loaded->model.z(), z.data(), z.size() * sizeof(float), loaded->stream));
        loaded->model.decode(kSide * kSide);
        const fs::path file = path("figure7-plane-" + r.group());
        write_sheet(
            file,
            download(loaded->model.reference(), std::size_t(kSide) * kSide * data_.train.pixels(), loaded->stream),
            kSide, kSide, data_);
        add(file, "Figure 7. What z decodes to over the square from -2 to 2, u the identity: " + title(r) + ".");
    }

    void scatter(const std::string& model) {
        const ViveReplica r = replica_of(o_, model, 2);
        if (!experiment_.is_trained(r)) return;
        const auto loaded = experiment_.load(r, 500);
        std::vector<std::uint8_t> images = data_.test.images;
        const std::size_t shown = std::min<std::size_t>(data_.test.count(), 5000);
        images.resize(shown * data_.test.pixels());
        const DeviceImages device({&images}, {0}, int(data_.test.pixels()));
        const DeviceBuffer<std::uint64_t> none(std::vector<std::uint64_t>{0});
        const std::vector<float> mu =
            extract_features(loaded->model, device, FeatureKind::kMean, none, 0, loaded->matmul).download();
        std::vector<float> x, y;
        for (std::size_t i = 0; i < shown; ++i) x.push_back(mu[2 * i]), y.push_back(mu[2 * i + 1]);
        Axes axes;
        axes.title = vive_model(model).title;
        axes.x = "z1", axes.y = "z2";
        axes.width = 900, axes.height = 700;
        const fs::path file = path("figure8-" + r.group());
        if (scatter_plot(file, axes, x, y, std::span(data_.test.labels).first(shown)))
            add(file, "Figure 8. Test images in a two-dimensional code (posterior means): " + title(r) + ".");
    }

    void prior_samples(const std::string& figure, const PriorCase& c) {
        const ViveReplica r = replica_of(o_, c.model, kPriorLatents, c.prior, c.rank);
        if (!experiment_.is_trained(r)) return;
        const auto loaded = experiment_.load(r, kSheet * kSheet);
        draw_prior(*loaded, o_.first_seed, kSheet * kSheet);
        loaded->model.transform(kSheet * kSheet);
        const std::size_t count = std::size_t(kSheet) * kSheet * data_.train.pixels();
        const std::vector<float> left = download(loaded->model.reference(), count, loaded->stream),
                                 right = download(loaded->model.output(), count, loaded->stream);
        ImageGrid sheet(kSheet, 2 * kSheet + 1, data_.train.height, data_.train.width, digits());
        for (int i = 0; i < kSheet * kSheet; ++i)
            for (const bool is_right : {false, true})
                sheet.set(i / kSheet, i % kSheet + (is_right ? kSheet + 1 : 0),
                          std::span(is_right ? right : left).subspan(i * data_.train.pixels(), data_.train.pixels()));
        const fs::path file = path("figure" + figure + "-" + r.group());
        sheet.write(file);
        add(file, "Figure " + figure +
                      ". Left: samples in their reference pose; right: the same with the pose drawn from "
                      "its prior: " +
                      c.what + ".");
    }

    /// The best and the worst minimum among the runs of one affine T-VAE, by training ELBO.
    void minima() {
        std::map<std::string, std::vector<const ViveReplica*>> groups;
        for (const ViveReplica& r : all_)
            if (r.evaluated && r.model == "affine-tvae" && experiment_.is_trained(r)) groups[r.group()].push_back(&r);
        const auto most = std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
            return a.second.size() < b.second.size();
        });
        if (most == groups.end()) return;
        const auto [best, worst] = std::minmax_element(
            most->second.begin(), most->second.end(), [](const ViveReplica* a, const ViveReplica* b) {
                return a->train_elbo.negative_elbo < b->train_elbo.negative_elbo;
            });
        const std::size_t D = data_.test.pixels();
        ImageSet few = data_.test;
        few.truncate(kPictures);
        const int shown = *best == *worst ? 1 : 2;
        ImageGrid sheet(3 * shown, kPictures, few.height, few.width, digits(3));
        for (int which = 0; which < shown; ++which) {
            const auto loaded = experiment_.load(which ? **worst : **best, kPictures);
            const DeviceImages images({&few.images}, {0}, int(D));
            const int n = int(few.count());
            check(gather_range(loaded->model.minibatch(), images.table(), 0, 1, n, int(D), loaded->stream));
            loaded->model.encode(n, LatentNoise{});
            loaded->model.decode(n);
            loaded->model.transform(n);
            const auto out = download(loaded->model.output(), n * D, loaded->stream),
                       reference = download(loaded->model.reference(), n * D, loaded->stream);
            for (int i = 0; i < n; ++i) {
                sheet.set(3 * which, i, std::span(few.images).subspan(i * D, D));
                sheet.set(3 * which + 1, i, std::span(out).subspan(i * D, D));
                sheet.set(3 * which + 2, i, std::span(reference).subspan(i * D, D));
            }
            sheet.row_caption(3 * which, "x");
            sheet.row_caption(3 * which + 1, "x'");
            sheet.row_caption(3 * which + 2, "y'");
        }
        const fs::path file = path("figure12-minima");
        sheet.write(file);
        const auto told = [](const ViveReplica& r) {
            char text[160];
            std::snprintf(text, sizeof text, "seed %llu, training -ELBO %.1f, mean determinant %.2f%s%s",
                          static_cast<unsigned long long>(r.seed), r.train_elbo.negative_elbo, r.pose.mean_determinant,
                          bad_minimum(r).empty() ? "" : ", counted as bad: ", bad_minimum(r).c_str());
            return std::string(text);
        };
        const std::string what =
            "Figure 12. Inputs x, reconstructions x' and the decoder's output before the warp y' of " + title(**best);
        add(file, shown == 1 ? what + ", the run's only one (" + told(**best) + ")."
                             : what + ". Above: the best of " + std::to_string(most->second.size()) + " runs (" +
                                   told(**best) + "). Below: the worst (" + told(**worst) + ").");
    }

    const ViveExperiment& experiment_;
    const ViveOptions& o_;
    const DataSet& data_;
    std::vector<ViveReplica> all_;
    std::vector<FigureFile> files_;
};

}  // namespace

std::vector<ViveReplica> figure_replicas(const ViveOptions& options) {
    std::vector<ViveReplica> all;
    const auto add = [&](const ViveReplica& r) {
        if (std::none_of(all.begin(), all.end(), [&](const ViveReplica& a) { return a.name() == r.name(); }))
            all.push_back(r);
    };
    for (const char* model : kFourModels) {
        add(replica_of(options, model, 2));
        if (options.quick) continue;
        for (int total : kTotals)
            if (total > pose_size(model, options.config))
                add(replica_of(options, model, total - pose_size(model, options.config)));
    }
    if (options.quick) {
        add(replica_of(options, kFigure10[1].model, kPriorLatents, kFigure10[1].prior));
        return all;
    }
    for (const PriorCase& c : kFigure10) add(replica_of(options, c.model, kPriorLatents, c.prior, c.rank));
    for (const PriorCase& c : kFigure11) add(replica_of(options, c.model, kPriorLatents, c.prior, c.rank));
    return all;
}

void draw_samples(const fs::path& path, const ViveExperiment& experiment, const ViveReplica& replica, SamplePose pose,
                  int rows, int columns) {
    const DataSet& data = experiment.data();
    const int n = rows * columns;
    const auto loaded = experiment.load(replica, n);
    SpatialVae<float>& model = loaded->model;
    if (pose == SamplePose::kPrior && model.has_pose() && model.config().prior == PosePrior::kNone)
        throw UsageError("--pose prior: " + replica.name() + " has no prior on its pose; choose identity or average");
    draw_prior(*loaded, experiment.options().first_seed, n);
    const float* images = model.reference();
    if (pose != SamplePose::kIdentity && model.has_pose()) {
        if (pose == SamplePose::kAverage) {
            const auto encoder = experiment.load(replica, 500);
            const DeviceImages train({&data.train.images}, {0}, int(data.train.pixels()));
            const auto poses = extract_poses(encoder->model, train, 0, encoder->matmul);
            set_pose(*loaded, summarise_poses(poses, model.config()).mean, n);
        }
        model.transform(n);
        images = model.output();
    }
    write_sheet(path, download(images, std::size_t(n) * data.train.pixels(), loaded->stream), rows, columns, data);
}

std::vector<FigureFile> draw_vive_figures(const ViveExperiment& experiment, const std::vector<ViveReplica>& table,
                                          const std::vector<ViveReplica>& figures) {
    return Figures(experiment, table, figures).draw();
}

std::vector<FigureFile> draw_vive_learning_curves(const ViveOptions& options) {
    const fs::path log = options.out / "metrics.jsonl";
    if (!fs::exists(log)) return {};
    std::map<std::string, std::map<int, std::vector<double>>> test;  // [model without its seed][epoch]
    const std::string text = read_file(log);
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const Json line = parse_json(text.substr(begin, end - begin));
        begin = end + 1;
        if (!line.is_object()) continue;
        const std::string replica = line.value("replica", "");
        test[replica.substr(0, replica.find("-seed"))][line.value("epoch", 0)].push_back(
            line.value("test_negative_elbo", NAN));
    }
    std::vector<FigureFile> out;
    for (int latents : options.latents) {
        std::vector<Series> all;
        for (const auto& [model, epochs] : test) {
            const std::string ending = "-z" + std::to_string(latents);
            if (model.size() < ending.size() || model.compare(model.size() - ending.size(), ending.size(), ending) != 0)
                continue;
            Series series{model, {}, {}, {}};
            for (const auto& [epoch, values] : epochs) {
                const Cell cell = measured_cell("", values);
                series.x.push_back(epoch);
                series.y.push_back(cell.mean);
                series.std.push_back(cell.n > 1 ? cell.std : 0);
            }
            all.push_back(series);
        }
        if (all.empty()) continue;
        Axes axes;
        axes.title = "dim(z) = " + std::to_string(latents);
        axes.x = "epoch";
        axes.y = "negative ELBO on the test set (nats)";
        axes.integer_x = true;
        axes.width = 900, axes.height = 600;
        const fs::path file = options.out / "figures" / ("learning-z" + std::to_string(latents) + ".png");
        if (line_plot(file, axes, all))
            out.push_back(
                {file, "Negative ELBO on the test set by epoch; the band is one standard deviation over seeds."});
    }
    return out;
}

}  // namespace warpvae
