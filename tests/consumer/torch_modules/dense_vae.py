"""DenseVae (models/dense_vae.h), which `invariance` trains, in PyTorch."""
import weights


class DenseVae(weights.Vae):
    def __init__(self, path):
        super().__init__(path, "train-set", active=["encoder"], linear=["heads", "decoder"])

    def moments(self, x):
        """Mean and deviation of q(z | x)."""
        mean, log_variance = self.heads(self.encoder(x)).chunk(2, -1)
        return mean, (log_variance / 2).exp()

    def images(self, z):
        return self.expectation(self.decoder(z))

    def elbo(self, x, z):
        """Of each image, from one draw."""
        return self.log_likelihood(self.decoder(z), x) - weights.gaussian_kl(*self.moments(x))
