#include "data/picture_export.h"

#include <algorithm>

#include "cuda/device/device.h"
#include "data/files.h"
#include "data/png.h"

namespace warpvae {
namespace {

/// A class's name as that of a folder.
std::string folder_name(std::string name) {
    std::replace(name.begin(), name.end(), '/', '-');
    return name;
}

}  // namespace

void export_pictures(const ImageSet& images, const DataSet& set, const std::filesystem::path& folder,
                     const ReadProgress& progress) {
    const std::size_t digits = std::to_string(images.count()).size();
    FolderWriter files(folder);
    const auto write = [&](std::size_t i) {
        interruption_point();
        std::string number = std::to_string(i);
        number.insert(0, digits - number.size(), '0');
        const std::filesystem::path of_class =
            set.labelled ? folder_name(set.class_names.at(images.labels[i])) : std::string();
        files.write(of_class / (number + ".png"),
                    encode_png(images.width, images.height, images.channels, images.image(i).data()));
    };
    for_each_in_parallel(images.count(), write, progress);
    files.finish();
}

void export_pictures(const DataSet& set, const std::filesystem::path& folder,
                     const std::function<void(const char*, const ImageSet&, const ExportPart&)>& with) {
    const auto write = [&](const char* name, const ImageSet& images) {
        with(name, images,
             [&](const ReadProgress& progress) { export_pictures(images, set, folder / name, progress); });
    };
    write("train", set.train);
    try {
        if (set.test.count()) write("test", set.test);
    } catch (...) {
        std::error_code ignored;
        std::filesystem::remove_all(folder / "train", ignored);
        throw;
    }
}

}  // namespace warpvae
