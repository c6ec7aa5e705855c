"""Builds warpvae_ops against an installed kernel library, of whichever device: $WARPVAE_PREFIX (default: /usr/local)."""
import os
import pathlib

from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension, CUDAExtension

prefix = pathlib.Path(os.environ.get("WARPVAE_PREFIX", "/usr/local")).absolute()
config = prefix / "lib/cmake/warpvae/warpvaeConfig.cmake"
if not config.exists():
    raise SystemExit(f"error: no warpvae in {prefix}: install its kernel library there, or set WARPVAE_PREFIX")
cuda = "set(warpvae_CUDA ON)" in config.read_text()

setup(
    name="warpvae-torch",
    version="0.1.0",
    py_modules=["warpvae"],
    ext_modules=[
        (CUDAExtension if cuda else CppExtension)(
            "warpvae_ops",
            ["warpvae_ops.cpp"],
            include_dirs=[str(prefix / "include/warpvae")],
            library_dirs=[str(prefix / "lib")],
            libraries=["warpvae_kernels"],
            define_macros=[("WARPVAE_CUDA", "1")] if cuda else [],
        )
    ],
    cmdclass={"build_ext": BuildExtension},
    install_requires=["torch>=2.4"],
)
