"""``mmvoxceleb weights``: the models, their licences, what may be done with results, and whether they are here."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.regenerate.shared import LicenceOption
from mmvoxceleb.cli.telling import JsonOptions, end, say

if TYPE_CHECKING:
    from mmvoxceleb.processing.published import Model

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb weights

  mmvoxceleb weights --models open
  mmvoxceleb weights --licence permissive --json

  mmvoxceleb weights --get bisenet --get portrait-drawing

  MMVOXCELEB_WEIGHTS=/data/weights mmvoxceleb weights
"""


def register(app: typer.Typer) -> None:
    """Add ``weights``."""
    app.command(epilog=EXAMPLES)(takes_options(weights))


def weights(
    get: Annotated[
        list[str] | None, typer.Option("--get", metavar="NAME", help="Download this model now; repeat it.")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="SET",
            help="Only what this set of models needs: published or open.",
            rich_help_panel="Models",
        ),
    ] = None,
    licence: LicenceOption = None,
    *,
    output: JsonOptions,
) -> None:
    """List the models with their licences and the permitted use of their results; --get downloads models now.

    Every command downloads the weights it needs; --get and --models list only the models that they name. Files in
    the folders of MMVOXCELEB_WEIGHTS are used first.
    --licence permissive lists, and downloads, only models that may be used for every purpose.
    """
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.processing.model_sets import MODEL_SETS
    from mmvoxceleb.processing.published import INCLUDED, PUBLISHED
    from mmvoxceleb.processing.weights import locate

    if models is not None and models not in MODEL_SETS:
        raise ConfigError(f"unknown models {models!r}; use {', '.join(MODEL_SETS)}")
    named = {*(get or ()), *(MODEL_SETS[models].weights if models is not None else ())}
    for name in get or ():
        wanted = PUBLISHED.get(name)
        if licence and wanted is not None and not wanted.is_permissive:
            raise ConfigError(
                f"--licence {licence} refuses {name}: {wanted.terms}: {wanted.licence}. The permissive ones are listed "
                f"by mmvoxceleb weights --licence {licence}"
            )
        locate(name)
    every = [model for model in (*PUBLISHED.values(), *INCLUDED.values()) if model.is_permissive or not licence]
    found = [described(model) for model in every if model.key in named or not (get or models)]
    for said in found:
        _show(said)
    end(found)


def described(model: "Model") -> dict[str, Any]:
    """Say as JSON values what is known of a model, and where its file is on this machine."""
    from mmvoxceleb.processing.published import WeightFile
    from mmvoxceleb.processing.sample_models import SAMPLE, sample_weights
    from mmvoxceleb.processing.weights import find

    said: dict[str, Any] = {
        "name": model.key,
        "for": model.purpose,
        "licence": model.licence,
        "terms": model.terms,
        "results": model.results,
        "stated_at": model.stated_at,
        "paper": model.paper,
        "use": model.chosen_by,
    }
    if isinstance(model, WeightFile):
        path = find(model)
        return said | {
            "file": model.file_name,
            "sources": list(model.sources),
            "bytes": model.size_bytes,
            "sha256": model.sha256,
            "here": None if path is None else str(path),
        }
    return said | {"here": str(sample_weights())} if model.key == SAMPLE else said


def _show(said: dict[str, Any]) -> None:
    from mmvoxceleb.processing.weights import weights_cache_dir

    say(f"{said['name']}  ({said.get('file', 'included')})")
    for name in ("for", "licence"):
        say(f"  {name:<8} {said[name]}")
    say(f"  results  {said['terms']}: {said['results']}")
    say(f"  says     {said['stated_at']}")
    say(f"  paper    {said['paper']}")
    if "file" in said:
        known = [f"{said['bytes']:,} bytes"] if said["bytes"] else []
        known += [f"sha256 {said['sha256']}"] if said["sha256"] else []
        say(f"  file     {', '.join(known) or 'neither its size nor its sha256 is published'}")
        for source in said["sources"]:
            say(f"  from     {source}")
    say(f"  use      {said['use']}")
    if "here" in said:
        say(f"  here     {said['here'] or 'no; downloaded when needed to ' + str(weights_cache_dir())}")
