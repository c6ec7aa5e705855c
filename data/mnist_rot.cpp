#include "data/mnist_rot.h"

#include "data/amat.h"
#include "data/data_set.h"
#include "data/transformed_sets.h"

namespace warpvae {

ImageSet read_mnist_rot_part(const std::vector<FoundFile>& files, const ImageSetShape& shape, std::size_t at_most) {
    return read_amat(files.at(0).path, shape.height, shape.width, at_most);
}

ImageSet make_mnist_rot_part(const MakeRequest& request) {
    ImageSet set = load_part(known_set("mnist"), request.data_folder, request.part, request.count);
    set.images = rotate_over_circle(set, request.seed, request.part);
    if (!request.keep.empty()) write_image_set(request.keep, file_prefix(request.part), set);
    return set;
}

}  // namespace warpvae
