"""What every PyTorch peer is told about where and how precisely it runs: --device, --threads, --tf32."""
import torch


def add_to(parser):
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--tf32", action="store_true", help="let cuBLAS and cuDNN round factors to TF32")


def apply(options):
    """Sets threads and precision; returns what waits for the device. Left alone, PyTorch lets cuDNN use TF32."""
    torch.set_float32_matmul_precision("high" if options.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = options.tf32
    if options.threads:
        torch.set_num_threads(options.threads)
    return torch.cuda.synchronize if options.device == "cuda" else lambda: None
