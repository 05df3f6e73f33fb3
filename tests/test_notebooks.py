"""The notebooks run from top to bottom, define no network of their own, and are committed without outputs."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
FROM_SCRATCH = NOTEBOOKS[-1]


def code_of(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_the_notebook_is_there():
    """What the checks below look at exists; test_colab.py looks at the other one's cells."""
    assert [path.name for path in NOTEBOOKS] == ["colab.ipynb", "from_scratch.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_committed_without_outputs(path):
    """No cell holds an output or a count: nothing goes stale, and no image of the data set is committed."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


def test_it_defines_no_network():
    """It imports the package's network and defines no class, and nothing that is called as a layer's parts are."""
    trees = [ast.parse(source) for source in code_of(FROM_SCRATCH)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert "fashion_compare.scratch" in imported
    assert not {"torch", "sklearn.neural_network"} & imported
    assert [node.name for node in nodes if isinstance(node, ast.ClassDef)] == []
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    assert functions == {"line", "rows", "train", "evaluate"}


@pytest.mark.slow
def test_it_runs_from_top_to_bottom():
    """In a kernel of its own, every cell: none ends in an error, and the last network is right about clothes."""
    notebook = nbformat.read(FROM_SCRATCH, as_version=4)
    # As where it lies: from there the data of a source checkout is found.
    resources = {"metadata": {"path": str(FROM_SCRATCH.parent)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 11
    assert "test accuracy" in "".join(output.text for output in outputs if output.output_type == "stream")
