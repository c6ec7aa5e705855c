#include "data/data_set.h"

#include <cstdlib>

#include "data/error.h"
#include "data/files.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

/// What a folder has of one form of a set.
struct FoundForm {
    const StoredForm* form = nullptr;
    std::size_t found = 0;             ///< files that are there
    std::vector<std::string> missing;  ///< names of the others
    bool complete() const { return form && missing.empty(); }
};

fs::path find_file_of(const KnownSet& set, const fs::path& folder, const std::string& name) {
    const KnownFile* const published = set.file(name);
    if (!published || !published->as_it_is) return find_file(folder, name);
    std::error_code ignored;
    return fs::exists(folder / name, ignored) ? folder / name : fs::path();
}

/// The first form of which every file is there; else the one of which the most are.
FoundForm find_form(const KnownSet& set, const fs::path& data_folder) {
    FoundForm best;
    for (const StoredForm& form : set.forms) {
        FoundForm here{&form, 0, {}};
        for (const std::string& name : form.files) {
            if (find_file_of(set, data_folder / set.name, name).empty())
                here.missing.push_back(name);
            else
                ++here.found;
        }
        if (here.complete()) return here;
        if (here.found >= best.found) best = here;
    }
    return best;
}

ImageSet read_part(const KnownSet& set, const StoredForm& form, const fs::path& data_folder, Part part,
                   std::size_t at_most) {
    std::vector<FoundFile> files;
    for (const std::string& name : form.files_of(part))
        files.push_back({find_file_of(set, data_folder / set.name, name), set.file(name)});
    return form.read(files, set.shape, at_most);
}

Error absent(const KnownSet& set, const fs::path& data_folder, const std::string& name) {
    const KnownFile* const file = set.file(name);
    return Error(set.name + " is not in " + (data_folder / set.name).string() + " (no " + name +
                 (file && file->as_it_is ? "" : "[.gz]") + "): get it with `dataset fetch " + set.name +
                 (data_folder == default_data_folder() ? "" : " --data " + data_folder.string()) + "`");
}

ImageSet load_part(const KnownSet& set, const FoundForm& found, const fs::path& data_folder, Part part,
                   std::size_t at_most) {
    ImageSet images;
    if (found.complete()) {
        const StoredForm& form = *found.form;
        images = read_part(set, form, data_folder, part, form.slow_to_read ? 0 : at_most);
        // Not gzipped: it loads faster, and photographs hardly compress.
        if (form.slow_to_read) try {
                write_image_set(data_folder / set.name, file_prefix(part), images, "");
            } catch (const Error&) {  // a folder that cannot be written is read so the next time, too
            }
    } else if (set.make) {
        const std::size_t all = part == Part::kTrain ? set.train_count : set.test_count;
        images = set.make({.part = part, .count = at_most ? at_most : all, .data_folder = data_folder});
    } else {
        throw absent(set, data_folder, found.missing.at(0));
    }
    if (at_most) images.truncate(at_most);
    return images;
}

}  // namespace

fs::path default_data_folder() {
    if (const char* folder = std::getenv("WARPVAE_DATA"); folder && *folder) return folder;
    if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache" / "warpvae";
    return scratch_folder() / "warpvae";
}

ImageSet load_part(const KnownSet& set, const fs::path& data_folder, Part part, std::size_t at_most) {
    return load_part(set, find_form(set, data_folder), data_folder, part, at_most);
}

DataSet load_set(const std::string& name, const fs::path& data_folder, const SetLimits& limits) {
    const KnownSet& set = known_set(name);
    const FoundForm found = find_form(set, data_folder);
    const fs::path folder = data_folder / set.name;
    DataSet loaded{load_part(set, found, data_folder, Part::kTrain, limits.train),
                   load_part(set, found, data_folder, Part::kTest, limits.test), set.name,
                   found.complete() ? folder.string() + ", " + found.form->how : set.how_made};
    loaded.class_names = set.class_names();
    loaded.preparation = set.preparation();
    return loaded;
}

SetStatus inspect_set(const KnownSet& set, const fs::path& data_folder) {
    const FoundForm found = find_form(set, data_folder);
    if (!found.found) return {Presence::kAbsent, ""};
    if (!found.complete()) {
        std::string names;
        for (const std::string& name : found.missing) names += (names.empty() ? "no " : ", ") + name;
        return {Presence::kIncomplete, names};
    }
    try {
        for (const Part part : {Part::kTrain, Part::kTest}) read_part(set, *found.form, data_folder, part, 0);
        return {Presence::kPresent, found.form->how};
    } catch (const Error& error) {
        return {Presence::kDamaged, error.what()};
    }
}

}  // namespace warpvae
