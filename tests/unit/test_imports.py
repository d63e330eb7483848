"""Imports as they are drawn: those for types alone and those inside functions count like any other."""

from graphlib import CycleError, TopologicalSorter

import grimp


def test_no_module_leads_back_to_itself() -> None:
    graph = grimp.build_graph("moorage", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    try:
        TopologicalSorter(imports).prepare()
        circle = []
    except CycleError as error:
        circle = error.args[1]

    assert " → ".join(reversed(circle)) == ""
