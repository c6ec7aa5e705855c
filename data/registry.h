// The data sets that the programs know by name, one row each. To add a set, write its row in registry.cpp, and its
// reader or its maker in a file of its own: listing, fetching, loading, making and the choices of --dataset follow from
// the row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image_preparation.h"
#include "data/set_files.h"

namespace warpvae {

enum class SetKind {
    kPublishedIdx,     ///< published as IDX files
    kPublishedMatlab,  ///< published as MATLAB files
    kDrawn,            ///< drawn by this project
    kDerived           ///< made by this project from another set
};

/// One way in which a data folder can hold a set.
struct StoredForm {
    std::vector<std::string> files;  ///< those of the training part, then as many of the test part
    ReadPart read = nullptr;
    std::string how;            ///< what these files are, in a few words for listings and reports
    bool slow_to_read = false;  ///< when read for the first time, written as IDX for the next time
    std::vector<std::string> files_of(Part part) const;
};

/// A part to make. Image i depends on the seed and the part only, not on the count.
struct MakeRequest {
    Part part = Part::kTrain;
    std::size_t count = 0;
    std::uint64_t seed = 1;
    std::filesystem::path data_folder = {};  ///< where the set is that it is made from
    std::filesystem::path keep = {};         ///< writes the part into this folder too, unless empty
};
using MakePart = ImageSet (*)(const MakeRequest& request);

/// A row. Designated initialisers leave out what a set does not have.
struct KnownSet {
    std::string name;
    std::string what;  ///< one line for a listing
    SetKind kind = SetKind::kPublishedIdx;
    ImageSetShape shape{28, 28, 10};
    std::size_t train_count = 60000, test_count = 10000;
    std::vector<KnownFile> files = {};       ///< as published
    std::vector<std::string> mirrors = {};   ///< of the files, tried in turn; each ends with a slash
    std::vector<StoredForm> forms = {};      ///< the first of which a folder holds all files is read
    MakePart make = nullptr;                 ///< where a folder holds none; nullptr: it has to be fetched
    std::string how_made = {};               ///< as StoredForm::how, of what `make` returns for seed 1
    std::vector<std::string> articles = {};  ///< what its classes show, where that is no digit

    bool is_published() const { return kind == SetKind::kPublishedIdx || kind == SetKind::kPublishedMatlab; }
    /// Of its labels 0, 1, ...
    std::vector<std::string> class_names() const;
    /// Of a user's pictures, to be what this set's images are. Only grey digits are ink on paper.
    ImagePreparation preparation() const;
    /// The published file of that name; nullptr if there is none.
    const KnownFile* file(const std::string& file_name) const;
};

const std::vector<KnownSet>& known_sets();
/// Throws UsageError that lists the names.
const KnownSet& known_set(const std::string& name);

/// The names of the sets that `wanted` picks; all where it is left out.
std::vector<std::string> set_names(bool (*wanted)(const KnownSet&) = nullptr);
/// "a, b or c".
std::string alternatives(const std::vector<std::string>& names);

}  // namespace warpvae
