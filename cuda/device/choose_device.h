// Which of a machine's GPUs this process works on.
#pragma once

namespace warpvae {

/// For processes that share a machine: the `number`-th of them takes the GPU of that number, round and round where they
/// are more than the GPUs. Before anything else is done on the device; nothing on the CPU device.
void choose_device(int number);

}  // namespace warpvae
