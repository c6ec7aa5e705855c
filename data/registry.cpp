#include "data/registry.h"

#include "data/error.h"
#include "data/glyphs.h"
#include "data/mnist_rot.h"
#include "data/svhn.h"

namespace warpvae {
namespace {

constexpr ImageSetShape kColourDigits{32, 32, 10, 3};
const char* const kRotatedTrain = "mnist_all_rotation_normalized_float_train_valid.amat";
const char* const kRotatedTest = "mnist_all_rotation_normalized_float_test.amat";

/// The four files of MNIST, and of those published in its place.
std::vector<KnownFile> mnist_files(const char* const (&digests)[4]) {
    return {{"train-images-idx3-ubyte", digests[0], 47040016},
            {"train-labels-idx1-ubyte", digests[1], 60008},
            {"t10k-images-idx3-ubyte", digests[2], 7840016},
            {"t10k-labels-idx1-ubyte", digests[3], 10008}};
}

StoredForm idx_files(std::string how, int channels = 1) {
    return {{images_file_name("train", channels), labels_file_name("train"), images_file_name("t10k", channels),
             labels_file_name("t10k")},
            read_idx_part,
            std::move(how)};
}

std::vector<KnownSet> make_table() {
    const StoredForm published_idx = idx_files("digests verified");
    const char* const made = "made by this project";
    return {
        {.name = "mnist",
         .what = "handwritten digits (LeCun, Cortes, Burges)",
         .kind = SetKind::kPublishedIdx,
         .files = mnist_files({"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                               "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                               "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                               "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}),
         .mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                     "https://storage.googleapis.com/cvdf-datasets/mnist/"},
         .forms = {published_idx}},
        {.name = "fashion-mnist",
         .what = "articles of clothing (Xiao, Rasul, Vollgraf)",
         .kind = SetKind::kPublishedIdx,
         .files = mnist_files({"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                               "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                               "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                               "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}),
         .mirrors = {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
         .forms = {published_idx},
         .articles = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                      "Ankle boot"}},
        {.name = "svhn",
         .what = "house numbers in colour, cropped (Netzer et al. 2011)",
         .kind = SetKind::kPublishedMatlab,
         .shape = kColourDigits,
         .train_count = 73257,
         .test_count = 26032,
         .files = {{"train_32x32.mat", "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8", 182040794,
                    true},
                   {"test_32x32.mat", "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b", 64275384,
                    true}},
         .mirrors = {"http://ufldl.stanford.edu/housenumbers/"},
         .forms = {idx_files("converted from the original MATLAB files", 3),
                   {{"train_32x32.mat", "test_32x32.mat"},
                    read_svhn_part,
                    "the original MATLAB files, digests verified",
                    true}}},
        {.name = "mnist-rot",
         .what = "mnist turned uniformly over the circle, or the original .amat files (read column by column)",
         .kind = SetKind::kDerived,
         .files = {{.name = kRotatedTrain, .as_it_is = true}, {.name = kRotatedTest, .as_it_is = true}},
         .forms = {{{kRotatedTrain, kRotatedTest}, read_mnist_rot_part, "the original .amat files, column by column"},
                   idx_files(made)},
         .make = make_mnist_rot_part,
         .how_made = "made here: mnist turned uniformly over the circle (seed 1), not the original .amat files"},
        {.name = "glyphs",
         .what = "digits drawn by this project's own kernel, poses known",
         .kind = SetKind::kDrawn,
         .forms = {idx_files(made)},
         .make = make_glyphs_part,
         .how_made = "drawn here by the glyphs kernel (seed 1)"},
        {.name = "glyphs-colour",
         .what = "the same in colour with parts of other digits beside them",
         .kind = SetKind::kDrawn,
         .shape = kColourDigits,
         .forms = {idx_files(made, 3)},
         .make = make_colour_glyphs_part,
         .how_made = "drawn here by the colour glyphs kernel (seed 1)"},
    };
}

}  // namespace

std::vector<std::string> StoredForm::files_of(Part part) const {
    const auto middle = files.begin() + std::ssize(files) / 2;
    return part == Part::kTrain ? std::vector(files.begin(), middle) : std::vector(middle, files.end());
}

std::vector<std::string> KnownSet::class_names() const {
    if (!articles.empty()) return articles;
    std::vector<std::string> digits;
    for (int label = 0; label < shape.classes; ++label) digits.push_back(std::to_string(label));
    return digits;
}

ImagePreparation KnownSet::preparation() const {
    ImagePreparation how = digit_preparation(shape.height, shape.width, shape.channels);
    how.invert_light_border = shape.channels == 1;
    return how;
}

const KnownFile* KnownSet::file(const std::string& file_name) const {
    for (const KnownFile& known : files) {
        if (known.name == file_name) return &known;
    }
    return nullptr;
}

const std::vector<KnownSet>& known_sets() {
    static const std::vector<KnownSet> table = make_table();
    return table;
}

const KnownSet& known_set(const std::string& name) {
    for (const KnownSet& set : known_sets()) {
        if (set.name == name) return set;
    }
    throw UsageError("unknown data set \"" + name + "\": choose " + alternatives(set_names()));
}

std::vector<std::string> set_names(bool (*wanted)(const KnownSet&)) {
    std::vector<std::string> names;
    for (const KnownSet& set : known_sets()) {
        if (!wanted || wanted(set)) names.push_back(set.name);
    }
    return names;
}

std::string alternatives(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
    return text;
}

}  // namespace warpvae
