"""`aisle import catalog FILE`."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli import catalog_file, catalog_mapping
from cli.catalog_mapping import MappedProduct
from local.ingest import Catalogue
from local.settings import LocalSettings
from services.runtime.errors import AisleError

SHOWN_PROBLEMS = 10

console = Console()


def catalog(
    file: Annotated[Path, typer.Argument(help="JSON Lines, JSON, CSV or YAML; .gz too.")],
    mapping: Annotated[
        str, typer.Option(help=f"One of {', '.join(catalog_mapping.names())}, or the path of a mapping file.")
    ] = "aisle",
    format: Annotated[str | None, typer.Option(help="jsonl, json, csv or yaml; told by the name when absent.")] = None,
    skip_invalid: Annotated[bool, typer.Option(help="Import what is right and leave out what is not.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="Only the first so many products; 0 means all.")] = 0,
) -> None:
    """Bring a catalogue in. The whole file is checked first: if anything is wrong with it, nothing changes."""
    try:
        chosen = catalog_mapping.load(mapping)
        products, problems = _read(file, format or catalog_file.format_of(file), chosen, limit)
    except (catalog_file.UnreadableFile, catalog_mapping.UnusableMapping) as error:
        raise _refused(str(error)) from None
    _show(problems)
    if problems and not skip_invalid:
        raise _refused("Nothing was imported. Mend the file, or leave these out with --skip-invalid.")
    if not products:
        raise _refused(f"There is no product in {file}.")
    try:
        asyncio.run(_send(products))
    except AisleError as error:
        raise _refused(f"{error.message} ({error.reason}) What was sent so far is kept; run it again.") from None


def _read(
    file: Path, file_format: str, mapping: catalog_mapping.CatalogMapping, limit: int
) -> tuple[list[MappedProduct], list[str]]:
    if file_format not in catalog_file.FORMATS:
        raise catalog_file.UnreadableFile(f"{file_format} is not one of {', '.join(catalog_file.FORMATS)}")
    products: dict[str, MappedProduct] = {}
    problems: list[str] = []
    doubles = 0
    with console.status(f"Reading {escape(file.name)} …"):
        for place, record in catalog_file.records(file, file_format):
            try:
                mapped = catalog_mapping.to_product(record, mapping)
            except catalog_mapping.UnusableRecord as error:
                problems.append(f"{file.name}:{place}: {error}")
                continue
            doubles += mapped.product.name in products
            products[mapped.product.name] = mapped
            if limit and len(products) >= limit:
                break
    if doubles:
        console.print(f"[yellow]![/] Records with the id of another one: {doubles}. Of each id the last one counts.")
    return list(products.values()), problems


async def _send(products: Sequence[MappedProduct]) -> None:
    settings = LocalSettings.load()
    categories = Counter(mapped.category_title for mapped in products)
    async with Catalogue.open(settings) as catalogue:
        await catalogue.put_categories({mapped.product.category: mapped.category_title for mapped in products})
        with Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        ) as progress:
            bar = progress.add_task("Importing", total=len(products), rate="")

            def advance(count: int) -> None:
                progress.advance(bar, count)
                speed = progress.tasks[0].finished_speed or progress.tasks[0].speed
                progress.update(bar, rate=f"{speed:.0f}/s" if speed else "")

            outcome = await catalogue.put_products([mapped.product for mapped in products], advance)
    console.print(
        f"[green]✓[/] {outcome.created} products are new, {outcome.updated} were replaced, "
        f"in {len(categories)} categories; {outcome.indexed} are found by meaning at once."
    )
    if outcome.indexed < len(products):
        console.print(f"  {len(products) - outcome.indexed} follow as soon as embeddings can be made.")


def _show(problems: Sequence[str]) -> None:
    for problem in problems[:SHOWN_PROBLEMS]:
        console.print(f"[yellow]![/] {escape(problem)}", highlight=False)
    if len(problems) > SHOWN_PROBLEMS:
        console.print(f"  … and {len(problems) - SHOWN_PROBLEMS} more.")


def _refused(message: str) -> typer.Exit:
    console.print(f"[bold red]✗[/] {escape(message)}", highlight=False)
    return typer.Exit(1)
