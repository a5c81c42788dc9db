"""RealCamPipeline: the network as diffusers' pipelines are used. Importing it loads no torch.

The class is our own, not a DiffusionPipeline, and so is the code for its folders, which have diffusers' layout; why,
`server/model/pretrained/model_folder.py` says. The engine samples with the same base class, and a call describes its
arguments as the Shot that a client would send: there is one way from conditions to frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blender_addon.core.arrays import UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from server.engines.realcam.settings import read_settings
from server.engines.realcam.sources import InstalledWeights
from server.model.config import NANO, TINY, VARIANTS, ModelConfig
from server.model.weights.weights_store import WeightsStore, default_store
from server.packages import MODEL_PACKAGES, absent_packages, unfit_torchvision

from .shot_pipeline import ShotPipeline

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from server.diffusion.sampler import SeededNoise
    from server.model.model import RealCamModel
    from server.model.sampling.conditions import ConcatStyle
    from server.model.sampling.shot_sampler import Hooks

    from .step_callback import StepCallback

OUTPUT_TYPES = ("pil", "np", "pt")
RANDOM_VARIANTS = {config.name: config for config in (TINY, NANO, *VARIANTS.values())}
"""The variants that `from_config` makes, by name."""


class RealCamPipeline(ShotPipeline):
    """Makes clips of one photo along a camera path. Errors that its caller can mend are RealCamErrors.

    Args:
        model: the network with its encoders.
        forms: of latents beside the noise that it was trained for, see `SamplingOptions`; the published ones know one.
    """

    def __init__(self, model: RealCamModel, forms: Sequence[ConcatStyle] = ("repeat",)) -> None:
        super().__init__(model, forms)
        self._interrupt = False
        self._tiled = False

    @classmethod
    def from_pretrained(
        cls,
        folder_or_id: str | Path,
        *,
        torch_dtype: torch.dtype | None = None,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
    ) -> RealCamPipeline:
        """The pipeline of a folder that `save_pretrained` wrote, or of a hub repository with the same files.

        Only safetensors are read and fetched, never a pickle.

        Args:
            folder_or_id: the folder; or owner/name of the repository, where no folder has that name.
            torch_dtype: of the weights; None for the one that they were saved in.
            revision: commit, branch or tag of the repository; None for the newest, which may be another tomorrow.
            token: of the hub; None for that of `hf auth login`.
            cache_dir: where the hub's files are kept; None for the hub client's own cache.
            local_files_only: take what that cache has, and ask no hub.

        Raises:
            RealCamError: nothing of that name is there, the hub is out of reach, or the files are no such pipeline.
        """
        _check_packages()
        from server.model.pretrained.hub_snapshot import HUB_ID, fetch_snapshot
        from server.model.pretrained.model_folder import open_model, read_index

        folder = Path(folder_or_id)
        if not folder.exists() and HUB_ID.fullmatch(str(folder_or_id)):
            cache = None if cache_dir is None else Path(cache_dir)
            folder = fetch_snapshot(
                str(folder_or_id), revision, token=token, cache_dir=cache, local_files_only=local_files_only
            )
        forms = read_index(folder).get("forms", ["repeat"])
        return cls(open_model(folder, dtype=_checked_dtype(torch_dtype)), forms)

    @classmethod
    def from_published(
        cls,
        name: str = "realcam-512",
        *,
        torch_dtype: torch.dtype | None = None,
        device: str | torch.device = "cpu",
        store: str | Path | None = None,
    ) -> RealCamPipeline:
        """The pipeline of installed weights: a published variant's, a network of your own, or `nano`.

        Args:
            name: realcam-256, realcam-512 or realcam-1024 as `realcam weights get` installs them, or another network's
                that `realcam weights list` shows.
            torch_dtype: of the weights; None for float32.
            device: of the pipeline.
            store: folder of the weights; None for $REALCAM_WEIGHTS, or the user's own.

        Raises:
            RealCamError: nothing of that name is installed, or it is damaged.
        """
        _check_packages()
        import torch

        from server.engines.realcam.sampling_options import trained_forms

        kept = default_store() if store is None else WeightsStore(Path(store))
        installed = InstalledWeights(kept)
        own = {network.name: network for network in installed.own()}
        published = dict.fromkeys(installed.config(size).name for size in installed.sizes())
        if name not in own and name not in published:
            get = f"Run `realcam weights get {name}`." if name in VARIANTS else "Name one of these."
            there = ", ".join([*published, *own]) or "none"
            raise EngineError(f"There is no network {name}", f"{kept.root} has {there}", get)
        source = installed.named(name) if name in own else installed
        size = own[name].facts.size if name in own else VARIANTS[name].size
        model = source.load(size, torch.device(device), _checked_dtype(torch_dtype) or torch.float32)
        return cls(model, trained_forms(installed, name))

    @classmethod
    def from_config(
        cls, variant: str | ModelConfig = "tiny", *, seed: int = 0, torch_dtype: torch.dtype | None = None
    ) -> RealCamPipeline:
        """A pipeline with random weights, which makes noise: to try a program without the published ones.

        Args:
            variant: "tiny", "nano", or a published variant's name, whose weights take 10 GB in float32.
            seed: of the weights.
            torch_dtype: of the weights; None for float32.

        Raises:
            RealCamError: there is no such variant.
        """
        _check_packages()
        import torch

        from server.model.model import random_model
        from server.model.tokenizer import ByteTokenizer

        config = RANDOM_VARIANTS.get(variant) if isinstance(variant, str) else variant
        if config is None:
            raise EngineError(f"There is no variant {variant}", f"there are {', '.join(RANDOM_VARIANTS)}")
        dtype = _checked_dtype(torch_dtype) or torch.float32
        return cls(random_model(config, ByteTokenizer(config.clip.vocabulary), seed, dtype=dtype))

    def save_pretrained(self, folder: str | Path, max_shard_size: int | str = "5GB") -> None:
        """Write the pipeline in its dtype, in diffusers' layout: `model_index.json`, a folder for each part.

        Args:
            folder: made where it is not there.
            max_shard_size: the largest file of weights, bytes, or as "5GB".

        Raises:
            RealCamError: it cannot be written.
        """
        from server.model.pretrained.model_folder import save_model

        save_model(self.model, Path(folder), max_shard_size, {"forms": self.forms})

    @property
    def components(self) -> dict[str, torch.nn.Module]:
        """The networks by name."""
        return self.model.parts()

    @property
    def interrupt(self) -> bool:
        """Whether a callback has set `_interrupt` in this call."""
        return self._interrupt

    def to(self, *targets: str | torch.device | torch.dtype) -> RealCamPipeline:
        """This pipeline, moved.

        Args:
            targets: a device, a dtype (float32, bfloat16 or float16), or both.

        Raises:
            RealCamError: PyTorch has no such device, or cannot compute on it.
        """
        import torch

        from server.engines.compute_device import check_card
        from server.model.model import moved

        dtypes = [_checked_dtype(target) for target in targets if isinstance(target, torch.dtype)]
        devices = [torch.device(target) for target in targets if not isinstance(target, torch.dtype)]
        device = devices[-1] if devices else self.device
        if device.type == "cuda":
            if not torch.cuda.is_available():
                raise EngineError("There is no CUDA device here", "PyTorch sees none", 'Use .to("cpu").')
            check_card()
        self.model = moved(self.model, device, (dtypes or [self.dtype])[-1])
        return self

    def enable_vae_tiling(self) -> None:
        """Decode a frame at a time, in tiles where it is large: less memory, and faint seams are possible."""
        self._tiled = True

    def disable_vae_tiling(self) -> None:
        """Decode as before `enable_vae_tiling`."""
        self._tiled = False

    def __call__(
        self,
        image: Image.Image | Any,
        camera_to_world: Any,
        intrinsics: Any,
        *,
        preview: Any = None,
        prompt: str = "",
        negative_prompt: str = "",
        last_image: Image.Image | Any = None,
        image_intrinsics: Any = None,
        width: int | None = None,
        height: int | None = None,
        fps: float = 8.0,
        num_inference_steps: int = 25,
        guidance_scale: float = 5.5,
        generator: torch.Generator | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        **options: Any,
    ) -> Any:
        """The clip of a photo along a camera path, as a RealCamPipelineOutput.

        Args:
            image: the photo: a PIL image, an array [h, w, 3] (uint8, or floats from 0 to 1) or a tensor [3, h, w].
            camera_to_world: [F, 4, 4], metres, OpenCV axes (x right, y down, z forward), as seen from the photo's
                camera, which stands at the identity. As many frames as the clip shall have, 2 or more.
            intrinsics: [3, 3] or [F, 3, 3], pixels of width x height; the centre of the top-left pixel is (0.5, 0.5).
            preview: [F, height, width, 4] uint8 or as many RGBA images: what the photo shows of each frame, alpha 255
                where that is seen. None to be held to nothing.
            prompt: what the clip shows.
            negative_prompt: what it shall not show.
            last_image: what the last frame shall show, as `image`.
            image_intrinsics: [3, 3], pixels of the image; None where it shows what the clip's first frame does.
            width: of the clip, a multiple of 64; None for the variant's.
            height: the same.
            fps: frames a second, which the network is told.
            num_inference_steps: sampling steps, 1 to 100.
            guidance_scale: towards prompt and photo, 1 to 20; 1 is without guidance, in half the time.
            generator: gives all noise; one of the CPU with `manual_seed(n)` makes the clip of the engine's seed n. None
                for PyTorch's global one.
            output_type: "pil", "np" or "pt", see RealCamPipelineOutput.
            return_dict: False for a tuple of the frames instead.
            callback_on_step_end: called after each step, see StepCallback. It ends the call by an exception, or with
                the frames so far by setting `_interrupt` on the pipeline.
            callback_on_step_end_tensor_inputs: "latents" and "clean_latents", as it asks for them.
            **options: of the engine, by the names in CALL_OPTIONS: mode, shaping, camera_guidance, eta ...

        Raises:
            RealCamError: an argument cannot be used, with the reason in words.
        """
        from .call_output import RealCamPipelineOutput, output_frames
        from .call_shot import CallArguments, call_shot
        from .step_callback import CallbackHooks, no_callback

        if output_type not in OUTPUT_TYPES:
            raise EngineError(f"There is no output_type {output_type!r}", f"there are {', '.join(OUTPUT_TYPES)}")
        arguments = CallArguments(
            image=image,
            camera_to_world=camera_to_world,
            intrinsics=intrinsics,
            preview=preview,
            last_image=last_image,
            image_intrinsics=image_intrinsics,
            size=(width or self.config.size[0], height or self.config.size[1]),
            fps=fps,
            prompt=prompt,
            negative_prompt=negative_prompt,
            steps=num_inference_steps,
            guidance=guidance_scale,
            options=options,
        )
        self._interrupt = False
        callback = callback_on_step_end or no_callback
        hooks = CallbackHooks(self, callback, callback_on_step_end_tensor_inputs).hooks()
        frames = output_frames(self._frames(call_shot(arguments), _noise(generator, self.device), hooks), output_type)
        return RealCamPipelineOutput(frames=frames) if return_dict else (frames,)

    def _frames(self, shot: Shot, noise: SeededNoise, hooks: Hooks) -> UInt8:
        """The frames of a shot, or those that there are when a callback interrupts."""
        from server.engines.realcam.memory.memory_plan import PLAIN
        from server.engines.realcam.sampling_options import sampling_options
        from server.engines.realcam.shot_inputs import shot_inputs

        from .step_callback import Interrupted, frames_so_far

        settings = read_settings(shot.settings.options)
        inputs = shot_inputs(shot, settings, self.config)
        options = sampling_options(shot, settings, self.config, replace(PLAIN, tiled=self._tiled))
        try:
            return self.sample(inputs, options, noise, hooks)
        except Interrupted as stopped:
            return frames_so_far(self.model, inputs, options, stopped)


def _noise(generator: torch.Generator | None, device: torch.device) -> SeededNoise:
    """What gives a call's noise, drawn as the engine draws it.

    Raises:
        EngineError: the generator is none of PyTorch's, or several.
    """
    import torch

    from server.diffusion.sampler import SeededNoise

    if generator is not None and not isinstance(generator, torch.Generator):
        raise EngineError(
            "The generator is not one of PyTorch's",
            f"{type(generator).__name__}; one call makes one clip",
            "Give torch.Generator().manual_seed(n), or nothing.",
        )
    return SeededNoise(torch.default_generator if generator is None else generator, device)


def _checked_dtype(dtype: torch.dtype | None) -> torch.dtype | None:
    """The dtype.

    Raises:
        EngineError: weights cannot be of it.
    """
    import torch

    known = (torch.float32, torch.bfloat16, torch.float16)
    if dtype is not None and dtype not in known:
        raise EngineError(
            "The weights cannot be of this dtype", str(dtype), f"Use one of {', '.join(map(str, known))}."
        )
    return dtype


def _check_packages() -> None:
    """Check that the packages of the network are there.

    Raises:
        EngineError: one is missing or does not fit the others.
    """
    if absent := absent_packages(MODEL_PACKAGES, extra="models") or unfit_torchvision():
        raise EngineError("The pipeline cannot run here", absent)
