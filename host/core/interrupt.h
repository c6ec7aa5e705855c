// Ctrl-C and SIGTERM: the first asks the work to stop at its next safe point, the second ends the program at once.
#pragma once

namespace warpvae {

/// True once SIGINT or SIGTERM has come while an InterruptGuard lived; stays true until the next guard.
bool interrupted();

/// Catches both signals while it lives; gives back what was there before. One at a time.
class InterruptGuard {
  public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;
};

}  // namespace warpvae
