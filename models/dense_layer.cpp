#include "models/dense_layer.h"

namespace warpvae {

DenseLayer::DenseLayer(ParameterLayout& layout, const std::string& name, int in, int out, const Initial& weight,
                       const Initial& bias)
    : weight_(layout.add(name + ".weight", {out, in}, weight)),
      bias_(layout.add(name + ".bias", {out}, bias)),
      in_(in),
      out_(out) {}

static Initial first_weight(int in, int out, InitialRule rule) {
    return rule == InitialRule::kTorch ? Initial::torch(in) : Initial::glorot(in, out);
}
static Initial first_bias(int in, InitialRule rule) {
    if (rule == InitialRule::kTorch) return Initial::torch(in);
    return rule == InitialRule::kXavier ? Initial::constant({0.1}) : Initial();
}

DenseLayer::DenseLayer(ParameterLayout& layout, const std::string& name, int in, int out, InitialRule rule)
    : DenseLayer(layout, name, in, out, first_weight(in, out, rule), first_bias(in, rule)) {}

}  // namespace warpvae
