// What is done to pictures until they are what a model takes: stated by options, kept with a data set, and done again
// to the pictures that a user gives to a trained model. Nothing is done that no option says.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "data/picture.h"

namespace warpvae {

/// How a picture of another size is made to fit.
enum class Fitting {
    kExact,      ///< it is not: another size is an error
    kPad,        ///< scaled until all of it is inside, its shape kept; 0 around it
    kPadBorder,  ///< the same, with the median of its border around it: paper stays paper
    kCrop,       ///< scaled until it covers everything, its shape kept; what is outside is lost
    kStretch     ///< each side scaled by itself
};

struct ImagePreparation {
    int height = 0, width = 0;  ///< 0: as the pictures are
    int channels = 0;           ///< 1 grey (BT.601), 3 colour; 0: as the pictures are
    Fitting fit = Fitting::kExact;
    std::optional<std::uint8_t> background = {};  ///< grey level behind what is transparent; none: that is an error
    bool invert = false;                          ///< of every picture: black and white change places
    bool invert_light_border = false;             ///< only where the border is light; a guess, for drawn digits alone
};

/// As the digit sets have it: ink 1 on paper 0, whichever way it was drawn.
ImagePreparation digit_preparation(int height, int width, int channels = 1);

struct PreparedImage {
    std::vector<std::uint8_t> pixels;  ///< [height, width, channels]
    std::string note;                  ///< what was done to it, for the user; empty: nothing
    bool inverted = false;
};
/// `picture` as `how` says; extents and channels that are 0 there are the picture's own. Throws Error naming `name`,
/// and the option that helps, if the picture is of another size and is not to be fitted, or is transparent on no
/// background.
PreparedImage prepare(Picture picture, const ImagePreparation& how, const std::string& name);

}  // namespace warpvae
