#include "data/known_sets.h"

#include <cstdlib>

#include "data/amat.h"
#include "data/error.h"
#include "data/files.h"
#include "data/glyphs.h"
#include "data/sha256.h"
#include "data/svhn.h"
#include "data/transformed_sets.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr ImageSetShape kColourDigits{32, 32, 10, 3};
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
std::vector<std::string> idx_file_names(const KnownSet& set) {
    std::vector<std::string> names;
    for (const char* prefix : kPrefixes) {
        names.push_back(images_file_name(prefix, set.shape.channels));
        names.push_back(labels_file_name(prefix));
    }
    return names;
}

std::string command(const std::string& words, const fs::path& data_folder) {
    return "`dataset " + words + (data_folder == default_data_folder() ? "" : " --data " + data_folder.string()) + "`";
}

Error absent(const KnownSet& set, const fs::path& data_folder, const std::string& file) {
    return Error(set.name + " is not in " + (data_folder / set.name).string() + " (no " + file + "): get it with " +
                 command("fetch " + set.name, data_folder));
}

bool has_idx_files(const KnownSet& set, const fs::path& folder) {
    for (const std::string& name : idx_file_names(set)) {
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
            if (path.empty()) throw absent(known, data_folder, file.name + "[.gz]");
            names[which] = path.string();
            const std::string bytes = read_idx_bytes(path);
            arrays[which] = parse_idx(bytes, path.string(), which == 0 ? kImageRank : kLabelRank);
            require_digest(bytes, file, path);
        }
        (part == 0 ? set.train : set.test) =
            join_image_set(std::move(arrays[0]), names[0], std::move(arrays[1]), names[1], known.shape);
    }
    return set;
}

/// A set that this project made earlier and wrote as IDX; `how` in the words of `source`.
DataSet load_made(const KnownSet& known, const fs::path& folder, const char* how = "made by this project") {
    DataSet set{{}, {}, known.name, folder.string() + ", " + how};
    for (int part = 0; part < 2; ++part) {
        (part == 0 ? set.train : set.test) =
            read_image_set(find_file(folder, images_file_name(kPrefixes[part], known.shape.channels)),
                           find_file(folder, labels_file_name(kPrefixes[part])), known.shape);
    }
    return set;
}

constexpr const char* kConverted = "converted from the original MATLAB files";

/// The IDX files; or the MATLAB files, which become IDX. Photographs hardly compress: not gzipped, they load faster.
DataSet load_svhn(const KnownSet& known, const fs::path& data_folder) {
    const fs::path folder = data_folder / known.name;
    if (has_idx_files(known, folder)) return load_made(known, folder, kConverted);
    for (const KnownFile& file : known.files) {
        if (!fs::exists(folder / file.name)) throw absent(known, data_folder, file.name);
        require_digest(read_file(folder / file.name), file, folder / file.name);
    }
    DataSet set{read_svhn(folder / known.files[0].name), read_svhn(folder / known.files[1].name), known.name,
                folder.string() + ", " + kConverted};
    write_image_set(folder, kPrefixes[0], set.train, "");
    write_image_set(folder, kPrefixes[1], set.test, "");
    return set;
}

DataSet load_rotated(const KnownSet& known, const fs::path& data_folder, const SetLimits& limits) {
    const fs::path folder = data_folder / known.name;
    if (fs::exists(folder / kRotatedTrain) && fs::exists(folder / kRotatedTest)) {
        return {read_amat(folder / kRotatedTrain, 28, 28, limits.train),
                read_amat(folder / kRotatedTest, 28, 28, limits.test), "mnist-rot",
                folder.string() + ", the original .amat files, column by column"};
    }
    if (has_idx_files(known, folder)) return load_made(known, folder);
    DataSet set = load_set("mnist", data_folder, limits);
    set.train.images = rotate_over_circle(set.train, kSeed, Part::kTrain);
    set.test.images = rotate_over_circle(set.test, kSeed, Part::kTest);
    set.name = "mnist-rot";
    set.source = "made here: mnist turned uniformly over the circle (seed 1), not the original .amat files";
    return set;
}

DataSet load_glyphs(const KnownSet& known, const fs::path& data_folder, const SetLimits& limits) {
    const fs::path folder = data_folder / known.name;
    if (has_idx_files(known, folder)) return load_made(known, folder);
    const bool colour = known.shape.channels > 1;
    const auto draw = [&](std::size_t count, Part part) {
        return (colour ? make_colour_glyphs(count, kSeed, part) : make_glyphs(count, kSeed, part)).set;
    };
    return {draw(limits.train ? limits.train : 60000, Part::kTrain),
            draw(limits.test ? limits.test : 10000, Part::kTest), known.name,
            std::string("drawn here by the ") + (colour ? "colour " : "") + "glyphs kernel (seed 1)"};
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
        {"svhn",
         "house numbers in colour, cropped (Netzer et al. 2011)",
         {{"train_32x32.mat", "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8", 182040794, true},
          {"test_32x32.mat", "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b", 64275384, true}},
         {"http://ufldl.stanford.edu/housenumbers/"},
         kColourDigits},
        {"mnist-rot",
         "mnist turned uniformly over the circle, or the original .amat files (read column by column)",
         {},
         {}},
        {"glyphs", "digits drawn by this project's own kernel, poses known", {}, {}},
        {"glyphs-colour", "the same in colour with parts of other digits beside them", {}, {}, kColourDigits}};
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
    return scratch_folder() / "warpvae";
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
    DataSet set = name == "svhn"        ? load_svhn(known, data_folder)
                  : name == "mnist-rot" ? load_rotated(known, data_folder, limits)
                  : known.files.empty() ? load_glyphs(known, data_folder, limits)
                                        : load_published(known, data_folder);
    limit(set, limits);
    return set;
}

SetStatus inspect_set(const KnownSet& set, const fs::path& data_folder) {
    const fs::path folder = data_folder / set.name;
    if (set.name == "mnist-rot" && fs::exists(folder / kRotatedTrain) && fs::exists(folder / kRotatedTest)) {
        return {Presence::kPresent, "the original .amat files"};
    }
    const bool is_svhn = set.name == "svhn", converted = is_svhn && has_idx_files(set, folder);
    std::vector<std::string> names = idx_file_names(set);
    if (is_svhn && !converted) names = {set.files[0].name, set.files[1].name};
    std::string missing;
    std::size_t found = 0;
    for (const std::string& name : names) {
        if (find_file(folder, name).empty()) {
            missing += (missing.empty() ? "" : ", ") + name;
        } else {
            ++found;
        }
    }
    if (!found) return {Presence::kAbsent, ""};
    if (!missing.empty()) return {Presence::kIncomplete, "no " + missing};
    try {
        if (set.files.empty() || converted) {
            load_made(set, folder);
            return {Presence::kPresent, converted ? kConverted : "made by this project"};
        }
        if (is_svhn) {
            for (const KnownFile& file : set.files)
                require_digest(read_file(folder / file.name), file, folder / file.name);
        } else {
            load_published(set, data_folder);
        }
        return {Presence::kPresent, "SHA-256 verified"};
    } catch (const Error& error) {
        return {Presence::kDamaged, error.what()};
    }
}

}  // namespace warpvae
