"""A tiny real study with its report, and a browser, once for all tests of the page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fashion_compare.analysis.explanations import make_explanations
from fashion_compare.data.dataset import dataset_of
from fashion_compare.data.sources import resolve
from fashion_compare.execution import scheduler
from fashion_compare.execution.plan import plan, root_of
from fashion_compare.findings import with_findings
from fashion_compare.report.page import write_report
from fashion_compare.results.collect import collect, describe_dataset, with_explanations
from fashion_compare.results.files import write_results
from fashion_compare.runs.run import data_identity
from fashion_compare.store import write_text
from fashion_compare.study import spec
from fashion_compare.study.context import StudyContext

STUDY = """
name: page
description: 'Hostile: <script>alert(1)</script> & "quotes"'
seeds: 2
training_images: 300
models:
  ffnn:
    baseline: {hidden_sizes: [16], epochs: 2}
    variations: {l1: {l1: 0.0001}}
  cnn:
    baseline: {epochs: 1}
    variations: {higher-learning-rate: {learning_rate: 0.003}}
"""


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of eight short runs on the synthetic data, with its report."""
    study = spec.parse_study(STUDY, "test")
    source = resolve("synthetic", announce=lambda _: None)
    dataset = dataset_of(source)
    root = root_of(tmp_path_factory.mktemp("runs"), study.name, dataset)
    assert not scheduler.run_all(plan(StudyContext(study, data_identity(dataset), root, source)), workers=2).failures
    context = StudyContext(study, data_identity(dataset), root)
    results = collect(context, describe_dataset(dataset, study))
    make_explanations(context, results.best, dataset, lambda _: None)
    found = with_findings(with_explanations(results, context))
    write_results(found, root)
    write_text(root / "study.yaml", spec.to_yaml(study))
    write_report(found, root)
    return root


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser' (playwright)")
    if CHROMIUM is None:
        pytest.skip("needs Debian's package 'chromium' on the PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


COLLECT_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.effectiveDirective} ${event.blockedURI} line ${event.lineNumber} ${event.sample}`);
});
"""


@contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """The page at an address; in the end nothing that was done with it broke its Content-Security-Policy or failed."""
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, "offline": True} | options)
    context.add_init_script(COLLECT_VIOLATIONS)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    yield page
    assert page.evaluate("violations") == []
    assert problems == []
    context.close()


@pytest.fixture
def page(browser: Any, root: Path) -> Iterator[Any]:
    """The report in the browser, without a network."""
    with opened(browser, (root / "report.html").as_uri()) as page:
        yield page
