// Batches of quadratics whose minima are known: they are found, whatever the number of rounds between two looks at
// them, with the same bits.
#include "host/evaluate/lbfgs_problems.h"

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using Vector = std::vector<double>;

/// Q problems, 1/2 sum_i a_i (x_i - m_i)^2, of which the next is harder than the one before. They are evaluated here.
struct Quadratics {
    Quadratics(int Q_, std::size_t P_, std::uint64_t seed) : Q(Q_), P(P_) {
        test::Random random(seed);
        for (int q = 0; q < Q; ++q)
            for (std::size_t i = 0; i < P; ++i) {
                curvature.push_back(1 + q * random.uniform(0, 30));
                minimum.push_back(random.normal());
            }
    }
    /// Gradients and scalars at the trial points, of all problems: those that have ended are no exception.
    void evaluate(LbfgsProblems& problems) const {
        const Vector at = problems.trial.download(), along = problems.direction.download();
        Vector gradient(at.size());
        std::vector<LbfgsScalars> scalars = problems.device_scalars.download();
        for (int q = 0; q < Q; ++q) {
            LbfgsScalars& s = scalars[q];
            s.objective = s.trial_slope = s.gradient_size = 0;
            for (std::size_t i = q * P; i < (q + 1) * P; ++i) {
                const double off = at[i] - minimum[i];
                gradient[i] = curvature[i] * off;
                s.objective += curvature[i] * off * off / 2;
                s.trial_slope += gradient[i] * along[i];
                s.gradient_size = std::max(s.gradient_size, std::abs(gradient[i]));
            }
        }
        problems.trial_gradient.upload(gradient);
        problems.device_scalars.upload(scalars);
    }
    struct Result {
        Vector theta;
        std::vector<LbfgsCertificate> certificates;
        int rounds = 0;
    };
    Result minimise(int rounds_at_once, int stopped = -1) const {
        LbfgsProblems problems(Q, P, "test");
        problems.rounds_at_once = rounds_at_once;
        problems.reset(nullptr);
        evaluate(problems);
        problems.read_scalars(nullptr);
        for (int q = 0; q < Q; ++q)
            if (q == stopped)
                problems.stop(q);
            else
                problems.start(q, {1e-9, 1e-6, 200});
        Result result;
        problems.minimise(
            nullptr,
            [&](int round) {
                EXPECT_EQ(round, result.rounds++);
                const LbfgsControl* control = problems.device_control.data();
                check(lbfgs_first_loop(problems.state, control, Q, P, nullptr));
                check(copy_on_device(problems.product.data(), problems.direction.data(), problems.direction.bytes()));
                check(lbfgs_second_loop(problems.state, problems.device_scalars.data(), problems.product.data(),
                                        control, Q, P, nullptr));
            },
            [&] { evaluate(problems); });
        result.theta = problems.theta.download();
        for (int q = 0; q < Q; ++q) result.certificates.push_back(problems.certificate(q));
        return result;
    }
    int Q;
    std::size_t P;
    Vector curvature, minimum;
};

TEST(LbfgsProblems, FindTheMinimaWithTheSameBitsHoweverSeldomTheHostLooks) {
    for (const std::size_t P : {1u, 7u, 33u}) {
        const Quadratics quadratics(5, P, P);
        const Quadratics::Result each = quadratics.minimise(1);
        for (std::size_t i = 0; i < each.theta.size(); ++i) EXPECT_NEAR(each.theta[i], quadratics.minimum[i], 1e-8);
        for (const LbfgsCertificate& certificate : each.certificates) {
            EXPECT_TRUE(certificate.converged);
            EXPECT_LE(certificate.gradient_norm, 1e-9);
        }
        EXPECT_LE(each.certificates[0].evaluations, each.certificates[4].evaluations);
        for (const int rounds : {2, 8, 64}) {
            const Quadratics::Result seldom = quadratics.minimise(rounds);
            test::expect_identical(seldom.theta, each.theta, "theta");
            EXPECT_EQ(seldom.rounds % rounds, 0);
            EXPECT_LT(seldom.rounds - each.rounds, rounds);
            for (int q = 0; q < quadratics.Q; ++q) {
                EXPECT_EQ(seldom.certificates[q].evaluations, each.certificates[q].evaluations);
                EXPECT_EQ(seldom.certificates[q].gradient_norm, each.certificates[q].gradient_norm);
                EXPECT_EQ(seldom.certificates[q].objective, each.certificates[q].objective);
            }
        }
    }
}

TEST(LbfgsProblems, AStoppedProblemStaysWhereItIs) {
    const Quadratics quadratics(3, 7, 2);
    const Quadratics::Result all = quadratics.minimise(4), rest = quadratics.minimise(4, 1);
    for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(rest.theta[7 + i], 0);
    test::expect_identical(test::slice(rest.theta, 14, 7), test::slice(all.theta, 14, 7), "beside it");
}

TEST(LbfgsProblems, PreconditionersAreRenewedLessAndLessOften) {
    std::vector<int> due;
    for (int round = 0; round < 40; ++round)
        if (LbfgsProblems::is_renewal_due(round)) due.push_back(round);
    EXPECT_EQ(due, (std::vector<int>{0, 1, 2, 4, 8, 16, 32}));
}

}  // namespace
}  // namespace warpvae
