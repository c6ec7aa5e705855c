// Writes what a trained model says of a few glyphs, which its PyTorch module (in this folder) has to say too.
//   torch_modules_reference PROGRAM MODEL.safetensors TO.safetensors
// PROGRAM is the one that trained it. TO holds x, the images as the model takes them; mean and deviation of q(z | x);
// z, drawn from that; images, the mean of p(x | z); elbo, of that draw; and what a model has besides: a pose u, drawn
// too, and mean_u, which is what the means of its posterior make.
#include <cmath>
#include <cstdio>

#include "data/glyphs.h"
#include "data/image_preparation.h"
#include "host/core/checkpoint.h"
#include "host/core/convolution_device.h"
#include "host/experiments/equivae/equivae.h"
#include "host/experiments/geometry/geometry.h"
#include "host/experiments/invariance/invariance.h"
#include "host/experiments/spatial/spatial.h"
#include "host/files/safetensors.h"

namespace warpvae {
namespace {

constexpr int kImages = 7, kDraws = 5, kSetImages = 3;

/// The settings in a file of weights, into the options of the paper.
template <class Options>
Options options_of(const SafeTensors& file) {
    Options options;
    Settings settings;
    RunOptions run;
    add_run_settings(settings, run);
    add_settings(settings, options);
    for (const auto& [name, value] : file.metadata)
        for (Setting& setting : settings.all())
            if ((setting.name == name || setting.was == name) && !value.empty())
                setting.assign(value, Setting::Source::kConfig);
    return options;
}
/// The value of a setting that the options have as a list, or not at all.
const std::string* setting(const SafeTensors& file, const std::string& name) {
    for (const auto& [key, value] : file.metadata)
        if (key == name && !value.empty()) return &value;
    return nullptr;
}

class Reference {
  public:
    explicit Reference(const SafeTensors& weights) : weights_(weights) {}

    /// Uploads the weights, and pixels in [0, 1] as the model's minibatch.
    void load(Autoencoder<float>& model, const std::vector<float>& x) {
        std::vector<float> arena(model.parameters().layout().size());
        for (const ParameterInfo& tensor : model.parameters().layout().tensors())
            tensor.set(arena, weights_.at(tensor.name).values<float>());
        model.parameters().upload(0, arena);
        check(copy_to_device(model.minibatch(), x.data(), x.size() * sizeof(float), model.stream()));
        add("x", {kImages, model.image_size()}, x);
    }
    void encode_and_decode(Autoencoder<float>& model) {
        const std::int64_t N = kImages, Z = model.latents(), S = model.pose().numbers;
        if (S) {  // without noise the means are what is drawn
            model.encode(kImages, {});
            add("mean_u", {N, S}, from(model.u(), N * S));
        }
        model.encode(kImages, noise());
        add_moments("mean", "deviation", from(model.moments(), N * 2 * Z), model.spread());
        add("z", {N, Z}, from(model.z(), N * Z));
        if (S) add("u", {N, S}, from(model.u(), N * S));
        std::vector<float> elbo(kImages);
        for (const float* kl : model.divergences()) subtract(elbo, from(kl, N));
        model.decode(kImages);
        DeviceBuffer<float> nll(kImages);
        model.negative_log_likelihood(nll.data(), model.minibatch(), kImages);
        subtract(elbo, from(nll.data(), N));
        add("elbo", {N}, elbo);
        add("images", {N, model.image_size()},
            from(model.decoded_images(kImages), std::size_t(N) * model.image_size()));
    }
    /// [N, 2Z] as two tensors, the spreads as deviations.
    void add_moments(const char* mean, const char* deviation, const std::vector<float>& moments, Spread spread) {
        const std::size_t Z = moments.size() / kImages / 2;
        std::vector<float> halves[2];
        for (std::size_t i = 0; i < moments.size(); ++i) {
            const double s = double(moments[i]);
            const bool is_mean = i / Z % 2 == 0;
            halves[!is_mean].push_back(is_mean                           ? moments[i]
                                       : spread == Spread::kLogVariance  ? float(std::exp(s / 2))
                                       : spread == Spread::kLogDeviation ? float(std::exp(std::max(s, std::log(1e-6))))
                                       : spread == Spread::kLogDeviationFromOne ? float(std::exp(std::max(s, 1e-6)))
                                                                                : float(std::sqrt(s)));
        }
        add(mean, {kImages, std::int64_t(Z)}, halves[0]);
        add(deviation, {kImages, std::int64_t(Z)}, halves[1]);
    }
    void add(const std::string& name, std::vector<std::int64_t> shape, const std::vector<float>& values) {
        file_.tensors.push_back(Tensor::of<float>(name, std::move(shape), values));
    }
    static std::vector<float> from(const float* device, std::size_t count) {
        std::vector<float> host(count);
        check(copy_to_host(host.data(), device, count * sizeof(float)));
        return host;
    }
    static void subtract(std::vector<float>& from, const std::vector<float>& what) {
        for (std::size_t i = 0; i < from.size(); ++i) from[i] -= what[i];
    }
    LatentNoise noise() const { return {.seeds = seeds_.data()}; }
    void write(const char* path) const { write_safetensors(path, file_); }

  private:
    const SafeTensors& weights_;
    SafeTensors file_;
    const DeviceBuffer<std::uint64_t> seeds_{std::vector<std::uint64_t>{5}};
};

/// The size of the images that the weights are of.
template <class Config>
void fit(Config& config, const SafeTensors& file) {
    if (std::sscanf(file.metadata_at(kImageShape).c_str(), "%d,%d,%d", &config.height, &config.width,
                    &config.channels) != 3)
        throw Error("the weights do not say what images they are of");
}
/// Glyphs of that size, grey or in colour, with values from 0 to 1.
template <class Config>
std::vector<float> glyphs(int count, const Config& config) {
    const ImageSet set =
        config.channels > 1 ? make_colour_glyphs(count, 7, Part::kTest).set : make_glyphs(count, 7, Part::kTest).set;
    const ImagePreparation to_size = {
        .height = config.height, .width = config.width, .channels = config.channels, .fit = Fitting::kStretch};
    std::vector<float> x;
    for (int i = 0; i < count; ++i) {
        const auto image = set.image(i);
        const Picture picture = {set.height, set.width, set.channels, {image.begin(), image.end()}};
        for (const std::uint8_t byte : prepare(picture, to_size, "a glyph").pixels) x.push_back(float(byte) / 255);
    }
    return x;
}

void dense_vae(Reference& to, const SafeTensors& file) {
    const auto options = options_of<InvarianceOptions>(file);
    DenseVaeConfig config;
    config.hidden = options.hidden, config.latents = options.latents[0], config.likelihood = options.pixels;
    fit(config, file);
    OnDevice<DenseVae<float>> vae(config, 1, kImages);
    to.load(vae.model, glyphs(kImages, config));
    to.encode_and_decode(vae.model);
}

void renyi_vae(Reference& to, const SafeTensors& file) {
    const auto options = options_of<GeometryOptions>(file);
    RenyiVaeConfig config = options.model;
    config.latents = options.latents[0], config.samples = kDraws;
    fit(config, file);
    OnDevice<RenyiVae<float>> vae(config, options.alphas, kImages);
    to.load(vae.model, glyphs(kImages, config));
    to.encode_and_decode(vae.model);
    vae.model.evaluate(kImages, to.noise());
    to.add("draws", {kImages, kDraws, config.latents},
           Reference::from(vae.model.z(), std::size_t(kImages) * kDraws * config.latents));
    for (const LossTerm<float>& term : vae.model.loss_terms()) {
        std::vector<float> bound(kImages);
        Reference::subtract(bound, Reference::from(term.rows, kImages));
        to.add(term.name == "negative_bound" ? "bound" : "elbo_of_draws", {kImages}, bound);
    }
}

void spatial_vae(Reference& to, const SafeTensors& file) {
    const auto options = options_of<SpatialOptions>(file);
    SpatialVaeConfig config = SpatialReplica(options.rows[0], options.model).config;
    config.latents = options.latents[0], config.samples = 1;
    fit(config, file);
    OnDevice<SpatialVae<float>> vae(config, 1, kImages);
    to.load(vae.model, glyphs(kImages, config));
    to.encode_and_decode(vae.model);
}

void equivae(Reference& to, const SafeTensors& file) {
    const auto options = options_of<EquivaeOptions>(file);
    EquivaeConfig config = EquivaeConfig::for_latents(options.latents);
    fit(config, file);
    config.fit(config.height, config.width);
    config.likelihood = options.pixels.value_or(config.channels > 1 ? Likelihood::kGaussian : Likelihood::kBernoulli);
    config.semi_supervised = *setting(file, "kind") == "semi-supervised";
    config.normalisation = options.normalisation;
    const ConvolutionDevice device;
    Equivae<float> model(config, 1, kImages, {}, device.matmul, device.convolver);
    const std::int64_t Z = config.latents;
    to.load(model, glyphs(kImages, config));
    const std::vector<float> sets = glyphs(kImages * kSetImages, config);
    to.add("sets", {kImages, kSetImages, model.image_size()}, sets);
    check(copy_to_device(model.sets(), sets.data(), sets.size() * sizeof(float), device.stream));
    model.embed_sets(kImages, kSetImages);
    to.add("r", {kImages, Z}, Reference::from(model.r(), kImages * Z));
    to.encode_and_decode(model);
    if (!config.semi_supervised) return;
    model.classify(kImages);
    to.add("class_logits", {kImages, config.classes}, Reference::from(model.class_logits(), kImages * config.classes));
}

}  // namespace
}  // namespace warpvae

int main(int count, char** arguments) try {
    using namespace warpvae;
    const std::string program = count == 4 ? arguments[1] : "";
    const auto of = program == "invariance" ? dense_vae
                    : program == "geometry" ? renyi_vae
                    : program == "spatial"  ? spatial_vae
                    : program == "equivae"  ? equivae
                                            : nullptr;
    if (!of) {
        std::fprintf(stderr, "usage: torch_modules_reference PROGRAM MODEL.safetensors TO.safetensors\n");
        return 2;
    }
    require_device();
    const SafeTensors weights = read_safetensors(arguments[2]);
    Reference reference(weights);
    of(reference, weights);
    reference.write(arguments[3]);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "torch_modules_reference: %s\n", error.what());
    return 1;
}
