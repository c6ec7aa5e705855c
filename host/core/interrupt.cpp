#include "host/core/interrupt.h"

#include <csignal>

#include "cuda/device/device.h"

namespace warpvae {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

volatile std::sig_atomic_t caught = 0;

// Only a flag and sigaction: both are allowed inside a signal handler.
extern "C" void warpvae_on_interrupt(int) {
    caught = 1;
    struct sigaction ending {};
    ending.sa_handler = SIG_DFL;
    sigemptyset(&ending.sa_mask);
    for (const int signal : kSignals) ::sigaction(signal, &ending, nullptr);
}

}  // namespace

bool interrupted() { return caught != 0; }

void catch_interrupts() {
    caught = 0;
    struct sigaction action {};
    action.sa_handler = warpvae_on_interrupt;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;  // reads and writes under way go on
    for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
    set_interruption_hook([] {
        if (interrupted()) throw Interrupted();
    });
}

}  // namespace warpvae
