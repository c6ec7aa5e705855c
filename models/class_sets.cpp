#include "models/class_sets.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace warpvae {

ClassSets::ClassSets(const std::vector<const std::vector<std::uint8_t>*>& labels, int classes)
    : count_(labels.empty() ? 0 : labels[0]->size()), classes_(classes), smallest_(static_cast<int>(count_)) {
    std::vector<std::uint32_t> members, starts, ranks(labels.size() * count_);
    for (std::size_t r = 0; r < labels.size(); ++r) {
        const std::vector<std::uint8_t>& of = *labels[r];
        const std::string replica = " of replica " + std::to_string(r);
        if (of.size() != count_) throw std::invalid_argument("replicas need equally many labelled images");
        for (std::size_t i = 0; i < count_; ++i)
            if (of[i] >= classes)
                throw std::invalid_argument("image " + std::to_string(i) + replica + " has label " +
                                            std::to_string(of[i]) + "; labels are 0 to " + std::to_string(classes - 1));
        const std::size_t first = members.size();
        starts.push_back(0);
        for (int k = 0; k < classes; ++k) {
            for (std::size_t i = 0; i < count_; ++i) {
                if (of[i] != k) continue;
                ranks[first + i] = static_cast<std::uint32_t>(members.size() - first);
                members.push_back(static_cast<std::uint32_t>(i));
            }
            const int size = static_cast<int>(members.size() - first - starts.back());
            if (size < 2)
                throw std::invalid_argument("class " + std::to_string(k) + replica + " has " + std::to_string(size) +
                                            (size == 1 ? " labelled image" : " labelled images") +
                                            "; two at least are needed (Feige, appendix A)");
            starts.push_back(static_cast<std::uint32_t>(members.size() - first));
            smallest_ = std::min(smallest_, size);
        }
    }
    members_ = DeviceBuffer<std::uint32_t>(members, "class members");
    starts_ = DeviceBuffer<std::uint32_t>(starts, "class starts");
    ranks_ = DeviceBuffer<std::uint32_t>(ranks, "class ranks");
}

}  // namespace warpvae
