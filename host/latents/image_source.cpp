#include "host/latents/image_source.h"

#include "data/files.h"
#include "data/user_images.h"
#include "host/latents/commands.h"
#include "host/log.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

const char* name_of(Part part) { return part == Part::kTrain ? "train" : "test"; }

/// Pictures in files, as the models see them.
std::vector<UserImage> read_pictures(const LatentCall& call, const std::vector<fs::path>& paths) {
    std::vector<UserImage> images = read_user_images(paths, call.program.run().data.preparation);
    for (UserImage& image : images) {
        if (!image.note.empty()) log_info(image.name + ": " + image.note);
        image.pixels = call.supply.as_seen(std::move(image.pixels));
    }
    return images;
}

ImageSource user_source(const LatentCall& call) {
    const std::vector<std::string>& operands = call.program.operands();
    const std::vector<UserImage> images = read_pictures(call, {operands.begin(), operands.end()});
    ImageSource source;
    const fs::path path = fs::path(operands[0]).lexically_normal();
    const fs::path last = path.has_filename() ? path.filename() : path.parent_path().filename();
    source.name = (last.extension() == ".gz" ? last.stem() : last).stem().string();
    if (operands.size() > 1) source.name += "-and-" + std::to_string(operands.size() - 1) + "-more";
    for (const char* taken : {"train", "test", "prior"})  // these are the run's own
        if (source.name == taken) source.name += "-images";
    source.bytes = bytes_of(images);
    for (const UserImage& image : images) source.names.push_back(image.name);
    source.labels.assign(images.size(), -1);
    return source;
}

ImageSource part_source(const LatentCall& call, Part part) {
    const DataSet& data = call.program.run().data;
    const ImageSet& set = call.supply.images(part);
    ImageSource source{name_of(part), set.images, {}, {set.labels.begin(), set.labels.end()}, &data};
    if (!data.labelled) source.labels.assign(set.count(), -1);
    const std::vector<std::string>& files = part == Part::kTrain ? data.train_names : data.test_names;
    for (std::size_t i = 0; i < set.count(); ++i)
        source.names.push_back(i < files.size() ? files[i] : source.name + "-" + std::to_string(i));
    return source;
}

}  // namespace

std::vector<ImageSource> image_sources(const LatentCall& call) {
    if (!call.program.operands().empty()) return {user_source(call)};
    std::vector<ImageSource> sources;
    for (const Part part : call.options.parts) {
        sources.push_back(part_source(call, part));
        if (!sources.back().count()) throw UsageError("--part " + sources.back().name + ": the run has no such images");
    }
    return sources;
}

NamedImage image_of(const LatentCall& call, const std::string& text) {
    const ImageSet& test = call.supply.images(Part::kTest);
    if (const auto number = whole<std::size_t>(0, std::size_t(1) << 60).read(text)) {
        if (*number >= test.count())
            throw UsageError("\"" + text + "\": there are " + std::to_string(test.count()) + " test images, from 0");
        const auto image = test.image(*number);
        return {text, {image.begin(), image.end()}};
    }
    UserImage first = read_pictures(call, {text}).front();
    return {std::move(first.name), std::move(first.pixels)};
}

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

void write_index(const fs::path& path, const ImageSource& source) {
    std::string text = "row,name,label,class\n";
    for (std::size_t i = 0; i < source.count(); ++i) {
        const std::int64_t k = source.labels[i];
        const std::string label = k < 0 ? "" : std::to_string(k);
        const std::string name = k < 0 || !source.set ? label : source.set->class_name(int(k));
        text += std::to_string(i) + "," + csv_field(source.names[i]) + "," + label + "," + csv_field(name) + "\n";
    }
    write_file(path, text);
}

}  // namespace warpvae
