"""PDF: a typeset book of a job's lore, with notes that cite each piece of it (Typst)."""

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import typst

from lorekeeper.contracts.jobs import ClaimedJob
from lorekeeper.contracts.prompts import PdfPromptSpec
from lorekeeper.generators.book import book_title, build_book
from lorekeeper.sdk.handling import JobContext, JobError, MadeFile

DEFAULT_PAPER = "a5"
_COMMON_NAMES = {"letter": "us-letter", "legal": "us-legal", "tabloid": "us-tabloid", "b4": "iso-b4", "b5": "iso-b5"}
_PAPER_PROBE = b"""
#set page(paper: sys.inputs.paper)
#context [#metadata((page.width.pt(), page.height.pt())) <size>]
"""
_PAGE_COUNT = re.compile(rb"/Type/Pages\b[^>]*?/Count (\d+)")


@dataclass(frozen=True)
class Paper:
    """A page's size in points."""

    width: float
    height: float


def make_pdf(job: ClaimedJob, context: JobContext) -> MadeFile:
    """Typeset the job's snapshotted lore. The same job gives the same bytes, on any machine with the same Typst.

    Raises `JobError`: `nothing_to_typeset`, `unknown_page_size`, `invalid_prompt_spec`, `typesetting_failed`.
    """
    lore = job.derivation.lore_snapshot
    if not (lore.entities or lore.claims or lore.source_chunks):
        raise JobError("nothing_to_typeset", "A book needs lore: reference at least one chunk, claim or entity.")
    prompt = _read_prompt(job)
    paper = find_paper(prompt.page_size or DEFAULT_PAPER)
    context.progress(5, "composing")
    book = build_book(job, prompt) | {"page": {"width": paper.width, "height": paper.height}}
    context.progress(15, "typesetting", f"{len(lore.source_chunks)} chunks, {len(lore.claims)} claims")
    pdf = _typeset(book)
    pages = _page_count(pdf)
    context.progress(90, "writing", f"{pages} pages")
    path = context.work_dir / "book.pdf"
    path.write_bytes(pdf)
    context.progress(100, "done")
    metadata = {"page_count": pages, "title": book_title(job, prompt), "page_size": prompt.page_size or DEFAULT_PAPER}
    return MadeFile(path, "pdf", "application/pdf", metadata=metadata)


def find_paper(name: str) -> Paper:
    """The size of a paper by its Typst name (`a5`, `us-letter`), in any case; `JobError` for a name Typst lacks."""
    known = name.strip().lower().replace(" ", "-")
    try:
        found = typst.query(
            _PAPER_PROBE,
            "<size>",
            field="value",
            one=True,
            sys_inputs={"paper": _COMMON_NAMES.get(known, known)},
            ignore_system_fonts=True,
        )
    except RuntimeError as error:  # typst.query raises no TypstError
        message = f"Unknown page size {name!r}: use a paper name of Typst's, such as a5, a4, us-letter or us-trade."
        raise JobError("unknown_page_size", message) from error
    width, height = json.loads(found)
    return Paper(width, height)


def _read_prompt(job: ClaimedJob) -> PdfPromptSpec:
    try:
        return PdfPromptSpec.model_validate(job.prompt_spec)
    except ValueError as error:
        raise JobError("invalid_prompt_spec", str(error)) from error


def _typeset(book: dict[str, Any]) -> bytes:
    """The PDF's bytes. No clock, no system font, no network, no file but the template."""
    try:
        pdf = typst.compile(
            (files("lorekeeper.generators") / "book.typ").read_bytes(),
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs={"book": json.dumps(book, ensure_ascii=False)},
            timestamp=0,
        )
    except typst.TypstError as error:
        raise JobError("typesetting_failed", f"{error.message} {' '.join(error.hints)}".strip()) from error
    if not isinstance(pdf, bytes):
        raise TypeError("Typst gave back pages where one PDF was asked for")
    return pdf


def _page_count(pdf: bytes) -> int:
    """As the file's page tree has it, which Typst writes first and uncompressed."""
    found = _PAGE_COUNT.search(pdf)
    if found is None:
        raise JobError("typesetting_failed", "The PDF has no page tree that could be read back.")
    return int(found.group(1))
