// Ctrl-C and SIGTERM: the first asks the work to stop at its next safe point, the second ends the program at once.
#pragma once
#include <exception>

namespace warpvae {

/// Work left because the user asked for it. Whoever has something to save catches it, saves, and throws it on.
struct Interrupted : std::exception {
    const char* what() const noexcept override { return "interrupted"; }
};

/// True once SIGINT or SIGTERM has come since they are caught.
bool interrupted();

/// Catches both signals to the end of the process: from the first of them on, every interruption point (device.h: each
/// launch of a kernel is one) throws Interrupted.
void catch_interrupts();

}  // namespace warpvae
