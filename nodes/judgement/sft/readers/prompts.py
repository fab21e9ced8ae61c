"""Requests that a person would refuse, and those that only sound like it.

XSTest (https://github.com/paul-rottger/exaggerated-safety, CC BY 4.0) has prompts that are safe but
sound unsafe beside unsafe ones; AdvBench (here the copy of https://github.com/YancyKahn/PocoGCG,
MIT) has harmful requests only.
"""

from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.table import rows


def read_xstest(path: Path) -> list[Example]:
    """Prompts: `unsafe` ones are unreasonable, `safe` ones plain. A type is one dialogue."""
    examples = []
    for place, row in rows(path, ("id", "prompt", "type", "label")):
        if row["label"] not in ("safe", "unsafe"):
            raise BadInput(f"{place}: label", row["label"], "should be safe or unsafe")
        examples.append(
            Example(
                id=f"xstest-{row['id']}",
                dialogue=f"xstest-{row['type'].removeprefix('contrast_')}",
                context=(),
                partial=row["prompt"],
                at="end",
                label="unreasonable" if row["label"] == "unsafe" else "plain",
            )
        )
    return examples


def read_advbench(path: Path) -> list[Example]:
    """Requests, all of them unreasonable."""
    return [
        Example(
            id=f"advbench-{number}",
            dialogue=f"advbench-{number}",
            context=(),
            partial=row["goal"],
            at="end",
            label="unreasonable",
        )
        for number, (_, row) in enumerate(rows(path, ("goal",)))
    ]
