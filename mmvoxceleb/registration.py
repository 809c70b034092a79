"""Make ``datasets`` resolve the name ``"mmvoxceleb"`` to our builder.

``datasets`` from 4.0 on runs no loading scripts and has no hook for plugins, so its one function that turns a name
into a module is wrapped. Every other name goes through untouched. Entering the name in its table of packaged modules
would be shorter, and make ``load_dataset`` scan the working directory for data files.

``import mmvoxceleb`` does not import ``datasets``, which takes half a second and more: it is wrapped when it comes.
"""

import functools
import importlib.util
import logging
import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["NAME", "load_dataset", "register", "register_when_imported"]

NAME = "mmvoxceleb"
_MODULE = "mmvoxceleb.loading.builder"
_MARK = "_resolves_mmvoxceleb"

_lock = threading.Lock()
logger = logging.getLogger(__name__)


def register() -> bool:
    """Wrap ``datasets.load.dataset_module_factory``; calling it again changes nothing.

    Returns:
        Whether ``datasets.load_dataset("mmvoxceleb")`` now finds our builder. Where a future ``datasets`` has no such
        function, :func:`mmvoxceleb.load_dataset` works all the same.
    """
    import datasets.inspect
    import datasets.load

    with _lock:
        original = getattr(datasets.load, "dataset_module_factory", None)
        if not _wrap(datasets.load):
            return False
        if getattr(datasets.inspect, "dataset_module_factory", None) is original:
            datasets.inspect.dataset_module_factory = datasets.load.dataset_module_factory
        return True


def _wrap(load: Any) -> bool:
    """Wrap the function of ``datasets.load``, unless it is wrapped; tell whether it now resolves our name."""
    original = getattr(load, "dataset_module_factory", None)
    if original is None or not hasattr(load, "DatasetModule"):
        logger.warning("this version of datasets resolves names in an unknown way; use mmvoxceleb.load_dataset")
        return False
    if getattr(original, _MARK, False):
        return True

    @functools.wraps(original)
    def dataset_module_factory(path: Any, *args: Any, **kwargs: Any) -> Any:
        if path != NAME:
            return original(path, *args, **kwargs)
        return load.DatasetModule(_MODULE, _hash(), {"dataset_name": NAME})

    setattr(dataset_module_factory, _MARK, True)
    load.dataset_module_factory = dataset_module_factory
    return True


def register_when_imported() -> None:
    """Call :func:`register` now, if ``datasets`` is imported already, or else once it is."""
    if "datasets.load" in sys.modules:
        register()
    elif not any(isinstance(finder, _Awaited) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Awaited())


class _Awaited(MetaPathFinder):
    """Finds ``datasets.load`` once, as Python does, and wraps what it holds as soon as it is there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "datasets.load":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_wrap(module: ModuleType) -> None:
                execute(module)
                _wrap(module)

            spec.loader.exec_module = execute_and_wrap  # type: ignore[method-assign]  # wrapped, once
        return spec


def _hash() -> str:
    """Return what tells the rows of one version of the builder from those of another, for the cache folder."""
    from mmvoxceleb.loading.builder import MMVoxCeleb

    return f"rows-{MMVoxCeleb.VERSION}"


def load_dataset(
    path: str = NAME,
    name: str | None = None,
    *,
    data_dir: str | None = None,
    split: Any = None,
    cache_dir: str | None = None,
    features: Any = None,
    download_config: Any = None,
    download_mode: Any = None,
    verification_mode: Any = None,
    keep_in_memory: bool | None = None,
    token: bool | str | None = None,
    streaming: bool = False,
    num_proc: int | None = None,
    storage_options: dict[str, Any] | None = None,
    **config_kwargs: Any,
) -> Any:
    """Load Multimodal VoxCeleb as ``datasets.load_dataset("mmvoxceleb", ...)`` does.

    This function also works where the name ``mmvoxceleb`` could not be registered with ``datasets``.

    Args:
        path: Must be ``"mmvoxceleb"``. It exists only to match the signature of ``datasets.load_dataset``.
        name: The config: ``all`` (the default: ``video``, ``mask``, ``drawing``, ``text`` and ``label``), the name of
            one modality, such as ``text``, ``audio``, ``landmarks`` or ``score``, or ``sample`` for the bundled sample.
        data_dir: A folder, a zip, or the fsspec URL of either. None downloads from Google Drive, where the published
            files were withdrawn; pass ``drive_ids`` for a lab's own copies. The config ``sample`` takes no
            ``data_dir``.
        split: ``train``, ``test``, a slice such as ``train[:10%]``, or None for all splits.
        cache_dir: The folder for prepared datasets; by default the cache of ``datasets``.
        features: Overrides the features of the records, as in ``datasets``.
        download_config: As in ``datasets``.
        download_mode: As in ``datasets``.
        verification_mode: As in ``datasets``.
        keep_in_memory: As in ``datasets``.
        token: Hugging Face token for ``hf://`` URLs.
        streaming: Read row by row, without preparing the dataset first.
        num_proc: Number of processes that prepare the dataset.
        storage_options: Passed to fsspec for the file system behind ``data_dir``.
        **config_kwargs: Fields of :class:`mmvoxceleb.MMVoxCelebConfig`.

    Returns:
        A ``Dataset`` for one split, a ``DatasetDict`` for all; the iterable kind of either with ``streaming``.

    Raises:
        MMVoxCelebError: An argument is invalid, or the source cannot be read.
    """
    from datasets.utils.info_utils import is_small_dataset

    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.loading.builder import MMVoxCeleb

    if path != NAME:
        raise ConfigError(f"mmvoxceleb.load_dataset loads {NAME!r}, not {path!r}; use datasets.load_dataset for others")
    builder = MMVoxCeleb(
        cache_dir=cache_dir,
        dataset_name=NAME,
        config_name=name or MMVoxCeleb.DEFAULT_CONFIG_NAME,
        data_dir=data_dir,
        hash=_hash(),
        features=features,
        token=token,
        storage_options=storage_options,
        **config_kwargs,
    )
    if streaming:
        return builder.as_streaming_dataset(split=split)
    builder.download_and_prepare(
        download_config=download_config,
        download_mode=download_mode,
        verification_mode=verification_mode,
        num_proc=num_proc,
        storage_options=storage_options,
    )
    if keep_in_memory is None:
        keep_in_memory = is_small_dataset(builder.info.dataset_size)
    return builder.as_dataset(split=split, in_memory=keep_in_memory)
