"""Commands about data sets: fetch, split, audit, labels, patches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from crackwise.cli.labels import labels
from crackwise.cli.scores import watched
from crackwise.errors import DataError, needs_extra

if TYPE_CHECKING:
    from crackwise.data.fingerprint import Fingerprint

__all__ = ["register"]

Root = Annotated[Path | None, typer.Option("--root", help="The folder that holds the sets of the catalogue.")]


def register(app: typer.Typer) -> None:
    """Add ``crackwise data ...`` to the application."""
    data = typer.Typer(
        no_args_is_help=True,
        help="Data sets: fetch, split by photograph, look for leaks and wrong labels, cut patches.",
    )
    data.command()(fetch)
    data.command()(split)
    data.command()(audit)
    data.command()(labels)
    data.command()(patches)
    app.add_typer(data, name="data")


def fetch(
    name: Annotated[str, typer.Argument(help="A name from `crackwise list datasets`.")],
    root: Annotated[Path, typer.Option("--root", help="The set goes to ROOT/NAME.")] = Path("data"),
    source: Annotated[
        str | None, typer.Option("--from", metavar="ARCHIVE", help="A local archive or another address.")
    ] = None,
    sha256: Annotated[str | None, typer.Option("--sha256", help="The hash the archive must have.")] = None,
    accept_hash: Annotated[
        bool, typer.Option("--accept-hash", help="Take an archive of which no hash is known; prints its hash.")
    ] = False,
) -> None:
    """Download a public data set, check its hash, unpack it safely; or say how to get it."""
    from crackwise.data.fetch import fetch as fetch_set
    from crackwise.data.fetch import find_row

    row = find_row(name)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        fetched = fetch_set(
            name,
            root,
            source=source,
            sha256=sha256,
            accept_hash=accept_hash,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    typer.echo(f"{fetched.files} files in {fetched.folder}. Archive SHA-256 {fetched.sha256}.")
    typer.echo(f"Terms: {row.licence}. Cite: {row.paper}.")


def split(
    source: Annotated[str, typer.Argument(metavar="PATH|SET", help="A folder, or a name of the catalogue.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write: image,group,split.")],
    fractions: Annotated[
        str,
        typer.Option("--fractions", help="Shares of train, validation, test and, where there is a fourth, robustness."),
    ] = "0.7,0.15,0.15",
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another split.")] = 0,
    stratify: Annotated[
        bool, typer.Option("--stratify", help="The same share of cracked pictures in every part; needs labels.")
    ] = False,
    root: Root = None,
) -> None:
    """Share out pictures to train, val and test so that no photograph is in two of them."""
    with needs_extra("lab"):
        from crackwise.data.folder import folder_of, open_items, open_pictures, parse_reference, shows_crack
    from crackwise.data.splits import make_split, write_split

    folder = folder_of(source, root)
    above = f"{folder.parent.as_posix()}/"  # groups without it, so that the split is the same on every machine
    found = (open_items if stratify else open_pictures)(source, root)
    items = [item._replace(group=item.group.removeprefix(above)) for item in found]
    labels = ["crack" if shows_crack(item) else "none" for item in items] if stratify else None
    parts = make_split([item.group for item in items], shares(fractions), seed=seed, labels=labels)
    write_split(out, items, parts, folder)
    for part in dict.fromkeys(parts):
        groups = {item.group for item, own in zip(items, parts, strict=True) if own == part}
        cracked = list(zip(parts, labels or (), strict=False)).count((part, "crack"))
        typer.echo(
            f"{part:<10} {parts.count(part):>6} pictures of {len(groups)} photographs"
            + (f", {cracked} with a crack" if stratify else "")
        )
    place = f"{parse_reference(source).source}:{out.stem}/train"
    typer.echo(f"Wrote {out}. Lying in the set's folder, its parts are {place} and so on.")


def audit(
    sets: Annotated[list[str], typer.Argument(metavar="SET...", help="Names of the catalogue or folders, with :part.")],
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for photographs and copies of pictures that stand on both sides of a split; exit 1 if there are any."""
    with needs_extra("lab"):
        from crackwise.data.audit import audit as audit_sets
        from crackwise.data.folder import open_pictures

    found = audit_sets({reference: open_pictures(reference, root) for reference in sets}, watch)
    typer.echo(found.to_json() if as_json else "\n".join(found.lines()))
    if found.crosses:
        raise typer.Exit(1)


def patches(
    sets: Annotated[list[str], typer.Argument(metavar="SET...", help="Segmentation sets, with :part.")],
    out: Annotated[Path, typer.Option("--out", help="A new folder: PART/crack, PART/no_crack, index.csv.")],
    min_share: Annotated[
        float, typer.Option("--min-share", help="Crack from this share of crack pixels on; below it, left out.")
    ] = 0.005,
    size: Annotated[int, typer.Option("--size", help="Side of a patch in pixels.")] = 224,
    balance: Annotated[
        bool, typer.Option("--balance", help="As many of one class as of the other in every part, drawn by the seed.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of --balance.")] = 0,
    form: Annotated[str, typer.Option("--format", metavar="png|jpeg", help="jpeg is smaller, with loss.")] = "png",
    root: Root = None,
) -> None:
    """Cut patches with and without a crack from pictures whose cracks are outlined; their photograph is kept."""
    with needs_extra("lab"):
        from crackwise.data.folder import open_items
        from crackwise.data.patches import Rule, cut_patches, write_patches

    items = [item for reference in sets for item in open_items(reference, root)]
    found = cut_patches(items, Rule(size_px=size, min_share=min_share), balance_seed=seed if balance else None)
    write_patches(out, found.patches, form=form)
    for part, label, count in found.counts():
        typer.echo(f"{part or 'all':<6} {label:<8} {count:>6} patches")
    typer.echo(
        f"Left out: {found.between} windows with less crack than --min-share or with unlabelled pixels, "
        f"{found.too_small} pictures smaller than {size} px, {found.thinned} patches for balance. Wrote {out}."
    )


def watch(prints: Iterable[Fingerprint], count: int) -> Iterable[Fingerprint]:
    """A progress bar of pictures that are read."""
    return watched(prints, "Reading pictures", count)


def shares(fractions: str) -> dict[str, float]:
    """``"0.7,0.15,0.15"`` to train, val, test; two numbers to train, test; a fourth is that of robustness.

    Raises:
        DataError: not two to four numbers.
    """
    try:
        numbers = [float(number) for number in fractions.split(",")]
    except ValueError:
        numbers = []
    three = ("train", "val", "test")
    names = {2: ("train", "test"), 3: three, 4: (*three, "robustness")}.get(len(numbers))
    if names is None:
        raise DataError(f"--fractions needs two to four numbers such as 0.7,0.15,0.15; got {fractions!r}.")
    return dict(zip(names, numbers, strict=True))
