"""``mmvoxceleb remove``: take a person, a video or a clip out of a store, an export and a repository."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.telling import JsonOptions, end, say
from mmvoxceleb.cli.wording import command, counted

if TYPE_CHECKING:
    from mmvoxceleb.meta.removals import Removals

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb remove --person id10001 /data/mmvoxceleb
  mmvoxceleb remove --video yDqlBD8m_b8 /data/mmvoxceleb out --repo user/name
  mmvoxceleb remove --person id10001 --rewrite-zips /data/zips
  mmvoxceleb remove --person id10001 --repo user/name --dry-run
  mmvoxceleb remove /data/mmvoxceleb --elsewhere https://lab.example/removed.jsonl
  mmvoxceleb remove OUT --list OUT/meta/marked.jsonl       (clips and persons marked in mmvoxceleb view)
"""


def register(app: typer.Typer) -> None:
    """Add ``remove``."""
    app.command(epilog=EXAMPLES)(takes_options(remove))


def remove(
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="STORE_OR_EXPORT", help="Stores, exports, and URLs of stores, s3://..."),
    ] = None,
    person: Annotated[list[str] | None, typer.Option("--person", help="Identity, such as id10001; repeat it.")] = None,
    video: Annotated[list[str] | None, typer.Option("--video", help="Id of a source video; repeat it.")] = None,
    clip: Annotated[list[str] | None, typer.Option("--clip", help="Name of a single clip; repeat it.")] = None,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list", help='File with {"person_id": ...}, {"video_id": ...} or {"clip_id": ...} on each line.'
        ),
    ] = None,
    clips: Annotated[
        str | None,
        typer.Option(
            "--clips",
            metavar="FILE",
            help="Every clip of a clip list, or of a file with one clip name per line.",
            rich_help_panel="Clips",
        ),
    ] = None,
    elsewhere: Annotated[
        list[str] | None,
        typer.Option(
            "--elsewhere", help="URL of a removal list that users of this data should obey, too; recorded in STORE."
        ),
    ] = None,
    repo: Annotated[str | None, typer.Option("--repo", help="user/name on the Hub.")] = None,
    revision: Annotated[str, typer.Option("--revision", help="Branch of the repository.")] = "main",
    rewrite_zips: Annotated[
        bool,
        typer.Option("--rewrite-zips", help="Rewrite zips of many clips, which needs as much free space as they take."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed, and stop.", rich_help_panel="Run")
    ] = False,
    *,
    output: JsonOptions,
) -> None:
    """Remove people, videos or clips. A store also records them, so that later runs leave them out.

    In an export and on the Hub, only the files that contain them are rewritten. Exits with 1 if a file still holds or
    names them.
    """
    from mmvoxceleb.cli.removing import from_export, from_hub, from_store, pushed_exports
    from mmvoxceleb.cliplists import read_clip_list
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.hub.manifest import is_export
    from mmvoxceleb.meta.removals import Removals
    from mmvoxceleb.schema import ClipId
    from mmvoxceleb.trainers.export import trainer_of

    for name in clip or ():
        ClipId.parse(name)
    removals = Removals(frozenset(person or ()), frozenset(video or ()), frozenset(clip or ()))
    if listed is not None:
        removals |= _read_list(listed)
    if clips is not None:
        removals |= Removals(clip_id=frozenset(read_clip_list(clips).clips))
    if elsewhere:
        _name_elsewhere(places or (), elsewhere, dry_run=dry_run)
        if not removals:
            end({"dry_run": dry_run, "elsewhere": sorted(elsewhere), "places": {place: {} for place in places or ()}})
            return
    if not removals and listed is not None:  # such as the marks of the viewer, once their clips were removed
        say(f"{listed}: names nobody, so nothing is removed")
        end({"dry_run": dry_run, "elsewhere": [], "places": {place: {} for place in places or ()}})
        return
    if not removals:
        raise ConfigError("say what to remove: --person ID, --video ID, --clip NAME, --clips FILE or --list FILE")
    if not places and repo is None:
        raise ConfigError("say from where: a store, an export, or --repo user/name")
    sets = {place: made for place in places or () if "://" not in place and (made := trainer_of(Path(place)))}
    exports = {place for place in places or () if "://" not in place and is_export(Path(place))}
    stores = [place for place in places or () if place not in sets and place not in exports]
    if sets and not stores:
        first, trainer = next(iter(sets.items()))
        again = command("export", "STORE", first, "--for", trainer)
        raise ConfigError(
            f"{first}: was written for {trainer}. Remove from the store that it was made of, then rerun `{again}`, "
            "which deletes the clips here; nothing was removed"
        )
    done: dict[str, dict[str, Any]] = {}
    for place in places or ():
        if place in sets:
            continue
        if place in exports:
            done[place] = from_export(Path(place), removals, dry_run=dry_run)
        else:
            done[place] = from_store(place, removals, rewrite_zips=rewrite_zips, dry_run=dry_run)
    if repo is not None:
        done[repo] = from_hub(repo, revision, removals, dry_run=dry_run)
    given = {"--person": person, "--video": video, "--clip": clip, "--list": listed and [listed],
             "--clips": clips and [clips], "--elsewhere": elsewhere, "--repo": repo and [repo],
             "--revision": [revision] if revision != "main" else []}  # fmt: skip
    asked = [
        *(places or ()),
        *(word for name, values in given.items() for value in values or () for word in (name, value)),
    ]
    asked += ["--rewrite-zips"] * rewrite_zips
    kept = [store for store in stores if not done[store]["is_empty"]]
    following = command("validate", kept[0]) if kept else None
    for place, trainer in sets.items():
        again = command("export", stores[0], place, "--for", trainer)
        holds = "would still hold them" if dry_run else "STILL HOLDS THEM"
        say(f"{holds}: {place}, a set for {trainer}; take them out: {again}")
        done[place] = {"clips": [], "trainer": trainer, "next": again}
        following = again
    if any(done[place].get("holding") for place in stores if "://" not in place):
        following = command("remove", *asked, "--rewrite-zips")
    if dry_run:
        following = command("remove", *asked)
    for path in pushed_exports(places or (), removals):
        say(f"an export that mmvoxceleb push has made has them, too: {path}")
    end(
        {"dry_run": dry_run, "elsewhere": sorted(elsewhere or ()), "places": done},
        [(place, _became(found, dry_run=dry_run)) for place, found in done.items()],
        next_command=following,
    )
    if not dry_run and (sets or any(found.get(key) for found in done.values() for key in ("holding", "naming"))):
        raise typer.Exit(1)


def _became(found: dict[str, Any], *, dry_run: bool) -> str:
    """Say what became, or would become, of the clips in a place."""
    if "trainer" in found:
        return f"to export again for {found['trainer']}"
    clips, zips = counted(len(found["clips"]), "clip"), len(found.get("holding", ()))
    if dry_run or not zips:
        return f"{clips} {'to remove' if dry_run else 'removed'}"
    return f"{clips} left out from now on; {counted(zips, 'zip')} still {'holds' if zips == 1 else 'hold'} them"


def _name_elsewhere(places: Sequence[str], addresses: Sequence[str], *, dry_run: bool) -> None:
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.hub.manifest import is_export
    from mmvoxceleb.meta.removal_list import add_removals
    from mmvoxceleb.meta.removals import Removals

    named = Removals(elsewhere=frozenset(addresses))
    if not places:
        raise ConfigError("say which store names the list elsewhere")
    for place in places:
        if "://" not in place and is_export(Path(place)):
            raise ConfigError(
                f"{place}: is an export, whose card names the lists of its store; note it there, and export"
            )
        if not dry_run:
            add_removals(place, named)
        say(f"{place}: {'would name' if dry_run else 'names'} {', '.join(sorted(addresses))}")


def _read_list(path: Path) -> "Removals":
    from mmvoxceleb.errors import SourceUnavailableError
    from mmvoxceleb.meta.removals import parse_removals

    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceUnavailableError(
            f"{path}: cannot be read ({error.strerror or error}); mark clips in `mmvoxceleb view` first, or write one "
            'name a line: {"clip_id": "id10001#yDqlBD8m_b8#00001.txt#000.mp4"}'
        ) from error
    return parse_removals(data, str(path))
