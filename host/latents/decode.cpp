// decode and sample: codes of a file or draws of the prior to images.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "data/npy_stream.h"
#include "data/npy_writer.h"
#include "host/latents/commands.h"
#include "host/latents/sheets.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kColumns = 10;             // of a sheet
constexpr std::size_t kMostShown = 100;  // images on it

/// Numbers [n, width] of a .npy file of any number type and order. Throws Error naming the file, its shape and the
/// model that wants another, or the place of a number that is not finite.
std::vector<float> read_rows(const fs::path& path, std::size_t width, const std::string& what,
                             const LatentSubject& subject) {
    const std::unique_ptr<ByteStream> stream = open_stream(path);
    const NpyHeader header = read_npy_header(*stream);
    std::string shape;
    for (const std::size_t extent : header.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(extent);
    if (header.shape.size() != 2 || header.shape[1] != width || !header.shape[0])
        throw Error(path.string() + ": its shape is [" + shape + "], " + what + " of " + subject.name + " is [n, " +
                    std::to_string(width) + "]; choose the model that the file is of (its --latents, ...)");
    std::vector<float> numbers = read_npy_floats(*stream, header);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        if (!std::isfinite(numbers[i]))
            throw Error(path.string() + ": the number in row " + std::to_string(i / width) + ", column " +
                        std::to_string(i % width) + " is not finite");
    return numbers;
}

void require_rows(const std::string& file, std::size_t rows, std::size_t codes) {
    if (rows != codes)
        throw Error(file + ": " + std::to_string(rows) + " rows for " + std::to_string(codes) +
                    " codes; there must be as many");
}

/// The mean of u over the training images.
std::vector<float> average_pose(const LatentCall& call, LatentModel& model) {
    const ImageSet& train = call.supply.images(Part::kTrain);
    const DeviceImages images({&train.images}, {0}, int(model.D()));
    std::vector<double> sum(std::size_t(model.S()));
    for_batches(images.count(), model.rows(), [&](std::size_t first, int n) {
        const std::vector<float> u = model.encode(images, first, n).codes.u;
        for (std::size_t i = 0; i < u.size(); ++i) sum[i % sum.size()] += u[i];
    });
    std::vector<float> mean;
    for (const double number : sum) mean.push_back(float(number / double(images.count())));
    return mean;
}

/// Puts the pose that --pose or --u says beside codes. u of the prior lies there already.
void put_pose(const LatentCall& call, const LatentSubject& subject, LatentModel& model, Codes& codes) {
    const std::string &pose = call.options.pose, &file = call.options.u;
    const std::size_t n = codes.z.size() / std::size_t(model.Z());
    if (!file.empty()) {
        codes.u = read_rows(file, std::size_t(model.S()), "u", subject);
        require_rows(file, codes.u.size() / std::size_t(model.S()), n);
    } else if (pose == "identity") {
        codes = without_pose(model, std::move(codes));
    } else if (pose == "average") {
        const std::vector<float> mean = average_pose(call, model);
        codes.u.clear();
        for (std::size_t i = 0; i < n; ++i) codes.u.insert(codes.u.end(), mean.begin(), mean.end());
    } else {
        const std::vector<float> rows = read_rows(pose, kAffinePoseNumbers, "a pose", subject);
        require_rows(pose, rows.size() / kAffinePoseNumbers, n);
        codes = without_pose(model, std::move(codes));
        for (auto row = rows.begin(); row != rows.end(); row += kAffinePoseNumbers)
            std::copy_n(row, kAffinePoseNumbers, codes.poses.emplace_back().begin());
    }
}

/// What a word of --pose must be, before any model is loaded.
void require_pose(const LatentCall& call, bool of_sample) {
    const std::string& pose = call.options.pose;
    if (!call.options.u.empty() && pose != "identity") throw UsageError("--pose and --u both say the pose: choose one");
    if (!call.supply.has_pose || pose == "identity" || pose == "average" || (of_sample && pose == "prior")) return;
    if (of_sample) throw UsageError("--pose " + pose + ": it must be identity, average or prior");
    if (!fs::exists(pose)) throw UsageError("--pose " + pose + ": neither identity nor average nor a file");
}

/// The classes to draw, as the model has them.
std::vector<int> classes_of(const LatentCall& call, LatentModel& model) {
    const std::vector<int> classes = call.supply.classes();
    for (const int k : classes)
        if (k < 0 || k >= model.classes())
            throw UsageError("--classes " + std::to_string(k) + ": the model's are 0 to " +
                             std::to_string(model.classes() - 1));
    return classes;
}

/// Each code once for each class, one code after the other.
Codes in_classes(LatentModel& model, const Codes& codes, const std::vector<int>& classes) {
    Codes all;
    const std::size_t width = std::size_t(model.Z());
    for (std::size_t first = 0; first < codes.z.size(); first += width)
        for (const int k : classes)
            all.append({{codes.z.begin() + std::ptrdiff_t(first), codes.z.begin() + std::ptrdiff_t(first + width)},
                        {},
                        {},
                        model.class_given(k)});
    return all;
}

std::vector<std::string> captions_of(const std::vector<int>& classes) {
    std::vector<std::string> captions;
    for (const int k : classes) captions.push_back(std::to_string(k));
    return captions;
}

/// Decodes into images.npy, and returns the images that a sheet shows.
std::vector<float> write_images(const LatentCall& call, const LatentSubject& subject, LatentModel& model,
                                const Codes& codes, const fs::path& folder, std::size_t shown) {
    const std::size_t n = codes.z.size() / std::size_t(model.Z());
    Progress progress(
        {.label = "decode, " + subject.name, .total = std::int64_t(n), .unit = "images", .quiet = call.quiet()});
    NpyWriter<float> file(folder / "images.npy", ImageShape(model).of({n}));
    std::vector<float> first_ones;
    for_batches(n, model.rows(), [&](std::size_t first, int count) {
        const std::vector<float> images = model.decode(rows_of(model, codes, first, std::size_t(count)));
        file.append(images);
        const std::size_t wanted =
            std::min(images.size(), shown * model.D() - std::min(first_ones.size(), shown * model.D()));
        first_ones.insert(first_ones.end(), images.begin(), images.begin() + std::ptrdiff_t(wanted));
        progress.update(std::int64_t(first) + count);
    });
    file.finish();
    return first_ones;
}

/// Of codes that a run has written the folder's name goes before, for all of them are called alike; the run's own
/// folders are not taken.
std::string name_of_codes(const fs::path& path) {
    const std::string name = path.stem().string(), above = fs::absolute(path).parent_path().filename().string();
    if (fs::exists(path.parent_path() / kIndex)) return above + "-" + name;
    for (const char* taken : {"train", "test", "prior"})
        if (name == taken) return name + "-codes";
    return name;
}

void decode_by(const LatentCall& call, const LatentSubject& subject) {
    const fs::path path = call.program.operands()[0];
    const auto model = subject.load(kLatentRows);
    Codes codes;
    codes.z = read_rows(path, std::size_t(model->Z()), "a code", subject);
    if (model->model().has_pose()) put_pose(call, subject, *model, codes);
    std::vector<int> classes;
    if (model->given() && !call.options.r.empty()) {
        codes.r = read_rows(call.options.r, std::size_t(model->given()), "r", subject);
        require_rows(call.options.r, codes.r.size() / std::size_t(model->given()),
                     codes.z.size() / std::size_t(model->Z()));
    } else if (model->given()) {
        classes = classes_of(call, *model);
        codes = in_classes(*model, codes, classes);
    }
    const fs::path folder = call.folder(subject, name_of_codes(path));
    const int columns = classes.empty() ? kColumns : int(classes.size());
    const std::size_t rows = std::max<std::size_t>(1, kMostShown / std::size_t(columns));
    const std::vector<float> shown = write_images(call, subject, *model, codes, folder, rows * std::size_t(columns));
    write_sheet(folder / "decoded.png", ImageShape(*model), shown, columns, captions_of(classes));
    std::printf("%zu images decoded: %s\n", codes.z.size() / std::size_t(model->Z()), (folder / "decoded.png").c_str());
}

void sample_by(const LatentCall& call, const LatentSubject& subject) {
    const auto model = subject.load(kLatentRows);
    const LatentOptions& o = call.options;
    if (o.pose == "prior" && model->model().has_pose() && !model->has_pose_prior())
        throw UsageError("--pose prior: " + subject.name + " has no prior on its pose; choose identity or average");
    const std::size_t side = std::size_t(o.sheet), n = o.count ? std::size_t(o.count) : side * side;
    Codes codes = model->draw_prior(n, subject.seed);
    if (model->model().has_pose() && o.pose != "prior") put_pose(call, subject, *model, codes);
    std::vector<std::int64_t> labels;
    std::vector<int> classes;
    if (model->given()) {  // one class after the other
        classes = classes_of(call, *model);
        for (std::size_t i = 0; i < n; ++i) {
            const int k = classes[i % classes.size()];
            const std::vector<float> r = model->class_given(k);
            codes.r.insert(codes.r.end(), r.begin(), r.end());
            labels.push_back(k);
        }
    }
    const fs::path folder = call.folder(subject, "prior");
    const std::vector<float> shown = write_images(call, subject, *model, codes, folder, side * side);
    write_npy(folder / "codes.npy", {n, std::size_t(model->Z())}, codes.z);
    if (!codes.u.empty()) write_npy(folder / "u.npy", {n, std::size_t(model->S())}, codes.u);
    if (model->given()) {
        write_npy(folder / "r.npy", {n, std::size_t(model->given())}, codes.r);
        write_npy(folder / "labels.npy", {n}, labels);
    }
    const bool by_class = classes.size() > 1 && side % classes.size() == 0;
    write_sheet(folder / "samples.png", ImageShape(*model), shown, o.sheet,
                by_class ? captions_of(classes) : std::vector<std::string>());
    std::printf("%zu samples: %s\n", n, (folder / "samples.png").c_str());
}

/// The model that encode read the codes from, where they lie in its folder; else the first seed of each kind.
std::vector<LatentSubject> decoders(const LatentCall& call) {
    const fs::path above = fs::absolute(call.program.operands()[0]).parent_path();
    for (const LatentSubject& subject : call.supply.all()) {
        std::error_code not_there;
        if (fs::equivalent(above, call.folder(subject, above.filename().string()), not_there)) return {subject};
    }
    return call.supply.first_seeds();
}

}  // namespace

void decode_codes(const LatentCall& call) {
    require_pose(call, false);
    for (const LatentSubject& subject : decoders(call)) decode_by(call, subject);
}

void sample_prior(const LatentCall& call) {
    require_pose(call, true);
    for (const LatentSubject& subject : call.supply.first_seeds()) sample_by(call, subject);
}

}  // namespace warpvae
