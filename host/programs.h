// The programs of the four papers, each defined in its room under host/experiments/.
#pragma once
#include <memory>
#include <vector>

#include "host/experiment/program.h"

namespace warpvae {

std::unique_ptr<Program> invariance_program();  ///< Mills 2024

/// All of them.
std::vector<std::unique_ptr<Program>> all_programs();

}  // namespace warpvae
