// The main of every program; the build says which: WARPVAE_PROGRAM is invariance, spatial, ...
#include "host/programs.h"

int main(int argc, char** argv) {
#define WARPVAE_JOIN(a, b) a##b
#define WARPVAE_MAKE(name) WARPVAE_JOIN(name, _program)
    return warpvae::WARPVAE_MAKE(WARPVAE_PROGRAM)()->main(argc, argv);
}
