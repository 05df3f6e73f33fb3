"""YAML without what study files have no use for, and what would surprise their authors."""

from typing import Any

import yaml

_DEEPEST = 20
# A whole number that is longer is no setting, and takes long to read and to print.
_LONGEST_INTEGER = 30


class StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, stricter: a key given twice would lose its first value, aliases could nest without end."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases, and what is nested deeper than any study."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read", mark)
        if self._depth == _DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {_DEEPEST} levels", mark)
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse keys that stand twice."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Refuse numbers without end."""
        if len(node.value) > _LONGEST_INTEGER:
            raise yaml.constructor.ConstructorError(None, None, "a number with too many digits", node.start_mark)
        return int(super().construct_yaml_int(node))


StrictLoader.add_constructor("tag:yaml.org,2002:int", StrictLoader.construct_yaml_int)
