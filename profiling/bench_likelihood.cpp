// log p(x) of the VAE of Peste et al. (784-200-200-30) by importance sampling, as geometry estimates it: gather,
// encoder, draws, decoder, likelihood, running log weights.
//
//   bench_likelihood [--images 10000] [--draws 2000] [--latents 30] [--hidden 200,200] [--replicas R] [--rounds 3]
//                    [--decoder fused|logits] [--rows ROWS] [--draws-at-once K]
//       prints the median, lowest and highest milliseconds, those of the floor, and the 10^12 multiplications that the
//       floor is made of; 20 images on the CPU device. "logits": the decoder's output is written and read again by a
//       kernel of its own. ROWS of each replica are decoded at a time
//   bench_likelihood [--images 5] [--draws 40] ... --export FILE
//       one model; writes weights, images, noise and what is estimated, for the peer to repeat
//       (peers/likelihood_torch.py --check FILE)
//
// Floor: the decoder's multiplications with addition at the rate of our own matrix product.
#include <cstdio>

#include "host/evaluate/likelihood.h"
#include "models/renyi_vae.h"
#include "profiling/macs.h"
#include "profiling/training_steps.h"

namespace warpvae {
namespace {

struct Options {
    int images = 0, draws = 2000, latents = 30, replicas = 1, rounds = 3, rows = 0, draws_at_once = 0;
    std::vector<int> hidden = {200, 200};
    bool writes_logits = false;
    std::string export_to;
};

Options parse(int argc, char** argv) {
    Options o;
    const std::map<std::string, int*> counts = {{"--images", &o.images},
                                                {"--draws", &o.draws},
                                                {"--latents", &o.latents},
                                                {"--replicas", &o.replicas},
                                                {"--rounds", &o.rounds},
                                                {"--rows", &o.rows},
                                                {"--draws-at-once", &o.draws_at_once}};
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i];
        if (i + 1 == argc) throw DeviceError(name + " needs a value");
        const std::string value = argv[i + 1];
        if (name == "--export") {
            o.export_to = value;
        } else if (name == "--decoder" && (value == "fused" || value == "logits")) {
            o.writes_logits = value == "logits";
        } else if (name == "--hidden") {
            o.hidden.clear();
            for (const double width : parse_numbers(value)) o.hidden.push_back(int(width));
        } else if (const auto count = counts.find(name); count == counts.end()) {
            throw DeviceError("no option " + name + " " + value);
        } else if ((*count->second = std::atoi(value.c_str())) < 1) {
            throw DeviceError(name + " must be at least 1");
        }
    }
    if (!o.images) o.images = device_is_gpu() ? 10000 : 20;
    if (!o.draws_at_once) o.draws_at_once = likelihood_draws_at_once(o.draws);
    if (!o.rows) o.rows = likelihood_decoder_rows(o.replicas);
    return o;
}

/// The model, or one whose decoder writes its logits.
class Model : public RenyiVae<float> {
  public:
    Model(const RenyiVaeConfig& config, const Options& o, const Matmul& matmul)
        : RenyiVae<float>(config, std::vector<double>(std::size_t(o.replicas), 0.),
                          std::max(4, o.rows / o.draws_at_once), matmul),
          writes_logits_(o.writes_logits) {}
    void decode_likelihood(float* nll, const float* target, int N, int K) override {
        if (writes_logits_) return Autoencoder<float>::decode_likelihood(nll, target, N, K);
        RenyiVae<float>::decode_likelihood(nll, target, N, K);
    }

  private:
    const bool writes_logits_;
};

/// Of one draw.
double decoder_macs(Model& model) {
    double macs = 0;
    for (const ParameterInfo& tensor : model.parameters().layout().tensors())
        if (tensor.name.starts_with("decoder.") && tensor.shape.size() == 2) macs += double(tensor.count);
    return macs;
}

/// The noise of all draws, [images, draws, latents]: those of one pass.
std::vector<float> noise_of(const Options& o, const DeviceBuffer<std::uint64_t>& seeds) {
    const int rows = o.images * o.draws;
    const std::size_t drawn = std::size_t(rows) * o.latents;
    const DeviceBuffer<float> moments(std::vector<float>(2 * drawn, 0.f));  // mu = 0, log sigma = 0: z is the noise
    DeviceBuffer<float> z(drawn);
    LatentNoise noise{.seeds = seeds.data(), .purpose = Purpose::kEvaluate};
    check(gaussian_sample_forward<float>(z.data(), nullptr, moments.data(), {}, Spread::kLogDeviation, noise, 1, rows,
                                         o.latents, nullptr));
    return z.download();
}

void write_down(const Options& o, Model& model, const std::vector<std::uint8_t>& bytes,
                const DeviceBuffer<std::uint64_t>& seeds, const LikelihoodEstimate& estimate) {
    SafeTensors file;
    std::string hidden;
    for (const int width : o.hidden) hidden += (hidden.empty() ? "" : ",") + std::to_string(width);
    file.metadata = {{"hidden", hidden}, {"latents", std::to_string(o.latents)}};
    add_arena(file, model.parameters().layout(), "weights.", model.parameters().download(0));
    std::vector<float> x;
    for (const std::uint8_t byte : bytes) x.push_back(float(byte) / 255.f);
    const std::vector<double> estimated = {estimate.log_likelihood, estimate.negative_elbo,
                                           estimate.effective_sample_size};
    file.tensors.push_back(Tensor::of<float>("images", {o.images, kPixels}, x));
    file.tensors.push_back(Tensor::of<float>("noise", {o.images, o.draws, o.latents}, noise_of(o, seeds)));
    file.tensors.push_back(Tensor::of<double>("estimate", {3}, estimated));
    write_safetensors(o.export_to, file);
}

int run(int argc, char** argv) {
    require_device();
    Options o = parse(argc, argv);
    const bool exports = !o.export_to.empty();
    if (exports && (o.replicas > 1 || o.draws_at_once < o.draws))
        throw DeviceError("--export is of one model whose draws of an image are one pass");
    const Stream stream = stream_create();
    const Matmul matmul(stream);
    RenyiVaeConfig config;
    config.hidden = o.hidden, config.latents = o.latents, config.samples = o.draws_at_once;
    Model model(config, o, matmul);
    std::vector<std::uint64_t> own;
    for (int r = 0; r < o.replicas; ++r) own.push_back(std::uint64_t(1 + r));
    model.parameters().initialise(own, stream);
    const DeviceBuffer<std::uint64_t> seeds(own);
    const std::vector<std::uint8_t> bytes = random_images(std::size_t(o.images));
    const DeviceImages images({&bytes}, std::vector<int>(own.size(), 0), kPixels);
    LikelihoodOptions options;
    options.samples = o.draws, options.images = 0, options.draws_at_once = o.draws_at_once;
    const auto estimate = [&] { return estimate_likelihood(model, images, options, seeds); };
    if (exports) {
        write_down(o, model, bytes, seeds, estimate()[0]);
        return 0;
    }
    std::vector<double> milliseconds;
    for (int i = 0; i < o.rounds + 1; ++i) milliseconds.push_back(microseconds(stream, [&] { estimate(); }) / 1000);
    milliseconds.erase(milliseconds.begin());  // the first loads kernels and touches memory
    const Timing t = timing_of(milliseconds);
    const double macs = double(o.replicas) * o.images * o.draws * decoder_macs(model);
    std::printf("%.2f %.2f %.2f %.2f %.4f\n", t.median, t.lowest, t.highest, macs / product_rate(matmul) / 1000,
                macs / 1e12);
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try { return warpvae::run(argc, argv); } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_likelihood: %s\n", error.what());
    return 1;
}
