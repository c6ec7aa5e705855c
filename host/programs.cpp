#include "host/programs.h"

namespace warpvae {

std::vector<std::unique_ptr<Program>> all_programs() {
    std::vector<std::unique_ptr<Program>> programs;
    programs.push_back(invariance_program());
    programs.push_back(spatial_program());
    programs.push_back(equivae_program());
    programs.push_back(geometry_program());
    return programs;
}

}  // namespace warpvae
