// A picture that a run has drawn, and what it shows.
#pragma once
#include <filesystem>
#include <string>

namespace warpvae {

struct FigureFile {
    std::filesystem::path path;
    std::string caption;
};

}  // namespace warpvae
