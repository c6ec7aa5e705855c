// Sizes of 0, as in zero_sizes_test.cpp, for every launcher of evaluation: classifiers and neighbours.
#include "cuda/ops.h"
#include "tests/support/zero_sizes.h"

namespace warpvae {
namespace {

using namespace test;

/// R, N and the rest of a call, as its declaration names them, are in its order; S is the stream.
constexpr Stream S = nullptr;

void linear_models() {
    const Output direction_scalars{2, {0, 0, 0, kNaN, kNaN, kNaN}};
    const auto lbfgs = [] { return LbfgsState<double>{none, none, none, none, none, none, none, kept(20), kept(20)}; };
    TAKES(lbfgs_accept(lbfgs(), ones, 0, 3, S));
    TAKES(lbfgs_first_loop(lbfgs(), ones, 0, 3, S));
    TAKES(lbfgs_second_loop(lbfgs(), none, ones, ones, 0, 3, S));
    TAKES(lbfgs_second_loop(lbfgs(), direction_scalars, ones, ones, 2, 0, S));
    TAKES(lbfgs_trial(lbfgs(), ones, 0, 3, S));
    TAKES(lbfgs_trial(lbfgs(), ones, 2, 0, S));
    TAKES(lbfgs_decide(none, none, ones, 0, S));
    TAKES(spd_inverse(none, 0, 3, S));
    TAKES(spd_inverse(none, 2, 0, S));
    TAKES(label_counts(none, ones, 0, 3, S));
    TAKES(label_counts(kept(512), ones, 2, 0, S));
    TAKES(first_non_finite(none, ones, 0, 3, S));
    TAKES(first_non_finite(kept(2), ones, 2, 0, S));
    TAKES(logistic_parameters(none, none, ones, ones, 0, 3, 4, S));
    TAKES(logistic_parameters(none, none, ones, ones, 2, 0, 4, S));
    TAKES(logistic_parameters(none, all(3, 1), ones, ones, 1, 3, 0, S));
    TAKES(centre_classes(none, ones, 0, 3, 4, S));
    TAKES(centre_classes(none, ones, 2, 0, 4, S));
    TAKES(centre_classes(none, ones, 2, 3, 0, S));
    const auto trial = [](double* gradient) {  // of ones, along a direction of ones
        LbfgsState<double> state{};
        state.trial = state.direction = const_cast<double*>(static_cast<const double*>(ones));
        state.trial_gradient = gradient;
        return state;
    };
    const auto trial_scalars = [](double objective, double slope, double size) {
        return Output{4, {kNaN, kNaN, kNaN, objective, slope, size}};
    };
    TAKES(logistic_objective(trial(none), none, {none, none, none, 2}, ones, ones, 1, 2, 0, 3, 4, S));
    TAKES(logistic_objective(trial(zeros(4)), trial_scalars(0, 0, 0), {none, none, none, 0}, ones, ones, 0, 5, 4, 1, 0,
                             S));
    REFUSES(logistic_objective(trial(none), none, {none, none, none, 2}, ones, ones, 1, 0, 2, 3, 4, S));
    TAKES(fused_logistic_sums({none, none, none, 1}, ones, {ones, ones, 3, 4}, ones, ones, 0, 2, S));
    TAKES(fused_logistic_sums({none, none, none, 0}, ones, {ones, ones, 0, 4}, ones, ones, 2, 2, S));
    // With labels of 1 and equal scores.
    TAKES(fused_logistic_sums({none, Output{2, {1.5, -1.5}}, all(1, 3 * double(std::log(2.f))), 1}, ones,
                              {ones, ones, 3, 0}, ones, ones, 1, 2, S));
    REFUSES(fused_logistic_sums({none, none, none, 1}, ones, {ones, ones, 3, 4}, ones, ones, 1, 0, S));
    REFUSES(fused_logistic_sums({none, none, none, 1}, ones, {ones, ones, 3, 4}, ones, ones, 1, 17, S));
    REFUSES(fused_logistic_sums({none, none, none, 2}, ones, {ones, ones, 3, 4}, ones, ones, 1, 2, S));
    REFUSES(fused_logistic_sums({none, none, none, 1}, ones, {ones, ones, 3, -1}, ones, ones, 1, 2, S));
    TAKES(sample_rows(none, ones, 0, 2, 0, 3, 5, 2, S));
    TAKES(sample_rows(none, ones, 0, 0, 0, 3, 0, 2, S));
    TAKES(sample_rows(none, ones, 0, 2, 2, 0, 5, 2, S));
    TAKES(sample_rows(none, ones, 0, 2, 2, 3, 5, 0, S));
    REFUSES(sample_rows(none, ones, 0, 0, 1, 3, 0, 2, S));
    TAKES(logistic_curvature(none, ones, ones, ones, ones, 0, 4, 2, 3, S));
    TAKES(logistic_curvature(none, ones, ones, ones, ones, 2, 0, 2, 3, S));
    TAKES(logistic_curvature(none, ones, ones, ones, ones, 2, 4, 0, 3, S));
    TAKES(logistic_curvature(all(16, std::sqrt(0.5f)), ones, ones, ones, ones, 2, 4, 2, 0, S));
    REFUSES(logistic_curvature(none, ones, ones, ones, ones, 1, 4, 257, 3, S));
    TAKES(accumulate_curvature(none, ones, 1, 1, 1, true, true, 0, 3, S));
    TAKES(accumulate_curvature(none, ones, 1, 1, 1, true, true, 2, 0, S));

    const SvmFits fits{0, 2, 2}, no_fits{0, 0, 2};
    TAKES(svm_parameters(none, none, ones, fits, 0, 2, 3, S));
    TAKES(svm_parameters(none, none, ones, fits, 2, 0, 3, S));
    TAKES(svm_parameters(none, none, ones, no_fits, 2, 2, 3, S));
    TAKES(svm_parameters(none, all(8, 1), ones, fits, 2, 2, 0, S));
    TAKES(squared_hinge(none, none, none, ones, {ones, ones, 2, 3}, fits, 0, S));
    TAKES(squared_hinge(none, none, none, ones, {ones, ones, 0, 3}, fits, 2, S));
    TAKES(squared_hinge(none, none, none, ones, {ones, ones, 2, 3}, no_fits, 2, S));
    TAKES(squared_hinge(zeros(8), zeros(8), none, ones, {ones, ones, 2, 0}, fits, 2, S));
    TAKES(svm_objective(trial(none), none, {ones, ones, ones, 2}, ones, 1, fits, 0, 2, 3, S));
    TAKES(svm_objective(trial(none), none, {ones, ones, ones, 2}, ones, 1, fits, 2, 0, 3, S));
    TAKES(svm_objective(trial(none), none, {ones, ones, ones, 2}, ones, 1, no_fits, 2, 2, 3, S));
    TAKES(svm_objective(trial(all(4, 1)), trial_scalars(0.5, 1, 1), {ones, ones, ones, 0}, ones, 1, fits, 1, 2, 0, S));
    TAKES(svm_active_rows(none, none, ones, ones, ones, 0, 3, 2, S));
    TAKES(svm_active_rows(none, zeros(2), ones, ones, ones, 2, 0, 2, S));
    TAKES(svm_active_rows(none, zeros(2), ones, ones, ones, 2, 0, 0, S));
    REFUSES(svm_active_rows(none, none, ones, ones, ones, 2, 3, 0, S));
    TAKES(svm_gather_rows(none, ones, {ones, ones}, {0, 0, 2}, 5, 2, 3, S));
    TAKES(svm_gather_rows(none, ones, {ones, ones}, {0, 2, 0}, 5, 2, 3, S));
    TAKES(svm_gather_rows(Output{4, {1, 0}}, ones, {ones, ones}, {0, 2, 2}, 5, 2, 0, S));  // one row of each is listed
    REFUSES(svm_gather_rows(none, ones, {ones, ones}, {0, 2, -1}, 5, 2, 3, S));
    REFUSES(svm_gather_rows(none, ones, {ones, ones}, {0, -1, 2}, 5, 2, 3, S));
    TAKES(svm_correct(kept(256), ones, ones, {ones, nullptr, 0, 3}, fits, 0, S));
    TAKES(svm_correct(kept(256), ones, ones, {ones, nullptr, 0, 3}, fits, 2, S));
    TAKES(svm_correct(kept(256), ones, ones, {ones, nullptr, 2, 0}, fits, 2, S));
    TAKES(centre_rows<float>(none, ones, ones, 0, 3, S));
    TAKES(centre_rows<float>(none, ones, ones, 2, 0, S));
    TAKES(symmetric_eigen(none, none, ones, 0, S));
    TAKES(softmax_sgd<float>(none, ones, ones, ones, {2, 1, 1}, 0, 3, 4, S));
    TAKES(softmax_sgd<float>(zeros(20), ones, ones, ones, {2, 1, 0}, 2, 3, 4, S));
    TAKES(softmax_sgd<double>(zeros(4), ones, ones, ones, {2, 1, 0}, 2, 3, 0, S));
    REFUSES(softmax_sgd<float>(none, ones, ones, ones, {2, 1, 1}, 2, 0, 4, S));
    REFUSES(softmax_sgd<float>(none, ones, ones, ones, {0, 1, 1}, 2, 3, 4, S));
    REFUSES(softmax_sgd<float>(none, ones, ones, ones, {2, 0, 1}, 2, 3, 4, S));
    TAKES(softmax_predict<float>(none, ones, ones, 2, 0, 3, 4, S));
    TAKES(softmax_predict<float>(none, ones, ones, 2, 2, 0, 4, S));
    TAKES(softmax_predict<float>(zeros(6), ones, ones, 2, 2, 3, 0, S));
    REFUSES(softmax_predict<float>(none, ones, ones, 0, 2, 3, 4, S));
}

void neighbours() {
    TAKES(squared_norms(none, ones, 0, 3, S));
    TAKES(squared_norms(zeros(2), ones, 2, 0, S));
    TAKES(nearest_candidates(none, none, ones, ones, 0, 0, 5, 2, S));
    REFUSES(nearest_candidates(none, none, ones, ones, 0, 2, 5, 0, S));
    REFUSES(nearest_candidates(none, none, ones, ones, 0, 0, 0, 1, S));
    TAKES(nearest_of_candidates(none, none, ones, ones, 0, 0, 3, 2, 2, S));
    TAKES(nearest_of_candidates(all(3, 1), zeros(3), ones, ones, 0, 3, 0, 1, 1, S));
    REFUSES(nearest_of_candidates(none, none, ones, ones, 0, 2, 3, 2, 0, S));
    TAKES(neighbour_ranks(none, ones, ones, ones, 0, 0, 5, 2, S));
    REFUSES(neighbour_ranks(none, ones, ones, ones, 0, 2, 5, 0, S));
    TAKES(fuzzy_membership(none, none, none, ones, 1, 0, 2, S));
    REFUSES(fuzzy_membership(none, none, none, ones, 1, 2, 0, S));
    TAKES(fuzzy_union({zeros(1), none, none, none, none, none}, ones, ones, 0, 0, 2, S));
    REFUSES(fuzzy_union({none, none, none, none, none, none}, ones, ones, 0, 2, 0, S));
    const LayoutStep step{1, 1, 1, 1, 0, 1, 1, 0};
    TAKES(layout_half_epoch<float>(none, ones, {ones, ones, ones, 0}, step, 2, S));
    TAKES(layout_half_epoch<float>(all(6, 1), ones, {ones, ones, ones, 3}, step, 2, S));  // no edges
    REFUSES(layout_half_epoch<float>(none, ones, {ones, ones, ones, 3}, step, 0, S));
}

TEST(ZeroSizes, OfEveryLauncherOfEvaluation) {
    at_all_block_sizes([] {
        for (const char* launches_nothing : {"fused_logistic_fits", "logistic_is_fused"})
            called.insert(launches_nothing);
        linear_models();
        neighbours();
    });
    for (const std::string& name : declared_launchers(is_of_evaluation))
        EXPECT_TRUE(called.count(name)) << name << " has no line in this file";
}

}  // namespace
}  // namespace warpvae
