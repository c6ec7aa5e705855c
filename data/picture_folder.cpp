#include "data/picture_folder.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <sstream>

#include "data/error.h"
#include "data/files.h"
#include "data/own_parts.h"
#include "data/set_text.h"
#include "data/table_row.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMetadata = "metadata.csv";

// --- walking ---------------------------------------------------------------------------------------------------------

/// The entries of a folder in byte order, without hidden ones, as every system leaves some.
std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
        const std::string name = i->path().filename().string();
        if (name[0] == '.') continue;
        if (!is_utf8(name)) throw Error(folder.string() + "/" + printable(name) + ": its name is not UTF-8: rename it");
        entries.push_back(*i);
    }
    if (error) throw Error("cannot read " + folder.string() + ": " + error.message());
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.path().native() < b.path().native(); });
    return entries;
}

struct Walk {
    const fs::path& top;
    std::vector<PictureFile>& files;
    std::vector<std::string>& others;  ///< files that are no pictures

    /// All pictures below `folder`; `chain` holds the folders that it is in.
    void below(const fs::path& folder, const std::string& label, std::set<fs::path> chain) {
        std::error_code error;
        const fs::path real = fs::canonical(folder, error);
        if (error) throw Error("cannot read " + folder.string() + ": " + error.message());
        if (!chain.insert(real).second)
            throw Error(folder.string() + ": a symbolic link leads back to " + real.string() + ": remove it");
        for (const fs::directory_entry& entry : entries_of(folder)) {
            if (entry.is_directory(error))
                below(entry.path(), label, chain);
            else
                take(entry.path(), label);
        }
    }
    void take(const fs::path& path, const std::string& label) {
        if (has_other_picture_name(path))
            throw Error(path.string() + ": pictures of this kind are not read: convert it to PNG");
        if (has_picture_name(path))
            files.push_back({path, path.lexically_relative(top).string(), label});
        else
            others.push_back(path.lexically_relative(top).string());
    }
};

std::string lower(std::string text) {
    for (char& c : text) c = char(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

// --- metadata.csv ----------------------------------------------------------------------------------------------------

/// Which column holds the labels; none where there are none.
std::optional<std::size_t> label_column_of(const std::vector<std::string>& columns, const std::string& wanted,
                                           const std::string& name) {
    if (wanted == "none") return {};
    const std::optional<std::size_t> column =
        wanted.empty() ? usual_label_column(columns) : find_column(columns, wanted);
    if (!column)
        throw Error(name + ": " + (wanted.empty() ? "no column is called label" : "there is no column " + wanted) +
                    " among " + some_of(columns, 8) + ": name it with --label-column, or none");
    return column;
}

/// Gives the files their labels as the table has them, and its order. `before` stands before their names there: of a
/// table above their folder "train/", and its rows of other folders are left to those.
void read_metadata(const fs::path& table, const std::string& before, const std::string& wanted, PictureFolder& found) {
    const std::string name = table.string();
    std::istringstream lines(read_file(table));
    std::vector<std::string> columns, cells;
    std::string line;
    std::getline(lines, line);
    if (!line.compare(0, 3, "\xef\xbb\xbf")) line.erase(0, 3);  // a byte order mark, as spreadsheets write it
    split_row(line, ',', columns);
    const auto file_column = std::find(columns.begin(), columns.end(), "file_name");
    if (file_column == columns.end()) throw Error(name + ": its first line names no column file_name");
    const std::optional<std::size_t> label = label_column_of(columns, wanted, name);
    std::map<std::string, std::size_t> numbers;
    for (std::size_t i = 0; i < found.files.size(); ++i) numbers[before + found.files[i].name] = i;
    std::vector<PictureFile> listed;
    for (std::size_t number = 2; std::getline(lines, line); ++number) {
        const auto fail = [&](const std::string& why) {
            return Error(name + ", line " + std::to_string(number) + ": " + why);
        };
        if (line.empty() || line == "\r") continue;
        if (!is_utf8(line)) throw fail("it is not UTF-8");
        if (!split_row(line, ',', cells)) throw fail("a quote has no end");
        if (cells.size() != columns.size())
            throw fail(counted(cells.size(), "cell") + " for " + counted(columns.size(), "column"));
        const std::string& file = cells[std::size_t(file_column - columns.begin())];
        if (!file.starts_with(before) && fs::exists(table.parent_path() / file)) continue;
        const auto at = numbers.find(file);
        if (at == numbers.end()) throw fail("there is no picture " + printable(file) + ", or it is named twice");
        listed.push_back(found.files[at->second]);
        if (label) listed.back().label = cells[*label];
        if (label && cells[*label].empty()) throw fail(printable(file) + " has no label");
        numbers.erase(at);
    }
    if (!numbers.empty())
        throw Error(name + ": " + counted(numbers.size(), "picture") + (before.empty() ? " beside" : " below") +
                    " it not named in it, " + numbers.begin()->first + " first: add or remove them");
    found.files = std::move(listed);
    found.labelled = label.has_value();
    const std::size_t used = label ? 2 : 1;
    if (columns.size() > used)
        found.notes.push_back(name + ": " + counted(columns.size() - used, "column") + " not used");
}

}  // namespace

PartFolders find_parts(const fs::path& folder) {
    PartFolders parts;
    std::vector<fs::path> train, test;
    std::size_t folders = 0;
    // The usual names, the best first: where there are several parts that could be for testing, the others are left
    // out.
    const std::vector<std::string> kTrain{"train", "training"};
    const std::vector<std::string> kTest{"test", "testing", "eval", "evaluation", "val", "valid", "validation", "dev"};
    const std::vector<fs::directory_entry> entries = entries_of(folder);
    for (const fs::directory_entry& entry : entries) folders += entry.is_directory();
    for (const auto& [names, found] : {std::pair(&kTrain, &train), std::pair(&kTest, &test)})
        for (const std::string& name : *names)
            for (const fs::directory_entry& entry : entries)
                if (entry.is_directory() && lower(entry.path().filename().string()) == name)
                    found->push_back(entry.path());
    for (const fs::directory_entry& entry : entries)
        if (!train.empty() && !test.empty() && entry.is_directory() && std::ranges::count(train, entry.path()) == 0 &&
            std::ranges::count(test, entry.path()) == 0)
            throw Error(folder.string() + ": " + entry.path().filename().string() + " stands beside " +
                        train[0].filename().string() + " and " + test[0].filename().string() +
                        ", and is no part: move it away, or give the classes a folder of their own");
    if (train.empty() || train.size() + test.size() != folders) return {folder, {}, {}};
    if (train.size() > 1)
        throw Error(folder.string() + ": " + train[0].filename().string() + " and " + train[1].filename().string() +
                    " are both a training part: keep one");
    for (std::size_t i = 1; i < test.size(); ++i)
        parts.notes.push_back(test[i].string() + ": left out, " + test[0].filename().string() + " is for testing");
    parts.train = train[0];
    if (!test.empty()) parts.test = test[0];
    if (fs::exists(folder / kMetadata)) parts.table = folder / kMetadata;
    return parts;
}

PictureFolder list_pictures(const fs::path& folder, const std::string& label_column, const fs::path& table_above) {
    PictureFolder found;
    std::vector<std::string> others;
    Walk walk{folder, found.files, others};
    if (!table_above.empty() && fs::exists(folder / kMetadata))
        throw Error(table_above.string() + " and " + (folder / kMetadata).string() + " both name pictures: keep one");
    const fs::path table = table_above.empty() ? folder / kMetadata : table_above;
    const bool has_table = fs::exists(table);
    const std::vector<fs::directory_entry> entries = entries_of(folder);
    const bool has_folders =
        std::any_of(entries.begin(), entries.end(), [](const auto& e) { return e.is_directory(); });
    if (has_table || !has_folders) {
        walk.below(folder, "", {});
        std::erase(others, kMetadata);
        if (found.files.empty()) throw Error(folder.string() + ": holds no pictures (.png, .jpg, .jpeg, .pgm, .ppm)");
        const std::string before = table_above.empty() ? "" : folder.filename().string() + "/";
        if (has_table) read_metadata(table, before, label_column, found);
    } else {
        found.labelled = label_column != "none";
        for (const fs::directory_entry& entry : entries) {
            if (!entry.is_directory()) {
                if (has_picture_name(entry.path()))
                    throw Error(entry.path().string() +
                                ": a picture beside the classes' folders is of no class: move it");
                walk.take(entry.path(), "");
                continue;
            }
            const std::size_t before = found.files.size();
            walk.below(entry.path(), found.labelled ? entry.path().filename().string() : "",
                       {fs::weakly_canonical(folder)});
            if (found.files.size() == before)
                throw Error(entry.path().string() + ": a class without pictures: fill or remove the folder");
        }
    }
    if (!others.empty())
        found.notes.push_back(folder.string() + ": " + counted(others.size(), "file") + " that " +
                              (others.size() == 1 ? "is no picture" : "are no pictures") + ": " + some_of(others));
    return found;
}

ImageSet read_pictures(const std::vector<PictureFile>& files, const OwnSetOptions& options,
                       const ReadProgress& progress) {
    if (files.empty()) return {};
    const auto read = [&](const PictureFile& file) { return decode_picture(read_file(file.path), file.path.string()); };
    // The first says what the others have to be, unless the options do.
    ImagePreparation how = options.preparation;
    const Picture first = read(files[0]);
    if (!how.channels) how.channels = first.is_grey() ? 1 : 3;
    if (!how.height) how.height = first.height, how.width = first.width;
    ImageSet set{how.height, how.width, {}, {}, how.channels};
    require_memory(files.size(), set.image_size(), files[0].path.parent_path().string());
    set.images.resize(files.size() * set.image_size());
    set.labels.resize(files.size());
    for_each_in_parallel(
        files.size(),
        [&](std::size_t i) {
            const std::string name = files[i].path.string();
            Picture picture = read(files[i]);
            const bool same_size = picture.height == first.height && picture.width == first.width;
            if (!options.preparation.height && !same_size)
                throw Error(name + " has " + std::to_string(picture.width) + " x " + std::to_string(picture.height) +
                            " pixels, " + files[0].path.string() + " " + std::to_string(first.width) + " x " +
                            std::to_string(first.height) +
                            ": make them equal with --size HxW --fit pad, crop or stretch");
            if (!options.preparation.channels && picture.is_grey() != first.is_grey())
                throw Error(name + " is " + (picture.is_grey() ? "grey" : "in colour") + ", " + files[0].path.string() +
                            (picture.is_grey() ? " in colour" : " grey") +
                            ": make them equal with --channels grey or colour");
            const PreparedImage prepared = prepare(std::move(picture), how, name);
            std::copy(prepared.pixels.begin(), prepared.pixels.end(), set.images.data() + i * set.image_size());
        },
        progress);
    return set;
}

}  // namespace warpvae
