#include "data/known_sets.h"

#include <cstdlib>

#include "data/amat.h"
#include "data/error.h"
#include "data/glyphs.h"
#include "data/mills_variants.h"
#include "data/sha256.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr ImageSetShape kDigits{28, 28, 10};
constexpr std::uint64_t kSeed = 1;  // of sets that are made on the spot
const char* const kPrefixes[2] = {"train", "t10k"};
const char* const kRotatedTrain = "mnist_all_rotation_normalized_float_train_valid.amat";
const char* const kRotatedTest = "mnist_all_rotation_normalized_float_test.amat";

std::vector<KnownFile> idx_files(const char* const (&digests)[4]) {
    return {{"train-images-idx3-ubyte", digests[0], 47040016},
            {"train-labels-idx1-ubyte", digests[1], 60008},
            {"t10k-images-idx3-ubyte", digests[2], 7840016},
            {"t10k-labels-idx1-ubyte", digests[3], 10008}};
}

/// The four names again, for sets whose files have no published digest.
const std::vector<std::string>& idx_file_names() {
    static const std::vector<std::string> names{images_file_name("train"), labels_file_name("train"),
                                                images_file_name("t10k"), labels_file_name("t10k")};
    return names;
}

std::string command(const std::string& words, const fs::path& data_folder) {
    return "`dataset " + words + (data_folder == default_data_folder() ? "" : " --data " + data_folder.string()) + "`";
}

bool has_idx_files(const fs::path& folder) {
    for (const std::string& name : idx_file_names()) {
        if (find_file(folder, name).empty()) return false;
    }
    return true;
}

void limit(DataSet& set, const SetLimits& limits) {
    if (limits.train) set.train.truncate(limits.train);
    if (limits.test) set.test.truncate(limits.test);
}

DataSet load_published(const KnownSet& known, const fs::path& data_folder) {
    const fs::path folder = data_folder / known.name;
    DataSet set{{}, {}, known.name, folder.string() + ", digests verified"};
    for (int part = 0; part < 2; ++part) {
        IdxArray arrays[2];
        std::string names[2];
        for (int which = 0; which < 2; ++which) {
            const KnownFile& file = known.files[std::size_t(2 * part + which)];
            const fs::path path = find_file(folder, file.name);
            if (path.empty()) {
                throw Error(known.name + " is not in " + folder.string() + " (no " + file.name +
                            "[.gz]): get it with " + command("fetch " + known.name, data_folder));
            }
            names[which] = path.string();
            const std::string bytes = read_idx_bytes(path);
            arrays[which] = parse_idx(bytes, path.string(), which == 0 ? kImageRank : kLabelRank);
            require_digest(bytes, file, path);
        }
        (part == 0 ? set.train : set.test) =
            join_image_set(std::move(arrays[0]), names[0], std::move(arrays[1]), names[1], kDigits);
    }
    return set;
}

/// A set that this project made earlier and wrote as IDX.
DataSet load_made(const std::string& name, const fs::path& folder) {
    DataSet set{{}, {}, name, folder.string() + ", made by this project"};
    for (int part = 0; part < 2; ++part) {
        (part == 0 ? set.train : set.test) =
            read_image_set(find_file(folder, images_file_name(kPrefixes[part])),
                           find_file(folder, labels_file_name(kPrefixes[part])), kDigits);
    }
    return set;
}

DataSet load_rotated(const fs::path& data_folder, const SetLimits& limits) {
    const fs::path folder = data_folder / "mnist-rot";
    if (fs::exists(folder / kRotatedTrain) && fs::exists(folder / kRotatedTest)) {
        return {read_amat(folder / kRotatedTrain, 28, 28, limits.train),
                read_amat(folder / kRotatedTest, 28, 28, limits.test), "mnist-rot",
                folder.string() + ", the original .amat files"};
    }
    if (has_idx_files(folder)) return load_made("mnist-rot", folder);
    DataSet set = load_set("mnist", data_folder, limits);
    set.train.images = rotate_over_circle(set.train, kSeed, Part::kTrain);
    set.test.images = rotate_over_circle(set.test, kSeed, Part::kTest);
    set.name = "mnist-rot";
    set.source = "made here: mnist turned uniformly over the circle (seed 1), not the original .amat files";
    return set;
}

DataSet load_glyphs(const fs::path& data_folder, const SetLimits& limits) {
    const fs::path folder = data_folder / "glyphs";
    if (has_idx_files(folder)) return load_made("glyphs", folder);
    return {make_glyphs(limits.train ? limits.train : 60000, kSeed, Part::kTrain).set,
            make_glyphs(limits.test ? limits.test : 10000, kSeed, Part::kTest).set, "glyphs",
            "drawn here by the glyphs kernel (seed 1)"};
}

}  // namespace

const std::vector<KnownSet>& known_sets() {
    static const std::vector<KnownSet> sets{
        {"mnist",
         "handwritten digits (LeCun, Cortes, Burges)",
         idx_files({"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}),
         {"https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"}},
        {"fashion-mnist",
         "articles of clothing (Xiao, Rasul, Vollgraf)",
         idx_files({"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}),
         {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}},
        {"mnist-rot", "mnist turned uniformly over the circle, or the original .amat files", {}, {}},
        {"glyphs", "digits drawn by this project's own kernel, poses known", {}, {}}};
    return sets;
}

const KnownSet& known_set(const std::string& name) {
    std::string names;
    for (const KnownSet& set : known_sets()) {
        if (set.name == name) return set;
        names += (names.empty() ? "" : ", ") + set.name;
    }
    throw UsageError("unknown data set \"" + name + "\": choose from " + names);
}

fs::path default_data_folder() {
    if (const char* folder = std::getenv("WARPVAE_DATA"); folder && *folder) return folder;
    if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache" / "warpvae";
    return fs::temp_directory_path() / "warpvae";
}

fs::path find_file(const fs::path& folder, const std::string& name) {
    std::error_code ignored;
    for (const char* ending : {"", ".gz"}) {
        const fs::path path = folder / (name + ending);
        if (fs::exists(path, ignored)) return path;
    }
    return {};
}

void require_digest(const std::string& bytes, const KnownFile& file, const fs::path& path) {
    const std::string digest = sha256_hex(bytes);
    if (digest != file.sha256) {
        throw Error(path.string() + ": not the published " + file.name + ", its SHA-256 is " + digest.substr(0, 12) +
                    "... instead of " + file.sha256.substr(0, 12) + "...: remove it and fetch it again");
    }
}

DataSet load_set(const std::string& name, const fs::path& data_folder, const SetLimits& limits) {
    const KnownSet& known = known_set(name);
    DataSet set = name == "glyphs"      ? load_glyphs(data_folder, limits)
                  : name == "mnist-rot" ? load_rotated(data_folder, limits)
                                        : load_published(known, data_folder);
    limit(set, limits);
    return set;
}

SetStatus inspect_set(const KnownSet& set, const fs::path& data_folder) {
    const fs::path folder = data_folder / set.name;
    if (set.name == "mnist-rot" && fs::exists(folder / kRotatedTrain) && fs::exists(folder / kRotatedTest)) {
        return {Presence::kPresent, "the original .amat files"};
    }
    std::string missing;
    std::size_t found = 0;
    for (const std::string& name : idx_file_names()) {
        if (find_file(folder, name).empty()) {
            missing += (missing.empty() ? "" : ", ") + name;
        } else {
            ++found;
        }
    }
    if (!found) return {Presence::kAbsent, ""};
    if (!missing.empty()) return {Presence::kIncomplete, "no " + missing};
    try {
        if (set.files.empty()) {
            load_made(set.name, folder);
            return {Presence::kPresent, "made by this project"};
        }
        load_published(set, data_folder);
        return {Presence::kPresent, "SHA-256 verified"};
    } catch (const Error& error) {
        return {Presence::kDamaged, error.what()};
    }
}

}  // namespace warpvae
