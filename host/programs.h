// The programs: those of the four papers, each defined in its room under host/experiments/, and `dataset`.
#pragma once
#include <memory>
#include <vector>

#include "host/experiment/program.h"

namespace warpvae {

std::unique_ptr<Program> invariance_program();  ///< Mills 2024
std::unique_ptr<Program> spatial_program();     ///< Vivé
std::unique_ptr<Program> equivae_program();     ///< Feige 2019
std::unique_ptr<Program> geometry_program();    ///< Pește, Malagò and Sârbu 2017

/// Data sets: list, fetch, make, change and look at them.
class DatasetProgram {
  public:
    int main(int argc, char** argv);
};
std::unique_ptr<DatasetProgram> dataset_program();

/// The statements of all papers on one page, of the runs in a folder.
class CollectProgram {
  public:
    int main(int argc, char** argv);
};
std::unique_ptr<CollectProgram> collect_program();

/// Those of the papers.
std::vector<std::unique_ptr<Program>> all_programs();

}  // namespace warpvae
