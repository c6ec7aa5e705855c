// traverse and interpolate: walks through the latents, as sheets and in motion.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <numeric>

#include "host/latents/commands.h"
#include "host/latents/image_source.h"
#include "host/latents/sheets.h"
#include "host/log.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLooked = 2000;  // images that say how latents and poses vary
constexpr int kMostLatents = 10;       // walked along where --dims does not say which
constexpr int kMovingSteps = 19;       // from one end of a walk to the other, in motion
constexpr int kHeld = 4;               // pictures at either end of a transition

/// One number that a walk changes: a latent, or one of the pose.
struct Walk {
    std::string name;
    int latent = -1, pose = -1;
    double middle = 0, deviation = 1;  ///< of its prior
};

/// Middle and deviation of each number of poses [n], those that mirror left out.
std::vector<Walk> pose_walks(const std::vector<AffinePose>& poses) {
    std::vector<Walk> walks;
    for (int j = 0; j < kAffinePoseNumbers; ++j) {
        double sum = 0, square = 0, count = 0;
        for (const AffinePose& pose : poses)
            if (std::isfinite(pose[2])) sum += pose[j], square += pose[j] * pose[j], ++count;
        const double mean = count ? sum / count : 0;
        const double variance = count ? std::max(0., square / count - mean * mean) : 0;
        walks.push_back({kPoseDims[std::size_t(j)], -1, j, mean, std::sqrt(variance)});
    }
    return walks;
}

std::vector<AffinePose> read_poses(LatentModel& model, const std::vector<float>& u) {
    const PoseReader reader = model.pose_reader();
    std::vector<AffinePose> poses;
    for (std::size_t i = 0; i < u.size(); i += std::size_t(model.S())) poses.push_back(reader.read(u.data() + i));
    return poses;
}

std::vector<std::uint8_t> first_images(const ImageSet& set, std::size_t n) {
    return {set.images.begin(), set.images.begin() + std::ptrdiff_t(std::min(n, set.count()) * set.image_size())};
}

/// The latents by how much their means vary over images, most first.
std::vector<int> by_activity(const std::vector<float>& means, int Z) {
    std::vector<double> sum(Z), square(Z);
    for (std::size_t i = 0; i < means.size(); ++i)
        sum[i % sum.size()] += means[i], square[i % sum.size()] += double(means[i]) * means[i];
    const double n = double(means.size()) / Z;
    const auto variance = [&](int j) { return square[std::size_t(j)] / n - std::pow(sum[std::size_t(j)] / n, 2); };
    std::vector<int> order(Z);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return variance(a) > variance(b); });
    return order;
}

Walk latent_walk(int j) { return {"z" + std::to_string(j), j, -1, 0, 1}; }

/// The walk that a word of --dims names; the model has a pose where that is one of its names.
Walk walk_of(const std::string& dim, const LatentSubject& subject, LatentModel& model, const std::vector<Walk>& poses) {
    if (const auto number = whole<int>(0, 1 << 30).read(dim)) {
        if (*number < model.Z()) return latent_walk(*number);
        throw UsageError("--dims " + dim + ": the latents of " + subject.name + " are 0 to " +
                         std::to_string(model.Z() - 1));
    }
    return *std::find_if(poses.begin(), poses.end(), [&](const Walk& walk) { return walk.name == dim; });
}

/// Where walks begin: the code of an image, or the middle of the prior.
struct WalkStart {
    std::string source;
    Codes code;  ///< one row; its pose is in `poses`
    std::vector<Walk> walks;
};

WalkStart start_of(const LatentCall& call, const LatentSubject& subject, LatentModel& model) {
    WalkStart start{"prior", {}, {}};
    start.code.z.assign(std::size_t(model.Z()), 0.f);
    if (model.given()) start.code.r = model.class_given(call.supply.classes().front());
    std::vector<Walk> poses;
    if (model.model().has_pose()) {
        const std::vector<float> u =
            model.has_pose_prior() ? model.draw_prior(kLooked, subject.seed).u
                                   : model.encode(first_images(call.supply.images(Part::kTrain), kLooked)).codes.u;
        poses = pose_walks(read_poses(model, u));
        AffinePose& middle = start.code.poses.emplace_back();
        for (const Walk& walk : poses) middle[std::size_t(walk.pose)] = walk.middle;
        start.code.u = model.pose_reader().identity();
    }
    if (!call.program.operands().empty()) {
        const NamedImage image = image_of(call, call.program.operands()[0]);
        start.source = image.name;
        start.code = model.encode(image.bytes).codes;
        if (model.model().has_pose()) start.code.poses = read_poses(model, start.code.u);
    }
    for (const std::string& dim : call.options.dims) start.walks.push_back(walk_of(dim, subject, model, poses));
    if (!start.walks.empty()) return start;
    start.walks = poses;
    std::erase_if(start.walks, [](const Walk& walk) { return walk.deviation < 1e-4; });  // one that the pose has not
    const std::vector<int> order =
        by_activity(model.encode(first_images(call.supply.images(Part::kTest), kLooked)).codes.z, model.Z());
    for (int i = 0; i < std::min(kMostLatents, model.Z()); ++i)
        start.walks.push_back(latent_walk(order[std::size_t(i)]));
    return start;
}

/// Each walk at the given places, in deviations of the prior.
FrameSheet walk_along(LatentModel& model, const WalkStart& start, const std::vector<double>& places) {
    FrameSheet sheet{ImageShape(model), {}, {}};
    for (const Walk& walk : start.walks) {
        Codes codes;
        for (const double place : places) {
            Codes code = start.code;
            const double value = walk.middle + place * walk.deviation;
            if (walk.latent >= 0) code.z[std::size_t(walk.latent)] = float(value);
            if (walk.pose >= 0) code.poses[0][std::size_t(walk.pose)] = value;
            codes.append(code);
        }
        sheet.rows.push_back({walk.name, model.decode(codes)});
    }
    return sheet;
}

/// False: --dims asks for a pose, and the model has none.
bool traverse_by(const LatentCall& call, const LatentSubject& subject) {
    const auto model = subject.load(kLatentRows);
    const std::vector<std::string>& dims = call.options.dims;
    if (!model->model().has_pose() &&
        std::find_first_of(dims.begin(), dims.end(), kPoseDims.begin(), kPoseDims.end()) != dims.end()) {
        log_info(subject.name + " has no pose to walk along: left out");
        return false;
    }
    const WalkStart start = start_of(call, subject, *model);
    const LatentOptions& o = call.options;
    std::vector<double> places, moving;
    for (int i = 0; i < o.steps; ++i) places.push_back(o.span * (2. * i / (o.steps - 1) - 1));
    for (int i = 0; i < kMovingSteps; ++i)  // slower towards the ends, where it turns
        moving.push_back(-o.span * std::cos(std::numbers::pi * i / (kMovingSteps - 1)));

    FrameSheet sheet = walk_along(*model, start, places);
    for (const double place : places) sheet.columns.push_back(formatted("%+.3g", std::abs(place) < 1e-9 ? 0 : place));
    const fs::path folder = call.folder(subject, start.source);
    sheet.write_arrays(folder);
    sheet.write_sheet(folder / "traversal.png", subject.name + ": deviations of the prior");
    std::printf("walks: %s\n", (folder / "traversal.png").c_str());
    if (write_motion(folder / "traversal.gif", walk_along(*model, start, moving), 0))
        std::printf("in motion: %s\n", (folder / "traversal.gif").c_str());
    return true;
}

void interpolate_by(const LatentCall& call, const LatentSubject& subject) {
    const NamedImage a = image_of(call, call.program.operands()[0]), b = image_of(call, call.program.operands()[1]);
    const auto model = subject.load(kLatentRows);
    FrameSheet sheet{ImageShape(*model), model->transitions(a.bytes, b.bytes, call.options.frames), {}};
    sheet.columns.assign(std::size_t(sheet.frames()), "");
    sheet.columns.front() = "x", sheet.columns.back() = "x'";
    const fs::path folder = call.folder(subject, a.name + "-" + b.name);
    sheet.write_arrays(folder);
    sheet.write_sheet(folder / "interpolation.png", subject.name);
    std::printf("sheet: %s\n", (folder / "interpolation.png").c_str());
    if (write_motion(folder / "interpolation.gif", sheet, kHeld))
        std::printf("in motion: %s\n", (folder / "interpolation.gif").c_str());
}

}  // namespace

void traverse_latents(const LatentCall& call) {
    bool some = false;
    for (const LatentSubject& subject : call.supply.first_seeds()) some |= traverse_by(call, subject);
    if (!some) throw UsageError("--dims: none of these models has a pose; choose others, or latents by number");
}

void interpolate_images(const LatentCall& call) {
    for (const LatentSubject& subject : call.supply.first_seeds()) interpolate_by(call, subject);
}

}  // namespace warpvae
