// What a user is told: one line that names the file, flag or value at fault and what to do about it.
#pragma once
#include <stdexcept>

namespace warpvae {

/// Something outside the program is wrong (a file, a disk, a download): exit status 1.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The command line or the configuration is wrong: exit status 2.
struct UsageError : Error {
    using Error::Error;
};

}  // namespace warpvae
